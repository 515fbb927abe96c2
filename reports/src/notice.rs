//! What a run tells people when it has ended: plain text, a message of Slack, and a document for programs.
//!
//! What went wrong comes first, with what to do about it, and everything is cut to a length that the places it goes to take; of
//! the document for programs its single texts are. Whatever comes from outside stays text there: no mention, no link, no
//! markup that fetches something.

use std::fmt::Write as _;

use lifeboat_model::{DrillRecord, Measured, Restoration, Rpo, RunRecord, Verdict};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::inert::inert_line;
use crate::words::{self, SIMULATED, of_drill};

/// The form that this version writes.
pub const NOTICE_SCHEMA: &str = "lifeboat.notice/1";

/// So many drills have their lines.
const MOST_DRILLS: usize = 30;
/// So much of what a drill left behind.
const MOST_LEFT: usize = 5;
/// A single text is cut to so many characters.
const LONGEST: usize = 300;
/// So much of what is remarkable about the run.
const MOST_REMARKS: usize = 10;
/// A message has so many bytes at most: Slack takes 40,000 characters, SNS 256 KiB.
const LONGEST_MESSAGE: usize = 30_000;
/// How one ends that was longer.
const CUT: &str = "\n… and more: see report.html\n";
/// SNS takes subjects of less than 100 characters.
const LONGEST_SUBJECT: usize = 99;

/// A run, for programs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoticeDocument {
    /// [`NOTICE_SCHEMA`].
    pub schema: String,
    /// The run's id.
    pub run_id: String,
    /// What the run came to.
    pub verdict: Verdict,
    /// Whether everything was put back.
    pub restoration: Restoration,
    /// Whether the run came to its end; what is said of one that did not holds nothing.
    pub complete: bool,
    /// The verdict's exit code. What comes after this was sent is not in it: the command leaves with another one where its
    /// reports cannot be written, it cannot be signed, or the sandbox of its own does not stop.
    pub exit_code: u8,
    /// Whether the control plane was not AWS itself: then it is no evidence about a real system.
    pub simulated: bool,
    /// The plan's name of the environment.
    pub environment: String,
    /// The run's start, UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    /// The run's end, UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub ended_at: OffsetDateTime,
    /// What it came to, as a sentence, and what is remarkable beside it.
    pub text: Vec<String>,
    /// Where the run's files are, on the machine that ran it.
    pub folder: String,
    /// What somebody has to do; nothing where all is well.
    pub next: Vec<String>,
    /// The drills, in the plan's order.
    pub drills: Vec<NoticeDrill>,
}

/// A drill, for programs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoticeDrill {
    /// The drill's name.
    pub name: String,
    /// Which drill of the catalogue.
    pub scenario: String,
    /// The plan's name of the target.
    pub target: String,
    /// What it came to.
    pub verdict: Verdict,
    /// Why, as one sentence.
    pub reason: String,
    /// Whether everything was put back.
    pub restoration: Restoration,
    /// What was left behind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub residue: Vec<String>,
    /// The recovery time.
    pub rto: NoticeFigure,
    /// The recovery point.
    pub rpo: NoticeFigure,
}

/// A figure and its objective. Without a lower bound it was not measured; without an upper one as well as a lower one, no end
/// was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoticeFigure {
    /// In words, also why it was not measured.
    pub text: String,
    /// The lower bound, seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lower_s: Option<f64>,
    /// The upper bound, seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upper_s: Option<f64>,
    /// What the plan asks for, seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objective_s: Option<f64>,
}

/// Whether a run is one that somebody has to look at: all but one that passed, came to its end and was put back. One in
/// which all was skipped proves nothing.
pub fn is_failure(record: &RunRecord) -> bool {
    !(record.complete && record.verdict == Verdict::Passed && record.restoration == Restoration::Clean)
}

/// One line of less than 100 printable ASCII characters: what the run came to, first, and where.
pub fn notice_subject(record: &RunRecord) -> String {
    let mut subject = format!("lifeboat: {}", record.verdict.name().to_uppercase());
    if !record.complete {
        subject.push_str(", incomplete");
    }
    if record.restoration == Restoration::Residue {
        subject.push_str(", something was left behind");
    }
    if record.environment.simulated {
        subject.push_str(", simulated");
    }
    let _ = write!(subject, ": {}", record.environment.name);
    let plain = |c: char| if c == ' ' || c.is_ascii_graphic() { c } else { '?' };
    subject.chars().map(plain).take(LONGEST_SUBJECT).collect()
}

