//! From a run's events and ledger to its record, up to what only the drills know: what they measure and check.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::{
    Attempt, DrillFacts, DrillRecord, Elapsed, Event, EventKind, FileDigest, FormatError, LedgerLine, Mark,
    Measurements, NoticeRecord, PlanDocument, PlanReference, PlannedControls, RECORD_SCHEMA, Restoration,
    RunRecord, StepEnd, StepRecord, Stop, Stream, TimelineEntry, Tool, UndoEnd, UndoRecord, Verdict,
    check_journal_format, clock_steps, lanes, seconds, summarise,
};

/// Why no record can be made.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum FoldError {
    /// The journal does not begin with `run-started`.
    #[error(
        "the journal does not begin with a run-started event: it is not a journal, or its head was cut off"
    )]
    NoStart,
    /// A format that this version does not read.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The plan names controls in a way that `lifeboat run` refuses.
    #[error("the plan of the run: {section}: {message}; plan.json was changed")]
    Controls {
        /// The section, with its brackets.
        section: String,
        /// What is wrong with it.
        message: String,
    },
}

/// A record without measurements and verdicts, and the facts to make them from, drill by drill.
#[derive(Debug)]
pub struct Folded {
    /// The record.
    pub record: RunRecord,
    /// The facts of each of its drills, in the same order.
    pub facts: Vec<DrillFacts>,
}

/// Folds the plan, the events and the ledger of a run.
///
/// # Errors
/// [`FoldError`].
pub fn fold(
    plan: &PlanDocument,
    events: &[Event],
    ledger: Vec<LedgerLine>,
    files: Vec<FileDigest>,
) -> Result<Folded, FoldError> {
    let (events, notices) = notices_apart(events);
    let Some(Event { at: started_at, kind, .. }) = events.first() else { return Err(FoldError::NoStart) };
    let EventKind::RunStarted { format, run_id, tool_version, tool_sha256, environment, operator, .. } = kind
    else {
        return Err(FoldError::NoStart);
    };
    check_journal_format(format, tool_version)?;
    let last = events.last().unwrap_or(&events[0]);
    let mut interrupted_by: Option<String> = None;
    let mut stopped_by: Option<Stop> = None;
    // What came first is why a drill ended early.
    let mut ended_by: Option<EndedBy> = None;
    let lines = ledger.len() as u64;
    let complete = match last.kind {
        EventKind::RunEnded { ledger_lines } => ledger_lines.is_none_or(|written| written == lines),
        _ => false,
    };

    let mut drills: Vec<(DrillRecord, DrillFacts)> = Vec::new();
    for event in events {
        match &event.kind {
            EventKind::Interrupted { by } => {
                interrupted_by.get_or_insert_with(|| by.clone());
                ended_by.get_or_insert_with(|| EndedBy::Person(by.clone()));
            }
            EventKind::Stopped { condition, why } => {
                let at_s = seconds(event.elapsed.since(Elapsed(0)));
                stopped_by.get_or_insert_with(|| Stop {
                    condition: condition.clone(),
                    why: why.clone(),
                    at_s,
                });
                ended_by.get_or_insert_with(|| {
                    EndedBy::Condition(format!("stop condition `{condition}`: {why}"))
                });
            }
            _ => {}
        }
        let Some(name) = event.kind.drill() else { continue };
        if let EventKind::DrillStarted { drill, scenario, target, objectives, options } = &event.kind {
            let facts = DrillFacts {
                objectives: objectives.clone(),
                options: options.clone(),
                ended: Some(Verdict::Errored),
                ended_because: Some("the run was killed before the drill ended".into()),
                ..DrillFacts::default()
            };
            drills.push((blank(drill, scenario, target, &facts), facts));
        } else if let Some((record, facts)) = drills.iter_mut().find(|(record, _)| record.name == name) {
            take(record, facts, event, ended_by.as_ref());
        }
    }
    // Side by side, the journal has them as they began; the record has the plan's order.
    let planned = names_in_order(plan);
    drills.sort_by_key(|(record, _)| planned.iter().position(|name| *name == record.name));
    let controls = PlannedControls::of(&plan.plan)
        .map_err(|(section, message)| FoldError::Controls { section, message })?;
    for (record, _) in &mut drills {
        record.controls = controls.of_drill(&record.name);
    }
    take_ledger(&mut drills, ledger);
    let unknown = events.iter().filter(|event| event.kind == EventKind::Unknown).count();
    for (record, facts) in &mut drills {
        finish(record, facts);
        // What they say may be what a pass hangs on.
        if unknown > 0 && facts.ended.is_none() {
            facts.ended = Some(Verdict::Inconclusive);
            facts.ended_because = Some(format!(
                "the journal ({format}) holds {unknown} events that this version does not know; judge it with the lifeboat \
                 that ran it ({tool_version})"
            ));
        }
    }
    let (drills, facts): (Vec<_>, Vec<_>) = drills.into_iter().unzip();
    let record = RunRecord {
        schema: RECORD_SCHEMA.into(),
        run_id: run_id.clone(),
        tool: Tool { name: "lifeboat".into(), version: tool_version.clone(), sha256: tool_sha256.clone() },
        plan: PlanReference {
            source: plan.source.clone(),
            sha256: plan.sha256.clone(),
            variables: plan.variables.clone(),
        },
        clock: "the monotonic clock of the machine that ran the drills, since the run's start; wall-clock times (UTC) are \
                for people only"
            .into(),
        started_at: *started_at,
        ended_at: last.at,
        duration_s: seconds(last.elapsed.since(Elapsed(0))),
        complete,
        operator: operator.clone(),
        interrupted_by,
        stopped_by,
        clock_steps: clock_steps(events),
        notices,
        environment: environment.clone(),
        controls: controls.all(),
        drills,
        earlier: Vec::new(),
        files,
        verdict: Verdict::Skipped,
        restoration: Restoration::Clean,
        exit_code: 0,
    };
    Ok(Folded { record, facts })
}

