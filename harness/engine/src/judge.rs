//! From the files of a run to its judged record. Pure but for the reading: the same files give the same record.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use lifeboat_model::{
    CheckRecord, DrillFacts, DrillRecord, ExitCode, Finding, FoldError, Folded, Judgement, Restoration,
    RunRecord, Verdict, drill_verdict, fold,
};
use thiserror::Error;

use crate::run::SLEPT_MS;
use crate::{Drill, EARLIER_RUNS, FilesError, RunFiles, read_events, read_ledger};

/// Why a run cannot be judged.
#[derive(Debug, Error)]
pub enum JudgeError {
    /// A file.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The journal.
    #[error("cannot judge {dir}: {error}")]
    Fold {
        /// The run's folder.
        dir: String,
        /// What is wrong.
        error: FoldError,
    },
}

/// Makes and judges the record of the run in a folder.
///
/// # Errors
/// If a file is missing or not what it should be.
pub fn judge_dir(
    files: &RunFiles,
    catalogue: &dyn Fn(&str) -> Option<&'static dyn Drill>,
) -> Result<RunRecord, JudgeError> {
    let plan = files.plan()?;
    let events = read_events(&files.path("journal.jsonl"))?;
    let ledger = read_ledger(&files.path("ledger.jsonl"))?;
    let earlier = files.path(EARLIER_RUNS).exists();
    let digests = ["plan.json", "journal.jsonl", "ledger.jsonl"]
        .into_iter()
        .chain(earlier.then_some(EARLIER_RUNS))
        .map(|name| files.digest(name))
        .collect::<Result<_, _>>()?;
    let mut folded = fold(&plan, &events, ledger, digests)
        .map_err(|error| JudgeError::Fold { dir: files.dir().display().to_string(), error })?;
    if earlier {
        folded.record.earlier = files.read_json(EARLIER_RUNS)?;
    }
    Ok(judge(folded, catalogue))
}

/// Measures and judges a folded run.
pub fn judge(folded: Folded, catalogue: &dyn Fn(&str) -> Option<&'static dyn Drill>) -> RunRecord {
    let Folded { mut record, facts } = folded;
    for (drill_record, facts) in record.drills.iter_mut().zip(&facts) {
        judge_drill(drill_record, facts, catalogue(&drill_record.scenario));
    }
    settle(&mut record);
    record
}

/// What a run's last lines say holds nothing where they could not be written for certain, also if they can be read now.
pub fn doubt(record: &mut RunRecord) {
    record.complete = false;
    settle(record);
}

/// What its drills make of the run.
fn settle(record: &mut RunRecord) {
    record.verdict = Verdict::of_run(record.drills.iter().map(|drill| drill.verdict));
    if !record.complete {
        // It was killed, or its ledger was cut off: then what it says of its end holds nothing.
        record.verdict = record.verdict.max(Verdict::Errored);
    } else if record.interrupted_by.is_some() {
        record.verdict = record.verdict.max(Verdict::Aborted);
    }
    record.restoration =
        record.drills.iter().map(|drill| drill.restoration).max().unwrap_or(Restoration::Clean);
    record.exit_code =
        ExitCode::of(record.verdict, record.restoration, record.interrupted_by.is_some()).into();
}

fn judge_drill(record: &mut DrillRecord, facts: &DrillFacts, drill: Option<&'static dyn Drill>) {
    let Some(drill) = drill else {
        record.verdict = Verdict::Errored;
        record.reason = format!("this version has no drill `{}`; use the one that ran it", record.scenario);
        return;
    };
    record.hypothesis = drill.about().proves.into();
    if facts.ended != Some(Verdict::Skipped) {
        record.measurements = catch_unwind(AssertUnwindSafe(|| drill.measure(facts))).unwrap_or_default();
        let mut names = BTreeSet::new();
        for check in drill.checks() {
            debug_assert!(names.insert(check.name), "two checks of one name");
            let finding = catch_unwind(AssertUnwindSafe(|| (check.judge)(record))).unwrap_or_else(|_| {
                Finding::new(Judgement::Inconclusive, "the check crashed: please report this as a defect")
            });
            record.proof.extend(finding.proof);
            record.checks.push(CheckRecord {
                name: check.name.into(),
                outcome: finding.judgement,
                message: finding.message,
            });
        }
    }
    if let Some(slept_ms) = facts.observed::<u64>(SLEPT_MS) {
        record.checks.push(CheckRecord {
            name: "machine-awake".into(),
            outcome: Judgement::Inconclusive,
            message: format!(
                "the machine that ran this slept for {:.1} s meanwhile, and no clock of the run counts that: the times say \
                 nothing; keep it awake (`systemd-inhibit`) and drill again",
                slept_ms as f64 / 1e3
            ),
        });
    }
    record.verdict = drill_verdict(record.checks.iter().map(|check| check.outcome), facts.ended);
    record.reason = reason(record, facts);
}

fn reason(record: &DrillRecord, facts: &DrillFacts) -> String {
    if let (Some(ended), Some(because)) = (facts.ended, &facts.ended_because)
        && ended == record.verdict
    {
        return because.clone();
    }
    let wanted = match record.verdict {
        Verdict::Failed => Judgement::Failed,
        Verdict::Invalid => Judgement::Invalid,
        Verdict::Inconclusive => Judgement::Inconclusive,
        Verdict::Passed => return "every objective and check was met".into(),
        Verdict::Skipped | Verdict::Aborted | Verdict::Errored => {
            return facts.ended_because.clone().unwrap_or_else(|| "no reason is known".into());
        }
    };
    let found: Vec<&str> = record
        .checks
        .iter()
        .filter(|check| check.outcome == wanted)
        .map(|check| check.message.as_str())
        .collect();
    if found.is_empty() { "it has no check that could have passed".into() } else { found.join("; ") }
}
