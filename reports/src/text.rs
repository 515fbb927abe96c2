//! Text from outside, made harmless for where it is shown.

/// The text with what XML 1.0 does not allow taken out: C0 but for tab, line feed and carriage return, U+FFFE, U+FFFF.
pub fn clean_xml(text: &str) -> String {
    text.chars()
        .filter(|c| match c {
            '\t' | '\n' | '\r' => true,
            '\u{fffe}' | '\u{ffff}' => false,
            c => u32::from(*c) >= 0x20,
        })
        .collect()
}

/// The text on one line of a terminal: every control character becomes a visible mark, so that nothing in a name or an
/// error can move the cursor or change a colour.
pub fn clean_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || is_bidi_override(c) { '\u{fffd}' } else { c }).collect()
}

fn is_bidi_override(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_moves_the_cursor() {
        assert_eq!(clean_line("a\u{1b}[31mb\nc\u{202e}"), "a\u{fffd}[31mb\u{fffd}c\u{fffd}");
        assert_eq!(clean_xml("a\u{1b}\0b\t\n\u{ffff}🚀"), "ab\t\n🚀");
    }
}
