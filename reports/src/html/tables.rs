//! The tables of a drill's article.

use lifeboat_model::{DrillRecord, Judgement, Lane, LaneSpan, Measured};
use serde_json::Value;
use time::OffsetDateTime;

use super::moments::Moments;
use super::table::{Cell, Table};
use super::timeline::control_plane;
use crate::words::{self, Status, after, clock, duration};

/// So many runs of attempts of a lane are in its table.
const SPANS: usize = 40;

fn seconds(at_s: f64) -> Cell {
    Cell::number(format!("{at_s:.6}"))
}

fn utc(zero: OffsetDateTime, at_s: f64) -> Cell {
    Cell::code(clock(after(zero, at_s)))
}

/// What was missed first.
pub fn checks(drill: &DrillRecord) -> Table {
    let mut checks: Vec<_> = drill.checks.iter().collect();
    checks.sort_by_key(|check| match check.outcome {
        Judgement::Failed => 0,
        Judgement::Invalid => 1,
        Judgement::Inconclusive => 2,
        Judgement::Passed => 3,
        Judgement::Unasked => 4,
    });
    let rows = checks.into_iter().map(|check| {
        vec![
            Cell::text(check.name.clone()),
            Cell::Status(words::of_judgement(check.outcome)),
            Cell::text(check.message.clone()),
        ]
    });
    Table::new("Checks", &["What must hold", "Outcome", "Why"], rows.collect())
}

pub fn proof(drill: &DrillRecord) -> Table {
    let rows = drill.proof.iter().map(|proof| {
        vec![
            Cell::text(proof.what.clone()),
            Cell::code(proof.before.clone()),
            Cell::code(proof.after.clone()),
        ]
    });
    Table::new("Witnesses", &["What was looked at", "Before, or expected", "After, or found"], rows.collect())
}

pub fn figures(drill: &DrillRecord) -> Table {
    let rows = drill.measurements.figures.iter().map(|figure| {
        let value = match &figure.value {
            Measured::Value(Value::String(text)) => text.clone(),
            Measured::Value(value) => format!("{value} {}", figure.unit).trim_end().to_owned(),
            Measured::Not { not_measured } => format!("not measured: {not_measured}"),
        };
        vec![Cell::text(figure.name.clone()), Cell::number(value)]
    });
    Table::new("Figures", &["Figure", "Value"], rows.collect()).at_most(200)
}

/// What happened but for the steps, with what the control plane told meanwhile.
pub fn events(drill: &DrillRecord, zero: OffsetDateTime, moments: Option<&Moments>) -> Table {
    let told = control_plane(drill, zero);
    let meanwhile = |at: &f64| moments.is_some_and(|moments| (moments.begin_s..=moments.end_s).contains(at));
    let told = told.iter().filter(|(at, _)| meanwhile(at));
    let told =
        told.map(|(at, text)| (*at, after(zero, *at), "control plane, by its own clock", text.as_str()));
    let entries = drill.timeline.iter().filter(|entry| entry.kind != "step");
    let entries = entries.map(|entry| (entry.at_s, entry.at, entry.kind.as_str(), entry.text.as_str()));
    let mut all: Vec<_> = entries.chain(told).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let rows = all.into_iter().map(|(at_s, at, kind, text)| {
        vec![seconds(at_s), Cell::code(clock(at)), Cell::text(kind), Cell::text(text)]
    });
    let head = ["Seconds since the run's start", "UTC", "Kind", "What happened"];
    Table::new("What happened when", &head, rows.collect()).at_most(300)
}

