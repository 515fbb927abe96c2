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
    text.chars().map(|c| if steers_a_terminal(c) { '\u{fffd}' } else { c }).collect()
}

/// The same for text of several lines: its line feeds stay.
pub fn clean_text(text: &str) -> String {
    text.split('\n').map(clean_line).collect::<Vec<_>>().join("\n")
}

/// Whether a character does something to a terminal instead of showing.
pub fn steers_a_terminal(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_moves_the_cursor() {
        assert_eq!(clean_line("a\u{1b}[31mb\nc\u{202e}"), "a\u{fffd}[31mb\u{fffd}c\u{fffd}");
        assert_eq!(clean_text("a\u{1b}\r\nb\n"), "a\u{fffd}\u{fffd}\nb\n");
        assert_eq!(clean_xml("a\u{1b}\0b\t\n\u{ffff}🚀"), "ab\t\n🚀");
    }
}