/// The run in plain text. `folder` is where its files are, as the caller names it.
pub fn notice_text(record: &RunRecord, folder: &str) -> String {
    let environment = line(&record.environment.name);
    let mut text = format!("{} on {environment}\n", record.verdict.name().to_uppercase());
    if record.environment.simulated {
        let _ = writeln!(text, "This run is {SIMULATED}.");
    }
    let said = said(record);
    for said in said.iter().take(1 + MOST_REMARKS) {
        let _ = writeln!(text, "{said}");
    }
    if let Some(more @ 1..) = said.len().checked_sub(1 + MOST_REMARKS) {
        let _ = writeln!(text, "and {more} more: see report.html");
    }
    // Before the drills: what somebody has to do is never what is cut.
    let _ = writeln!(
        text,
        "\nRun {}, {}, took {}\nFolder: {}",
        line(&record.run_id),
        words::date(record.started_at),
        words::duration(record.duration_s),
        line(folder)
    );
    for next in next(record, folder) {
        let _ = writeln!(text, "Next: {next}");
    }
    // The bad ones first: the rest may have no room.
    let mut drills: Vec<&DrillRecord> = record.drills.iter().collect();
    drills.sort_by_key(|drill| drill.verdict == Verdict::Passed && drill.restoration == Restoration::Clean);
    for drill in drills.iter().take(MOST_DRILLS) {
        drill_lines(&mut text, drill);
    }
    if let Some(more @ 1..) = drills.len().checked_sub(MOST_DRILLS) {
        let _ = writeln!(text, "\nand {more} more: see report.html");
    }
    cut(text)
}

/// A message that is not longer than the places it goes to take.
fn cut(mut text: String) -> String {
    if text.len() > LONGEST_MESSAGE {
        text.truncate(text.floor_char_boundary(LONGEST_MESSAGE - CUT.len()));
        text.push_str(CUT);
    }
    text
}

/// The same as JSON for what takes Slack's messages.
pub fn notice_slack(record: &RunRecord, folder: &str) -> String {
    let text = cut(quiet(&notice_text(record, folder)));
    serde_json::json!({ "text": text, "mrkdwn": false, "unfurl_links": false, "unfurl_media": false })
        .to_string()
}

/// The run for programs, as it is sent.
pub fn notice_json(record: &RunRecord, folder: &str) -> String {
    // Strings and numbers alone: there is nothing that could not be written.
    serde_json::to_string(&notice_document(record, folder)).unwrap_or_default()
}

/// The run for programs.
pub fn notice_document(record: &RunRecord, folder: &str) -> NoticeDocument {
    NoticeDocument {
        schema: NOTICE_SCHEMA.into(),
        run_id: record.run_id.clone(),
        verdict: record.verdict,
        restoration: record.restoration,
        complete: record.complete,
        exit_code: record.exit_code,
        simulated: record.environment.simulated,
        environment: record.environment.name.clone(),
        started_at: record.started_at,
        ended_at: record.ended_at,
        text: said(record),
        folder: folder.to_owned(),
        next: next(record, folder),
        drills: record.drills.iter().map(drill).collect(),
    }
}

/// The sentence about the run, and what is remarkable.
fn said(record: &RunRecord) -> Vec<String> {
    let sentence = words::sentence(record);
    std::iter::once(sentence).chain(words::remarks(record)).map(|text| line(&text)).collect()
}

/// What somebody has to do.
fn next(record: &RunRecord, folder: &str) -> Vec<String> {
    let mut all = Vec::new();
    let folder = line(folder);
    if record.restoration == Restoration::Residue {
        all.push(format!("`lifeboat undo {folder}` takes back what was left behind"));
    } else if !record.complete {
        all.push(format!("`lifeboat undo {folder}` makes sure that nothing is left behind"));
    }
    if is_failure(record) {
        all.push(format!("{folder}/report.html says what happened"));
    }
    all
}

