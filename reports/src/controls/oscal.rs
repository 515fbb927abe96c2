//! Controls against runs as OSCAL assessment results (1.2.1).
//!
//! A result for each run on a real system, with an observation for each control and drill, and one result for what all show
//! together, with a finding for each gap: its objective is the plan's own, a run within the control's period. No finding says that a
//! control is satisfied. A simulated run has no result: it reviewed no control of a real system.

use lifeboat_model::{DrillRecord, Restoration, RunRecord};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::gaps::Gap;
use super::markdown::{WHAT_COUNTS, gap_sentence, left_out, signatures};
use super::matrix::{ControlRow, Entry, Matrix, SeenRun, Signature};
use super::token::token;
use super::uuid::uuid;
use crate::inert::inert_line;
use crate::markdown::escaped;
use crate::words;

const OSCAL: &str = "1.2.1";

/// Whose names the properties are.
const NAMES: &str = "urn:lifeboat:oscal";

/// The matrix as the JSON of OSCAL assessment results, made at that moment. It names at least one control.
///
/// # Errors
/// If no run names a control: OSCAL has no form for that.
pub fn controls_oscal(matrix: &Matrix<'_>, made_at: OffsetDateTime) -> Result<String, String> {
    if matrix.rows.is_empty() {
        return Err("no run names a control, and OSCAL has no form for that".into());
    }
    let mut parts = vec!["plans"];
    parts.extend(matrix.runs.iter().map(|run| run.record.plan.sha256.as_str()));
    let plans = uuid(&parts);
    let mut results: Vec<Value> = matrix.runs.iter().filter_map(|run| of_run(matrix, run)).collect();
    results.push(of_all(matrix));
    let simulated = matrix.runs.iter().filter(|run| run.record.environment.simulated).count();
    let mut remarks = vec![WHAT_COUNTS.to_owned(), signatures(matrix)];
    if simulated > 0 {
        remarks
            .push(format!("Simulated runs, which evidence no control and have no result here: {simulated}."));
    }
    if matrix.later > 0 {
        remarks.push(left_out(matrix));
    }
    let mut document = json!({
        "uuid": "",
        "metadata": {
            "title": "Disaster-recovery drills: what they evidence of controls",
            "last-modified": "",
            "version": moment(matrix.until),
            "oscal-version": OSCAL,
            "remarks": remarks.join("\n\n"),
        },
        "import-ap": { "href": format!("#{plans}") },
        "results": results,
        "back-matter": { "resources": [{
            "uuid": plans,
            "title": "The plans of the runs",
            "description": "Each run's folder has its plan as plan.json, and each result names the digest of the plan's file.",
            "props": plan_digests(matrix),
        }] },
    });
    // Another content is another document; when it was made is no content.
    document["uuid"] = uuid(&["document", &document.to_string()]).into();
    document["metadata"]["last-modified"] = moment(made_at).into();
    let text = serde_json::to_string_pretty(&json!({ "assessment-results": document }));
    text.map(|text| text + "\n").map_err(|error| error.to_string())
}

/// A moment, to the second.
fn moment(at: OffsetDateTime) -> String {
    let at = at.replace_nanosecond(0).unwrap_or(at);
    at.to_offset(time::UtcOffset::UTC).format(&Rfc3339).unwrap_or_default()
}

/// A property. Its value is one line, and has a character.
fn prop(name: &str, value: &str) -> Value {
    let line = inert_line(value);
    let value = line.trim();
    json!({ "name": name, "ns": NAMES, "value": if value.is_empty() { "-" } else { value } })
}

/// A title. It has a character.
fn title(text: &str) -> String {
    let text = escaped(text);
    if text.trim().is_empty() { "-".into() } else { text }
}

fn plan_digests(matrix: &Matrix<'_>) -> Vec<Value> {
    let digests: std::collections::BTreeSet<&str> =
        matrix.runs.iter().map(|run| run.record.plan.sha256.as_str()).collect();
    digests.into_iter().map(|digest| prop("plan-sha256", digest)).collect()
}

/// A control that was looked at.
fn selection(control: &str, more: Vec<Value>) -> Value {
    let mut props = vec![prop("control", control)];
    props.extend(more);
    json!({ "props": props, "include-controls": [{ "control-id": token(control) }] })
}