pub fn streams(drill: &DrillRecord) -> Table {
    let ms = |value: Option<f64>| Cell::number(value.map_or_else(|| "–".into(), |ms| format!("{ms:.1}")));
    let rows = drill.streams.iter().map(|(name, seen)| {
        vec![
            Cell::text(name.clone()),
            Cell::number(seen.attempts),
            Cell::number(seen.ok),
            Cell::number(seen.refused),
            Cell::number(seen.unknown),
            Cell::number(seen.skipped),
            ms(seen.p50_ms),
            ms(seen.p99_ms),
            ms(seen.max_ms),
        ]
    });
    let head = [
        "Stream",
        "Attempts",
        "Acknowledged",
        "Refused",
        "Without answer",
        "Ticks skipped",
        "Median, ms",
        "99 %, ms",
        "Slowest, ms",
    ];
    Table::new("Probe streams", &head, rows.collect())
}

/// A lane's runs of attempts that ended alike. Where they are many, the failures at both ends of it.
pub fn spans(lane: &Lane, zero: OffsetDateTime) -> Table {
    let row = |span: &LaneSpan| {
        let status = match span.ok {
            true => Status { tone: "good", word: "acknowledged" },
            false => Status { tone: "bad", word: "failed" },
        };
        let error = match (&span.error, &span.last_error) {
            (Some(first), Some(last)) => format!("first: {first}; last: {last}"),
            (Some(one), None) | (None, Some(one)) => one.clone(),
            (None, None) => String::new(),
        };
        vec![
            seconds(span.from_s),
            seconds(span.to_s),
            utc(zero, span.from_s),
            Cell::Status(status),
            Cell::number(span.attempts),
            Cell::number(format!("{:.1}", span.slowest_ms)),
            Cell::text(error),
        ]
    };
    let head = ["From, seconds", "To, seconds", "From, UTC", "Outcome", "Attempts", "Slowest, ms", "Errors"];
    let caption = format!("Stream {}: attempts that ended alike, one after the other", lane.stream.name());
    if lane.spans.len() <= SPANS {
        return Table::new(caption, &head, lane.spans.iter().map(row).collect());
    }
    let failed: Vec<&LaneSpan> = lane.spans.iter().filter(|span| !span.ok).collect();
    let cut = failed.len().saturating_sub(SPANS);
    let ends = failed.iter().enumerate().filter(|(n, _)| cut == 0 || *n < SPANS / 2 || *n >= SPANS / 2 + cut);
    let rows: Vec<_> = ends.map(|(_, span)| row(span)).collect();
    let mut table = Table::new(caption, &head, rows);
    table.left_out = Some(format!(
        "{} runs of attempts, {} of them failed; shown are the first and the last that failed, at most {SPANS}: record.json \
         has all of them",
        lane.spans.len(),
        failed.len()
    ));
    table
}

pub fn undos(drill: &DrillRecord) -> Table {
    let rows = drill.undos.iter().map(|undo| {
        vec![
            Cell::text(undo.what.clone()),
            Cell::Status(words::of_undo(undo.outcome)),
            Cell::text(undo.message.clone().unwrap_or_default()),
            undo.made.as_ref().map_or_else(|| Cell::text("–"), |made| Cell::code(made.id.clone())),
            Cell::code(undo.step.clone()),
        ]
    });
    let head = ["What was taken back", "Outcome", "What was done", "Identity of what it deletes", "Step"];
    Table::new("Undo actions", &head, rows.collect())
}

pub fn steps(drill: &DrillRecord, zero: OffsetDateTime) -> Table {
    let rows = drill.steps.iter().map(|step| {
        let took = step.end_s.map_or_else(|| "–".into(), |end| duration(end - step.start_s));
        vec![
            Cell::code(step.id.clone()),
            Cell::text(step.phase.name()),
            seconds(step.start_s),
            utc(zero, step.start_s),
            Cell::number(took),
            Cell::Status(words::of_step(step.outcome)),
            Cell::text(match &step.message {
                Some(message) => format!("{}: {message}", step.what),
                None => step.what.clone(),
            }),
        ]
    });
    let head = ["Step", "Phase", "Began, seconds", "Began, UTC", "Took", "Outcome", "What it does"];
    Table::new("Steps", &head, rows.collect())
}