fn drill_lines(text: &mut String, drill: &DrillRecord) {
    let status = of_drill(drill.verdict, drill.restoration);
    let (name, scenario, target) = (line(&drill.name), line(&drill.scenario), line(&drill.target));
    let _ = writeln!(text, "\n{} {name} ({scenario} on {target}): {}", status.sign(), status.word);
    if drill.verdict != Verdict::Passed {
        let _ = writeln!(text, "  {}", line(&drill.reason));
    }
    let (rto, rpo) = (line(&words::rto(drill)), line(&words::rpo(drill)));
    let _ = writeln!(text, "  RTO {rto}, objective {}", words::objective(drill.objectives.rto_s));
    let _ = writeln!(text, "  RPO {rpo}, objective {}", words::objective(drill.objectives.rpo_s));
    for left in drill.residue.iter().take(MOST_LEFT) {
        let _ = writeln!(text, "  left behind: {}", line(left));
    }
    if let Some(more @ 1..) = drill.residue.len().checked_sub(MOST_LEFT) {
        let _ = writeln!(text, "  left behind: {more} more");
    }
}

fn drill(drill: &DrillRecord) -> NoticeDrill {
    let measurements = &drill.measurements;
    let rto = match &measurements.rto {
        Measured::Value(rto) => Some((rto.lower_s, rto.upper_s)),
        Measured::Not { .. } => None,
    };
    let rpo = match &measurements.rpo {
        Measured::Value(Rpo::Window(window)) => Some((window.lower_s, Some(window.upper_s))),
        Measured::Value(Rpo::Writes(loss)) => Some((loss.lost_span.lower_s, loss.lost_span.upper_s)),
        Measured::Not { .. } => None,
    };
    let figure = |text: String, bounds: Option<(f64, Option<f64>)>, objective_s| NoticeFigure {
        text: line(&text),
        lower_s: bounds.map(|(lower, _)| lower),
        upper_s: bounds.and_then(|(_, upper)| upper),
        objective_s,
    };
    NoticeDrill {
        name: drill.name.clone(),
        scenario: drill.scenario.clone(),
        target: drill.target.clone(),
        verdict: drill.verdict,
        reason: line(&drill.reason),
        restoration: drill.restoration,
        residue: drill.residue.iter().map(|left| line(left)).collect(),
        rto: figure(words::rto(drill), rto, drill.objectives.rto_s),
        rpo: figure(words::rpo(drill), rpo, drill.objectives.rpo_s),
    }
}

/// A text on one line, not longer than is read.
fn line(text: &str) -> String {
    let mut line = inert_line(text);
    if let Some((end, _)) = line.char_indices().nth(LONGEST) {
        line.truncate(end);
        line.push('…');
    }
    line
}

/// Text that calls nobody and leads nowhere in Slack, and in what takes the same messages and reads Markdown: `&`, `<` and
/// `>` as Slack writes them, and a mark without width where a mention, an address or a link's place would begin.
fn quiet(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    let mut letters = text.chars().peekable();
    while let Some(c) = letters.next() {
        let lower = |out: &str| out.chars().rev().take(3).collect::<String>().to_ascii_lowercase();
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '@' => out.push_str("@\u{200b}"),
            ':' if letters.peek() == Some(&'/') => out.push_str(":\u{200b}"),
            ']' if matches!(letters.peek(), Some('(' | '[' | ':')) => out.push_str("]\u{200b}"),
            '.' if lower(&out) == "www" => out.push_str("\u{200b}."),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_calls_nobody_and_leads_nowhere() {
        assert_eq!(
            quiet("<!here> <@U1> @channel https://a www.b [x](y) a&b"),
            "&lt;!here&gt; &lt;@\u{200b}U1&gt; @\u{200b}channel https:\u{200b}//a www\u{200b}.b [x]\u{200b}(y) a&amp;b"
        );
    }

    #[test]
    fn a_text_is_cut() {
        assert_eq!(line(&"é".repeat(400)).chars().count(), LONGEST + 1);
        assert_eq!(line("a\nb\u{1b}"), "a b\u{fffd}");
    }
}