/// A run's own events, and the notices that were sent after its last one.
fn notices_apart(events: &[Event]) -> (&[Event], Vec<NoticeRecord>) {
    let is_notice = |event: &Event| matches!(event.kind, EventKind::NoticeSent { .. });
    let end = events.iter().rposition(|event| !is_notice(event)).map_or(0, |last| last + 1);
    let (run, sent) = events.split_at(end);
    let notices = sent.iter().filter_map(|event| match &event.kind {
        EventKind::NoticeSent { name, kind, error } => {
            Some(NoticeRecord { name: name.clone(), kind: kind.clone(), error: error.clone() })
        }
        _ => None,
    });
    (run, notices.collect())
}

/// The names of a plan's drills as they stand in it.
fn names_in_order(plan: &PlanDocument) -> Vec<&str> {
    let drills = plan.plan.get("drills").and_then(toml::Value::as_array);
    drills.into_iter().flatten().filter_map(|drill| drill.get("name")?.as_str()).collect()
}

fn blank(name: &str, scenario: &str, target: &str, facts: &DrillFacts) -> DrillRecord {
    DrillRecord {
        name: name.into(),
        scenario: scenario.into(),
        target: target.into(),
        verdict: Verdict::Inconclusive,
        reason: String::new(),
        restoration: Restoration::Clean,
        residue: Vec::new(),
        identity: None,
        hypothesis: String::new(),
        controls: Vec::new(),
        objectives: facts.objectives.clone(),
        options: facts.options.clone(),
        measurements: Measurements::default(),
        streams: BTreeMap::new(),
        proof: Vec::new(),
        checks: Vec::new(),
        steps: Vec::new(),
        undos: Vec::new(),
        created: Vec::new(),
        observations: BTreeMap::new(),
        timeline: Vec::new(),
        lanes: Vec::new(),
    }
}

/// What asked a run to end early.
enum EndedBy {
    /// A signal, by its name.
    Person(String),
    /// A stop condition, as a sentence.
    Condition(String),
}

