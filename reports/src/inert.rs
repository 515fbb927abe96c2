//! What the templates write text from outside with: it stays text in HTML and SVG, and shows as what it is.

use std::fmt::{Result, Write};

use askama::filters::{Escaper, Html};

use crate::steers_a_terminal;

/// Escapes what means something to HTML, and makes every control and direction character a visible mark: an override of the
/// reading direction can make one name look like another. Line feeds and tabs stay.
#[derive(Debug, Clone, Copy)]
pub struct Inert;

impl Escaper for Inert {
    fn write_escaped_str<W: Write>(&self, mut dest: W, string: &str) -> Result {
        let mut rest = string;
        while let Some(place) = rest.find(|c| !matches!(c, '\n' | '\t') && misleads(c)) {
            Html.write_escaped_str(&mut dest, &rest[..place])?;
            dest.write_char('\u{fffd}')?;
            rest = &rest[place..];
            rest = &rest[rest.chars().next().map_or(0, char::len_utf8)..];
        }
        Html.write_escaped_str(&mut dest, rest)
    }
}

/// What is not allowed in XML or HTML, or changes how the text around it shows.
pub fn misleads(c: char) -> bool {
    steers_a_terminal(c)
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{2028}' | '\u{2029}' | '\u{feff}')
        || (u32::from(c) & 0xfffe) == 0xfffe
}

/// The text on one line with nothing in it that misleads.
pub fn inert_line(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\r' | '\t' => ' ',
            c if misleads(c) => '\u{fffd}',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        let mut page = String::new();
        Inert.write_escaped_str(&mut page, "a<b>\u{1b}\u{202e}\u{ffff}c\n\td'\"&").expect("written");
        assert_eq!(page, "a&#60;b&#62;\u{fffd}\u{fffd}\u{fffd}c\n\td&#39;&#34;&#38;");
        assert_eq!(inert_line("a\nb\u{200f}"), "a b\u{fffd}");
    }
}
