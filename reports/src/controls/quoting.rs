//! Comma-separated values (RFC 4180) that a spreadsheet takes for text.

/// One record: its cells, separated and quoted, with the end of its line.
pub fn csv_line<S: AsRef<str>>(cells: &[S]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| quoted(cell.as_ref())).collect();
    cells.join(",") + "\r\n"
}

/// A cell in quotes. One that a spreadsheet would take for a formula gets an apostrophe before it.
fn quoted(cell: &str) -> String {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let before = if formula { "'" } else { "" };
    format!("\"{before}{}\"", cell.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_a_formula_or_ends_a_cell() {
        let line = csv_line(&["a", "=cmd()", "+1", "-1", "@x", "\tx", "\rx", "a\"b,c\nd", ""]);
        let expected = "\"a\",\"'=cmd()\",\"'+1\",\"'-1\",\"'@x\",\"'\tx\",\"'\rx\",\"a\"\"b,c\nd\",\"\"\r\n";
        assert_eq!(line, expected);
    }
}