fn take(record: &mut DrillRecord, facts: &mut DrillFacts, event: &Event, ended_by: Option<&EndedBy>) {
    let at_s = seconds(event.elapsed.since(Elapsed(0)));
    let mut note = |kind: &str, text: String| {
        record.timeline.push(TimelineEntry { at_s, at: event.at, kind: kind.into(), text });
    };
    match &event.kind {
        EventKind::TargetIdentified { identity, .. } => record.identity = Some(identity.clone()),
        EventKind::StepStarted { step, phase, what, .. } => {
            note("step", format!("{}: {what}", phase.name()));
            record.steps.push(StepRecord {
                id: step.clone(),
                phase: *phase,
                what: what.clone(),
                start_s: at_s,
                end_s: None,
                outcome: None,
                message: None,
            });
        }
        EventKind::StepEnded { step, outcome, message, .. } => {
            if *outcome != StepEnd::Done {
                let why = message.clone().unwrap_or_else(|| "no reason was given".into());
                note("step", format!("{step} was not done: {why}"));
                (facts.ended, facts.ended_because) = (
                    Some(match (outcome, ended_by) {
                        (StepEnd::Unmet, _) => Verdict::Skipped,
                        (StepEnd::Unsupported, _) => Verdict::Invalid,
                        (_, Some(_)) => Verdict::Aborted,
                        (_, None) => Verdict::Errored,
                    }),
                    Some(match (outcome, ended_by) {
                        (StepEnd::Unmet | StepEnd::Unsupported, _) => why,
                        (_, Some(EndedBy::Condition(tripped))) => tripped.clone(),
                        _ => why,
                    }),
                );
            }
            if matches!(outcome, StepEnd::Failed | StepEnd::Unmet | StepEnd::Unsupported) {
                // What is known to have been made is there, whatever the step said.
                record.undos.retain(|undo| undo.step != *step || undo.made.is_some());
            }
            if let Some(open) = record.steps.iter_mut().rfind(|open| open.id == *step) {
                (open.end_s, open.outcome, open.message) = (Some(at_s), Some(*outcome), message.clone());
            }
        }
        EventKind::Created { what, id, .. } => record.created.push(format!("{what}: {id}")),
        EventKind::Marked { mark, .. } => {
            note("mark", mark.clone());
            facts.marks.push(Mark { name: mark.clone(), at: event.elapsed });
        }
        EventKind::Observed { name, value, .. } => {
            record.observations.insert(name.clone(), value.clone());
        }
        EventKind::UndoPlanned { step, undo, action, .. } => record.undos.push(UndoRecord {
            undo: *undo,
            step: step.clone(),
            what: action.describe(),
            made: None,
            outcome: None,
            message: None,
        }),
        EventKind::UndoBound { undo, made, .. } => {
            if let Some(open) = record.undos.iter_mut().find(|open| open.undo == *undo) {
                open.made = Some(made.clone());
            }
        }
        EventKind::UndoEnded { undo, outcome, message, .. } => {
            if let Some(open) = record.undos.iter_mut().find(|open| open.undo == *undo) {
                (open.outcome, open.message) = (Some(*outcome), message.clone());
                note("undo", open.what.clone());
            }
        }
        EventKind::DrillEnded { through: true, .. } => (facts.ended, facts.ended_because) = (None, None),
        // Its last step says why, unless it was between two steps that it was told to end.
        EventKind::DrillEnded { through: false, .. }
            if record.steps.iter().all(|step| step.outcome == Some(StepEnd::Done)) =>
        {
            facts.ended = Some(Verdict::Aborted);
            facts.ended_because = Some(match ended_by {
                Some(EndedBy::Condition(tripped)) => tripped.clone(),
                Some(EndedBy::Person(by)) => format!("{by} ended it"),
                None => "something that the journal does not name ended it".into(),
            });
        }
        _ => {}
    }
}

fn take_ledger(drills: &mut [(DrillRecord, DrillFacts)], ledger: Vec<LedgerLine>) {
    let places: BTreeMap<String, usize> =
        drills.iter().enumerate().map(|(place, (record, _))| (record.name.clone(), place)).collect();
    for line in ledger {
        match line {
            LedgerLine::Attempt { drill, attempt } => {
                if let Some(place) = places.get(&drill) {
                    drills[*place].1.attempts.push(attempt);
                }
            }
            LedgerLine::Skipped { drill, stream, .. } => {
                if let Some(place) = places.get(&drill) {
                    *drills[*place].1.skipped.entry(stream).or_default() += 1;
                }
            }
            LedgerLine::ReadBack { drill, rows } => {
                if let Some(place) = places.get(&drill) {
                    drills[*place].1.read_back.push(rows);
                }
            }
            LedgerLine::Unknown => {}
        }
    }
}

fn finish(record: &mut DrillRecord, facts: &mut DrillFacts) {
    facts.observations.clone_from(&record.observations);
    let mut by_stream: BTreeMap<Stream, Vec<&Attempt>> = BTreeMap::new();
    for attempt in &facts.attempts {
        by_stream.entry(attempt.stream).or_default().push(attempt);
    }
    record.streams = by_stream
        .into_iter()
        .map(|(stream, attempts)| {
            let skipped = facts.skipped.get(&stream).copied().unwrap_or_default();
            (stream.name().to_owned(), summarise(attempts, skipped))
        })
        .collect();
    record.lanes = lanes(&facts.attempts);
    record.residue = record
        .undos
        .iter()
        .filter(|undo| !matches!(undo.outcome, Some(UndoEnd::Undone | UndoEnd::NotNeeded)))
        .map(|undo| match &undo.message {
            Some(message) => format!("not done: {} ({message})", undo.what),
            None => format!("not done: {}", undo.what),
        })
        .collect();
    record.restoration = if record.residue.is_empty() { Restoration::Clean } else { Restoration::Residue };
}

#[cfg(test)]
#[path = "fold_tests.rs"]
mod tests;
