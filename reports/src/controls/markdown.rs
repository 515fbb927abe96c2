//! Controls against runs as Markdown, for people. Whatever comes from outside stays text, as in the report of a run.

use std::fmt::Write as _;

use lifeboat_model::RunRecord;

use super::gaps::Gap;
use super::matrix::{ControlRow, Entry, Matrix, Signature};
use crate::inert::inert_line;
use crate::markdown::{code, escaped};
use crate::words::{self, date, of_drill};

/// What stands at the beginning of each form that has room for it.
pub const WHAT_COUNTS: &str = "A run evidences a control where a drill that its plan names for it passed, put everything back, and ran \
                               on a real system to the run's end. Whether a control is met is for an assessor to say.";

/// The matrix as Markdown.
pub fn controls_markdown(matrix: &Matrix<'_>) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "## Controls before {}\n\n{WHAT_COUNTS}\n", date(matrix.until));
    let _ = writeln!(text, "> {}\n", signatures(matrix));
    if matrix.later > 0 {
        let _ = writeln!(text, "> {}\n", left_out(matrix));
    }
    overview(matrix, &mut text);
    of_runs(matrix, &mut text);
    for row in &matrix.rows {
        details(row, &mut text);
    }
    text
}

/// Whether signatures were verified, as a sentence.
pub fn signatures(matrix: &Matrix<'_>) -> String {
    let bad = matrix.runs.iter().filter(|run| matches!(run.signature, Signature::NotVerified(_))).count();
    match (matrix.looked_at_signatures(), bad) {
        (false, _) => {
            "Signatures were not verified: whoever can write the runs' files can have changed them.".into()
        }
        (true, 0) => "The signatures of all runs were verified.".into(),
        (true, bad) => format!(
            "The signatures of {} of {} runs were verified; the others are not as they were signed with this key, or were not \
             signed, and evidence nothing.",
            matrix.runs.len() - bad,
            matrix.runs.len()
        ),
    }
}

/// How many runs do not count for having ended too late, as a sentence.
pub fn left_out(matrix: &Matrix<'_>) -> String {
    format!("Runs that ended at that moment or later, and are not here: {}.", matrix.later)
}

/// A gap as a sentence.
pub fn gap_sentence(gap: &Gap) -> String {
    // Hours as well: 35 days and an hour are more than 35.
    let (days, hours) = (gap.span().whole_days(), gap.span().whole_hours() % 24);
    let long = format!("{days} days {hours} h");
    let (from, to) = (date(gap.from), date(gap.to));
    let wanted =
        gap.period_days.map(|days| format!(", a run every {days} days is wanted")).unwrap_or_default();
    match (&gap.last, gap.open) {
        (Some(last), true) => {
            format!("no evidence for {long}, since run {} of {from}{wanted}", inert_line(last))
        }
        (Some(last), false) => format!(
            "no evidence for {long}, from run {} of {from} to the next of {to}{wanted}",
            inert_line(last)
        ),
        (None, true) => {
            format!("no evidence at all, in {long} since the first run that names it, of {from}{wanted}")
        }
        (None, false) => {
            format!("no evidence for {long}, from the first run that names it, of {from}, to {to}{wanted}")
        }
    }
}

fn overview(matrix: &Matrix<'_>, text: &mut String) {
    text.push_str("| Control | Wants a run within | Last evidence | Evidence is missing | Then or since no evidence |\n");
    text.push_str("|---|---|---|---|---|\n");
    for row in &matrix.rows {
        let period =
            row.period_days.map_or("the plan does not say".to_owned(), |days| format!("{days} days"));
        let last = row
            .last()
            .map_or("none".to_owned(), |run| format!("{}, run {}", date(run.started_at), cell(&run.run_id)));
        let gaps: Vec<String> = row.gaps.iter().map(|gap| escaped(&gap_sentence(gap))).collect();
        let gaps = match (gaps.is_empty(), row.period_days) {
            (false, _) => format!("✗ {}", gaps.join("; ")),
            (true, Some(_)) => "✓ nowhere".into(),
            (true, None) => "there is some; without a period no more can be told".into(),
        };
        let _ = writeln!(text, "| {} | {period} | {last} | {gaps} | {} |", cell(row.id), since(row));
    }
}

/// So many are named.
const MOST: usize = 3;

