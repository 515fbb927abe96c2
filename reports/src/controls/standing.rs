//! Whether a drill evidences the controls that the plan names for it.
//!
//! It does where the run shows it and in no other case. It says nothing of what a framework wants beside that: whether a control
//! is met is for an assessor to say.

use lifeboat_model::{DrillRecord, Restoration, RunRecord, Verdict, drill_verdict};

/// Why a run evidences no control whatever its drills came to, reason by reason; empty where it can.
pub fn run_why_not(record: &RunRecord) -> Vec<&'static str> {
    let reasons = [
        (record.environment.simulated, "a simulated run evidences no control"),
        (!record.complete, "the run did not come to its end"),
        (record.interrupted_by.is_some(), "the run was interrupted"),
        (record.stopped_by.is_some(), "a stop condition ended the run"),
    ];
    reasons.into_iter().filter(|(is, _)| *is).map(|(_, why)| why).collect()
}

/// Why a drill of a run evidences no control, reason by reason; empty where it evidences those that the plan names for it.
pub fn why_not(record: &RunRecord, drill: &DrillRecord) -> Vec<String> {
    let mut reasons = run_why_not(record);
    match drill.verdict {
        Verdict::Passed => {}
        Verdict::Skipped => reasons.push("the drill was skipped"),
        Verdict::Inconclusive => reasons.push("the drill is inconclusive"),
        Verdict::Invalid => reasons.push("the drill is invalid: the fault or the recovery is not proved"),
        Verdict::Aborted => reasons.push("the drill was aborted"),
        Verdict::Errored => reasons.push("the drill could not run"),
        Verdict::Failed => reasons.push("the drill failed"),
    }
    // A verdict that was written by hand.
    let shown = drill_verdict(drill.checks.iter().map(|check| check.outcome), None);
    if drill.verdict == Verdict::Passed && shown != Verdict::Passed {
        reasons.push("its checks do not show what its verdict says");
    }
    if drill.restoration != Restoration::Clean || !drill.residue.is_empty() {
        reasons.push("something was left behind");
    }
    reasons.into_iter().map(str::to_owned).collect()
}

/// Whether a drill of a run evidences the controls that the plan names for it.
pub fn evidences(record: &RunRecord, drill: &DrillRecord) -> bool {
    !drill.controls.is_empty() && why_not(record, drill).is_empty()
}

/// What a report of a run says of a drill's controls; nothing where the plan names none.
pub fn controls_line(record: &RunRecord, drill: &DrillRecord) -> Option<String> {
    if drill.controls.is_empty() {
        return None;
    }
    let named = drill.controls.join(", ");
    let reasons = why_not(record, drill);
    Some(match reasons.is_empty() {
        true => format!("evidences {named}"),
        false => format!("evidences none; named by the plan: {named}; {}", reasons.join("; ")),
    })
}
