//! Markdown for a CI job's summary: the verdict, the table, and what went wrong, in full.
//!
//! Whatever comes from outside stays text on GitHub and GitLab: no markup, no link, no mention and no reference to an issue.

use std::fmt::Write as _;

use lifeboat_model::{DrillRecord, Judgement, Restoration, RunRecord, Verdict};

use crate::controls::controls_line;
use crate::inert::inert_line;
use crate::words::{self, SIMULATED, of_drill, of_judgement};

/// GitHub drops a summary of more than 1,024 kB whole; what is longer than this is cut between two drills.
const MOST: usize = 900_000;
/// A single text is cut to so many characters.
const LONGEST: usize = 2_000;

/// The Markdown report of a record, less than 1 MB.
pub fn markdown(record: &RunRecord) -> String {
    let status = of_drill(record.verdict, record.restoration);
    let mut text = String::new();
    let _ = writeln!(text, "## {} Recovery drills: {}\n", status.sign(), status.word.to_uppercase());
    let _ = writeln!(text, "{}\n", escaped(&words::sentence(record)));
    if record.environment.simulated {
        let _ = writeln!(text, "> **This run is {SIMULATED}.**\n");
    }
    for remark in words::remarks(record) {
        let _ = writeln!(text, "- {}", escaped(&remark));
    }
    text.push_str("\n| Drill | Verdict | RTO target | RTO measured | RPO target | RPO measured |\n");
    text.push_str("|---|---|---|---|---|---|\n");
    let mut left_out = record.drills.len();
    for drill in &record.drills {
        let row = row(drill);
        if text.len() + row.len() > MOST / 2 {
            break;
        }
        text.push_str(&row);
        left_out -= 1;
    }
    if left_out > 0 {
        let _ = writeln!(text, "\n{left_out} more drills have no room here: see report.html.");
    }
    for drill in &record.drills {
        let Some(line) = controls_line(record, drill) else { continue };
        if text.len() < MOST / 2 {
            let _ = write!(text, "\nControls of {}: {}\n", code(&drill.name), escaped(&line));
        }
    }
    let mut cut = 0;
    for drill in record.drills.iter().filter(|drill| !good(drill)) {
        let section = section(drill);
        if text.len() + section.len() > MOST {
            cut += 1;
        } else {
            text.push_str(&section);
        }
    }
    if cut > 0 {
        let _ = writeln!(text, "\nThe details of {cut} drills have no room here: see report.html.");
    }
    let environment = &record.environment;
    let _ = writeln!(
        text,
        "\nRun {} on {} ({}), {}, {} {}. The whole report is report.html, and record.json is what it is made of.",
        code(&record.run_id),
        code(&environment.name),
        escaped(&environment.provider),
        words::date(record.started_at),
        escaped(&record.tool.name),
        escaped(&record.tool.version),
    );
    text
}

fn good(drill: &DrillRecord) -> bool {
    drill.verdict == Verdict::Passed && drill.restoration == Restoration::Clean
}

fn row(drill: &DrillRecord) -> String {
    let status = of_drill(drill.verdict, drill.restoration);
    format!(
        "| {} | {} {} | {} | {} | {} | {} |\n",
        code(&drill.name).replace('|', "\\|"),
        status.sign(),
        status.word,
        words::objective(drill.objectives.rto_s),
        escaped(&words::rto(drill)),
        words::objective(drill.objectives.rpo_s),
        escaped(&words::rpo(drill)),
    )
}

/// What went wrong in a drill.
fn section(drill: &DrillRecord) -> String {
    let status = of_drill(drill.verdict, drill.restoration);
    let mut text = String::new();
    let _ = writeln!(
        text,
        "\n### {} {}: {}\n\n{} on {}: {}\n",
        status.sign(),
        code(&drill.name),
        status.word,
        code(&drill.scenario),
        code(&drill.target),
        escaped(&drill.reason)
    );
    let missed =
        drill.checks.iter().filter(|check| !matches!(check.outcome, Judgement::Passed | Judgement::Unasked));
    for check in missed {
        let status = of_judgement(check.outcome);
        let (name, message) = (escaped(&check.name), escaped(&check.message));
        let _ = writeln!(text, "- {} **{name}** ({}): {message}", status.sign(), status.word);
    }
    for left in &drill.residue {
        let _ = writeln!(text, "- ✗ **left behind**: {}", escaped(left));
    }
    text
}

fn shortened(text: &str) -> String {
    let mut line = inert_line(text);
    if let Some((end, _)) = line.char_indices().nth(LONGEST) {
        line.truncate(end);
        line.push('…');
    }
    line
}

/// Text on one line that means nothing to Markdown. A mark without width behind `@`, `#`, `:` and `.` keeps mentions,
/// references and bare addresses from becoming links.
pub fn escaped(text: &str) -> String {
    let line = shortened(text);
    let mut out = String::with_capacity(line.len() + line.len() / 8);
    let mut letters = line.chars().peekable();
    while let Some(c) = letters.next() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '!' | '|' | '~' | '$' | '=' => {
                out.push('\\');
                out.push(c);
            }
            '#' => out.push_str("\\#\u{200b}"),
            '@' => out.push_str("@\u{200b}"),
            ':' if letters.peek() == Some(&'/') => out.push_str(":\u{200b}"),
            '.' if out.to_ascii_lowercase().ends_with("www") => out.push_str("\u{200b}."),
            c => out.push(c),
        }
    }
    out
}

/// A name as code: nothing in it is looked at, with a fence that is longer than any in it.
pub fn code(text: &str) -> String {
    let line = shortened(text);
    let longest = line.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let space = if line.starts_with('`') || line.ends_with('`') || line.trim().is_empty() { " " } else { "" };
    format!("{fence}{space}{line}{space}{fence}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_means_nothing() {
        assert_eq!(
            escaped("a|b `c` <i> @me #1\n![x](y) https://z www.q *_~"),
            "a\\|b \\`c\\` &lt;i&gt; @\u{200b}me \\#\u{200b}1 \\!\\[x\\]\\(y\\) https:\u{200b}//z www\u{200b}.q \\*\\_\\~"
        );
        assert_eq!(code("a``b"), "```a``b```");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(code("a\nb"), "`a b`");
    }
}