/// The drills that name a control and were no evidence in the run that last was, or after it.
fn since(row: &ControlRow<'_>) -> String {
    let last = row.last().map(|run| run.started_at);
    let since: Vec<String> = row
        .entries
        .iter()
        .filter(|entry| !entry.evidences() && last.is_none_or(|last| entry.run.record.started_at >= last))
        .filter_map(|entry| {
            let (drill, run) = (entry.drill?, &entry.run.record.run_id);
            Some(format!("{} in run {}: {}", cell(&drill.name), cell(run), short(entry)))
        })
        .collect();
    match since.len() {
        0 => "none".into(),
        all if all > MOST => format!("{}; and {} more", since[all - MOST..].join("; "), all - MOST),
        _ => since.join("; "),
    }
}

/// Run by run, what each is to each control.
fn of_runs(matrix: &Matrix<'_>, text: &mut String) {
    let heads: String = matrix.rows.iter().map(|row| format!(" {} |", cell(row.id))).collect();
    let _ = write!(text, "\n### Runs\n\n| Run | Began | Environment |{heads}\n|---|---|---|");
    text.push_str(&"---|".repeat(matrix.rows.len()));
    text.push('\n');
    for run in &matrix.runs {
        let RunRecord { run_id, started_at, environment, .. } = &run.record;
        let _ = write!(text, "| {} | {} | {} |", cell(run_id), date(*started_at), cell(&environment.name));
        for row in &matrix.rows {
            let entries = || row.entries.iter().filter(|entry| std::ptr::eq(entry.run, *run));
            let several = entries().count() > 1;
            let words: Vec<String> = entries()
                .map(|entry| match entry.drill.filter(|_| several) {
                    Some(drill) => format!("{}: {}", cell(&drill.name), short(entry)),
                    None => short(entry),
                })
                .collect();
            let _ = write!(text, " {} |", words.join("; "));
        }
        text.push('\n');
    }
}

/// What a run is to a control, in a few words.
fn short(entry: &Entry<'_>) -> String {
    let Some(drill) = entry.drill else { return "– not run".into() };
    let status = of_drill(drill.verdict, drill.restoration);
    if entry.evidences() {
        return "✓ evidence".into();
    }
    let more = [
        (entry.run.record.environment.simulated, "simulated"),
        (!entry.run.record.complete, "not complete"),
        (entry.run.record.interrupted_by.is_some(), "interrupted"),
        (entry.run.record.stopped_by.is_some(), "stopped"),
        (matches!(entry.run.signature, Signature::NotVerified(_)), "not verified"),
    ];
    let more: String = more.iter().filter(|(is, _)| *is).map(|(_, word)| format!(", {word}")).collect();
    // What is no evidence is never ticked.
    let sign = if status.tone == "good" { "–" } else { status.sign() };
    format!("{sign} {}{more}", status.word)
}

fn details(row: &ControlRow<'_>, text: &mut String) {
    let _ = writeln!(text, "\n### {}\n", code(row.id));
    text.push_str("| Run | Began | Drill | Verdict | RTO target | RTO measured | RPO target | RPO measured | Evidence |\n");
    text.push_str("|---|---|---|---|---|---|---|---|---|\n");
    for entry in &row.entries {
        let RunRecord { run_id, started_at, .. } = &entry.run.record;
        let evidence = match entry.evidences() {
            true => "✓ yes".to_owned(),
            false => format!("✗ no: {}", escaped(&entry.why_not.join("; "))),
        };
        let of_drill: [String; 6] = match entry.drill {
            None => std::array::from_fn(|_| "–".to_owned()),
            Some(drill) => {
                let status = of_drill(drill.verdict, drill.restoration);
                [
                    format!("{} ({} on {})", cell(&drill.name), cell(&drill.scenario), cell(&drill.target)),
                    format!("{} {}", status.sign(), status.word),
                    words::objective(drill.objectives.rto_s),
                    escaped(&words::rto(drill)),
                    words::objective(drill.objectives.rpo_s),
                    escaped(&words::rpo(drill)),
                ]
            }
        };
        let cells = of_drill.join(" | ");
        let _ = writeln!(text, "| {} | {} | {cells} | {evidence} |", cell(run_id), date(*started_at));
    }
}

/// A name in a cell of a table.
fn cell(text: &str) -> String {
    code(text).replace('|', "\\|")
}