/// The result of a run; none of a simulated one, and none where no drill that names a control was run.
fn of_run(matrix: &Matrix<'_>, run: &SeenRun) -> Option<Value> {
    let RunRecord { run_id, started_at, ended_at, environment, plan, tool, files, .. } = &run.record;
    let mut selections = Vec::new();
    let mut observations = Vec::new();
    for row in &matrix.rows {
        let of_run = row.entries.iter().filter(|entry| std::ptr::eq(entry.run, run));
        let made: Vec<Value> =
            of_run.filter_map(|entry| Some(observation(row, entry, entry.drill?))).collect();
        if !made.is_empty() {
            selections.push(selection(row.id, Vec::new()));
            observations.extend(made);
        }
    }
    if observations.is_empty() || environment.simulated {
        return None;
    }
    let mut props = vec![
        prop("run", run_id),
        prop("environment", &environment.name),
        prop("provider", &environment.provider),
        prop("region", &environment.region),
        prop("production", if environment.production { "yes" } else { "no" }),
        prop("complete", if run.record.complete { "yes" } else { "no" }),
        prop("plan-sha256", &plan.sha256),
        prop("lifeboat-version", &tool.version),
        prop(
            "signature",
            match run.signature {
                Signature::NotLookedAt => "not looked at",
                Signature::Verified => "verified",
                Signature::NotVerified(_) => "not verified",
            },
        ),
    ];
    props.extend(environment.account.as_deref().map(|account| prop("account", account)));
    props.extend(environment.change_ticket.as_deref().map(|ticket| prop("change-ticket", ticket)));
    props.extend(files.iter().map(|file| prop("file-sha256", &format!("{} {}", file.sha256, file.name))));
    Some(json!({
        "uuid": uuid(&["result", run_id]),
        "title": title(&format!("Run {run_id} on {}", environment.name)),
        "description": escaped(&words::sentence(&run.record)),
        "start": moment(*started_at),
        "end": moment(*ended_at),
        "props": props,
        "reviewed-controls": { "control-selections": selections },
        "observations": observations,
    }))
}

fn observation(row: &ControlRow<'_>, entry: &Entry<'_>, drill: &DrillRecord) -> Value {
    let record = &entry.run.record;
    let status = words::of_drill(drill.verdict, drill.restoration).word;
    let evidences = match entry.evidences() {
        true => format!("It evidences {}.", row.id),
        false => format!("It does not evidence {}: {}.", row.id, entry.why_not.join("; ")),
    };
    let clean_up = if drill.restoration == Restoration::Clean { "clean" } else { "residue" };
    // Also where two drills of a record have one name.
    let position = record.drills.iter().position(|other| std::ptr::eq(other, drill)).unwrap_or_default();
    let mut props = vec![
        prop("control", row.id),
        prop("evidences", if entry.evidences() { "yes" } else { "no" }),
        prop("drill", &drill.name),
        prop("scenario", &drill.scenario),
        prop("target", &drill.target),
        prop("verdict", drill.verdict.name()),
        prop("clean-up", clean_up),
        prop("rto", &words::rto(drill)),
        prop("rto-objective", &words::objective(drill.objectives.rto_s)),
        prop("rpo", &words::rpo(drill)),
        prop("rpo-objective", &words::objective(drill.objectives.rpo_s)),
    ];
    props.extend(entry.why_not.iter().map(|why| prop("why-not", why)));
    json!({
        "uuid": uuid(&["observation", &record.run_id, row.id, &position.to_string(), &drill.name]),
        "title": title(&format!("{}: {status}", drill.name)),
        "description": format!("{} {}", escaped(&evidences), escaped(&drill.reason)),
        "props": props,
        "methods": ["TEST"],
        "collected": moment(record.ended_at),
    })
}

/// The result of all runs together.
fn of_all(matrix: &Matrix<'_>) -> Value {
    let selections: Vec<Value> = matrix
        .rows
        .iter()
        .map(|row| {
            let mut more = vec![prop("gap", if row.gaps.is_empty() { "no" } else { "yes" })];
            more.extend(row.period_days.map(|days| prop("period-days", &days.to_string())));
            more.extend(row.last().map(|run| prop("last-evidence", &run.run_id)));
            selection(row.id, more)
        })
        .collect();
    let findings: Vec<Value> = matrix
        .rows
        .iter()
        .flat_map(|row| row.gaps.iter().map(move |gap| finding(matrix, row, gap)))
        .collect();
    let start = matrix.runs.first().map_or(matrix.until, |run| run.record.started_at);
    let until = moment(matrix.until);
    let mut parts = vec!["all", &*until];
    parts.extend(matrix.runs.iter().map(|run| run.record.run_id.as_str()));
    let mut result = json!({
        "uuid": uuid(&parts),
        "title": format!("Evidence before {until}"),
        "description": "Whether there was evidence for each control within the period that the plan gives for it. Nothing else \
                        about the controls was looked at.",
        "start": moment(start),
        "end": until,
        "reviewed-controls": { "control-selections": selections },
    });
    if !findings.is_empty() {
        result["findings"] = findings.into();
    }
    result
}

fn finding(matrix: &Matrix<'_>, row: &ControlRow<'_>, gap: &Gap) -> Value {
    let (from, to) = (moment(gap.from), moment(gap.to));
    let sentence = gap_sentence(gap);
    let mut props = vec![prop("control", row.id), prop("from", &from), prop("to", &to)];
    props.extend(gap.period_days.map(|days| prop("period-days", &days.to_string())));
    props.extend(gap.last.as_deref().map(|run| prop("last-evidence", run)));
    json!({
        "uuid": uuid(&["gap", &moment(matrix.until), row.id, &from, &to]),
        "title": title(&format!("{}: evidence is missing", row.id)),
        "description": escaped(&sentence),
        "props": props,
        "target": {
            "type": "objective-id",
            "target-id": format!("{}_run-in-period", token(row.id)),
            "description": "The plan's own objective: a run that evidences the control within its period.",
            "status": { "state": "not-satisfied", "reason": "other", "remarks": escaped(&sentence) },
        },
    })
}
