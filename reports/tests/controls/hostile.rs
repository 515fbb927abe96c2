//! Names that would be markup, a formula or another line.

use lifeboat_reports::{SeenRun, controls_csv, controls_markdown, controls_oscal, matrix};

use crate::oscal::problems;
use crate::runs::{CONTROL, UNTIL, passed, quarter, seen};
use crate::spreadsheet::read;

const HOSTILE: &str =
    "=cmd()|<script>alert(1)</script>|`x`\n]]>\u{1b}[31m\u{202e}\u{7}@all #1 [a](http://b) \"'&$x$,";

/// A run with such names everywhere, also where a plan could have none.
fn hostile() -> SeenRun {
    let mut run = passed(UNTIL - time::Duration::days(1));
    let (control, name) = (format!("{HOSTILE}:{HOSTILE}"), HOSTILE.to_owned());
    let drill = &mut run.drills[0];
    let texts = [
        &mut run.run_id,
        &mut run.environment.name,
        &mut run.environment.provider,
        &mut run.environment.region,
        &mut run.plan.sha256,
        &mut run.tool.version,
        &mut run.controls[0].id,
        &mut drill.name,
        &mut drill.scenario,
        &mut drill.target,
        &mut drill.reason,
        &mut drill.controls[0],
    ];
    for text in texts {
        *text = if text == CONTROL { control.clone() } else { name.clone() };
    }
    run.environment.account = Some("\n".into());
    run.environment.change_ticket = Some(name);
    seen(run)
}

fn misleads(text: &str) -> Option<char> {
    text.chars().find(|c| (c.is_control() && !"\n\r".contains(*c)) || *c == '\u{202e}')
}

#[test]
fn markdown_is_text() {
    let runs: Vec<SeenRun> = quarter().into_iter().chain([hostile()]).collect();
    let text = controls_markdown(&matrix(&runs, UNTIL));
    assert_eq!(misleads(&text), None);
    assert!(text.contains("<script>"), "as code");
    // In the tables no bar of a name makes a cell, and no line feed a row.
    let mut columns = 0;
    let mut rows = 0;
    for line in text.lines() {
        if !line.starts_with('|') {
            assert!(!line.starts_with("=cmd") && !line.starts_with("]]"), "{line}");
            columns = 0;
            continue;
        }
        let cells = line.replace("\\|", "").matches('|').count();
        assert!(columns == 0 || columns == cells, "{line}");
        (columns, rows) = (cells, rows + 1);
    }
    let usual = quarter();
    let usual = controls_markdown(&matrix(&usual, UNTIL));
    let more = rows - usual.lines().filter(|line| line.starts_with('|')).count();
    // One in the overview, one among the runs, and a table of its own with a head of two.
    assert_eq!(more, 5, "{text}");
}

#[test]
fn a_spreadsheet_finds_no_formula() {
    let runs = [hostile()];
    let matrix = matrix(&runs, UNTIL);
    let text = controls_csv(&matrix);
    assert_eq!(misleads(&text), None);
    let lines = read(&text);
    assert_eq!(lines.len(), 2, "{lines:?}");
    for line in &lines {
        assert_eq!(line.len(), lines[0].len());
        for cell in line {
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']), "{cell}");
        }
    }
    assert!(lines[1].iter().filter(|cell| cell.starts_with("'=cmd()|<script>")).count() >= 7, "{lines:?}");
}

#[test]
fn oscal_stays_valid_and_its_texts_are_no_markup() {
    let runs: Vec<SeenRun> = quarter().into_iter().chain([hostile()]).collect();
    let text = controls_oscal(&matrix(&runs, UNTIL), UNTIL).expect("a document");
    assert_eq!(misleads(&text), None);
    assert_eq!(problems("hostile", std::slice::from_ref(&text)), [""]);
    let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let mut markup = 0;
    walk(&document, &mut |key, text| {
        if ["title", "description", "remarks"].contains(&key) {
            assert!(!text.contains('<') && !text.contains("](http"), "{key}: {text}");
            markup += usize::from(text.contains("&lt;script&gt;"));
        }
    });
    assert!(markup >= 3, "they are there: {text}");
}

fn walk(value: &serde_json::Value, act: &mut dyn FnMut(&str, &str)) {
    match value {
        serde_json::Value::Object(fields) => fields.iter().for_each(|(key, value)| match value.as_str() {
            Some(text) => act(key, text),
            None => walk(value, act),
        }),
        serde_json::Value::Array(items) => items.iter().for_each(|item| walk(item, act)),
        _ => {}
    }
}
