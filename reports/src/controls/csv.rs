//! Controls against runs as comma-separated values, for a spreadsheet: a line for each control, run and drill, and one for each
//! gap. Times are UTC; what ends in `_s` is seconds, and `rto` and `rpo` say the same in words, or why there is no figure.

use lifeboat_model::{DrillRecord, Measured, Restoration, Rpo, RunRecord};

use super::matrix::{ControlRow, Entry, Matrix, Signature};
use super::quoting::csv_line;
use crate::inert::inert_line;
use crate::words::{self, date};

const HEAD: [&str; 26] = [
    "line",
    "control",
    "period_days",
    "run",
    "began",
    "environment",
    "provider",
    "simulated",
    "plan_sha256",
    "signature",
    "drill",
    "scenario",
    "target",
    "verdict",
    "clean_up",
    "rto",
    "rto_lower_s",
    "rto_upper_s",
    "rto_objective_s",
    "rpo",
    "rpo_lower_s",
    "rpo_upper_s",
    "rpo_objective_s",
    "evidences",
    "why_not",
    "gap_to",
];

/// The matrix as CSV, RFC 4180, with a line of headings. `line` is `run` or `gap`; of a gap, `began` is where it begins, `run` the
/// run that evidences the control before it, `gap_to` where it ends, and `why_not` says the same in words. What was not measured has
/// no bounds, and an outage whose end was not seen no upper one. `period_days` is that of a gap, and in the other lines what is
/// wanted now.
pub fn controls_csv(matrix: &Matrix<'_>) -> String {
    let mut text = csv_line(&HEAD);
    for row in &matrix.rows {
        for entry in &row.entries {
            text.push_str(&of_entry(row, entry));
        }
        for gap in &row.gaps {
            let mut cells: [String; 26] = Default::default();
            let last = gap.last.as_deref().unwrap_or_default();
            cells[0] = "gap".into();
            cells[1] = inert_line(row.id);
            cells[2] = days(gap.period_days);
            cells[3] = inert_line(last);
            cells[4] = date(gap.from);
            cells[23] = "no".into();
            cells[24] = super::markdown::gap_sentence(gap);
            cells[25] = date(gap.to);
            text.push_str(&csv_line(&cells));
        }
    }
    text
}

fn days(period: Option<u16>) -> String {
    period.map(|days| days.to_string()).unwrap_or_default()
}

fn seconds(figure: Option<f64>) -> String {
    figure.map(|seconds| seconds.to_string()).unwrap_or_default()
}

/// The bounds of the measured recovery time.
fn rto(drill: &DrillRecord) -> [Option<f64>; 2] {
    match &drill.measurements.rto {
        Measured::Value(rto) => [Some(rto.lower_s), rto.upper_s],
        Measured::Not { .. } => [None; 2],
    }
}

/// The bounds of the measured recovery point.
fn rpo(drill: &DrillRecord) -> [Option<f64>; 2] {
    match &drill.measurements.rpo {
        Measured::Value(Rpo::Window(window)) => [Some(window.lower_s), Some(window.upper_s)],
        Measured::Value(Rpo::Writes(loss)) => [Some(loss.lost_span.lower_s), loss.lost_span.upper_s],
        Measured::Not { .. } => [None; 2],
    }
}

fn of_entry(row: &ControlRow<'_>, entry: &Entry<'_>) -> String {
    let RunRecord { run_id, started_at, environment, plan, .. } = &entry.run.record;
    let signature = match &entry.run.signature {
        Signature::NotLookedAt => "not looked at",
        Signature::Verified => "verified",
        Signature::NotVerified(_) => "not verified",
    };
    let of_drill: [String; 13] = match entry.drill {
        None => Default::default(),
        Some(drill) => [
            drill.name.clone(),
            drill.scenario.clone(),
            drill.target.clone(),
            drill.verdict.name().into(),
            if drill.restoration == Restoration::Clean { "clean" } else { "residue" }.into(),
            words::rto(drill),
            seconds(rto(drill)[0]),
            seconds(rto(drill)[1]),
            seconds(drill.objectives.rto_s),
            words::rpo(drill),
            seconds(rpo(drill)[0]),
            seconds(rpo(drill)[1]),
            seconds(drill.objectives.rpo_s),
        ],
    };
    let of_run = [
        "run".into(),
        row.id.into(),
        days(row.period_days),
        run_id.clone(),
        date(*started_at),
        environment.name.clone(),
        environment.provider.clone(),
        if environment.simulated { "yes" } else { "no" }.into(),
        plan.sha256.clone(),
        signature.into(),
    ];
    let evidences = if entry.evidences() { "yes" } else { "no" };
    let of_evidence = [evidences.into(), entry.why_not.join("; "), String::new()];
    let cells = of_run.iter().chain(&of_drill).chain(&of_evidence);
    csv_line(&cells.map(|cell| inert_line(cell)).collect::<Vec<_>>())
}
