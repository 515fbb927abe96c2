//! What is signed of a run, or of an undo after it: the digests of its files and what it came to (in-toto Statement v1 with the
//! test-result predicate). Numbers stay in the record.

use lifeboat_model::{DrillRecord, FileDigest, Judgement, Restoration, RunRecord, Verdict};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

const STATEMENT: &str = "https://in-toto.io/Statement/v1";
/// What a statement about a run is about.
pub const SIGNED: [&str; 4] = ["record.json", "plan.json", "journal.jsonl", "ledger.jsonl"];

/// What one about an undo is about.
pub const UNDO_JOURNAL: &str = "undo.jsonl";

const TEST_RESULT: &str = "https://in-toto.io/attestation/test-result/v0.1";

/// A statement, as its JSON has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    /// The files that it is about.
    pub subject: Vec<Subject>,
    predicate_type: String,
    /// What it says of them.
    pub predicate: Predicate,
}

/// A file and its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Its name in the run's folder; of a configuration, the plan as the caller named it.
    pub name: String,
    /// Its digest.
    pub digest: Digest,
    /// How long it was then; it may have grown since, where it is one that is only added to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Length>,
}

/// The digest of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

/// The length of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Length {
    /// In bytes.
    pub bytes: u64,
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Predicate {
    /// `PASSED`, or `FAILED` for all else: who looks at nothing but this must not take a skipped drill for a good one.
    pub result: String,
    /// The plan.
    pub configuration: Vec<Subject>,
    /// Checks of drills that passed, as `drill/check`. Those of other drills prove nothing by themselves.
    pub passed_tests: Vec<String>,
    /// What could not be told, was not asked for the drill being skipped.
    pub warned_tests: Vec<String>,
    /// What was missed, or is not proved.
    pub failed_tests: Vec<String>,
    /// What the form has no place for.
    pub lifeboat: Facts,
}

/// What a reader has to know beside the result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Of what it is.
    pub of: Of,
    /// The run.
    pub run_id: String,
    /// Whether the control plane was not AWS itself: then it is no evidence about a real system.
    pub simulated: bool,
    /// The plan's name of the environment.
    pub environment: String,
    /// The account, where one was asked.
    pub account: Option<String>,
    /// The region.
    pub region: String,
    /// When it began, UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    /// When it ended, UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub ended_at: OffsetDateTime,
    /// What the run came to.
    pub verdict: Verdict,
    /// Whether everything was put back; of an undo, by then.
    pub restoration: Restoration,
    /// The version of lifeboat.
    pub tool_version: String,
    /// The statement before this one: of a run, that of the run before it; of an undo, that of its run or of the undo before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Link>,
}

/// Of what a statement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Of {
    /// A run.
    Run,
    /// `lifeboat undo` on a run.
    Undo,
}

/// What an undo did.
#[derive(Debug, Clone, PartialEq)]
pub struct Undone {
    /// What it took back.
    pub done: Vec<String>,
    /// What is left behind.
    pub left: Vec<String>,
    /// When it began, UTC.
    pub started_at: OffsetDateTime,
    /// When it ended, UTC.
    pub ended_at: OffsetDateTime,
    /// The version of lifeboat that did it, or that signed it where that was done later.
    pub tool_version: String,
}

/// A link of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The run of that statement.
    pub run_id: String,
    /// The SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
}

impl Statement {
    /// Of a run whose files have these digests.
    pub fn of_run(record: &RunRecord, files: &[FileDigest], previous: Option<Link>) -> Self {
        let good = record.verdict == Verdict::Passed && record.restoration == Restoration::Clean;
        let mut tests: [Vec<String>; 3] = Default::default();
        for drill in &record.drills {
            sort_checks(drill, &mut tests);
        }
        let [passed_tests, warned_tests, failed_tests] = tests;
        let plan = Subject {
            name: record.plan.source.clone(),
            digest: Digest { sha256: record.plan.sha256.clone() },
            annotations: None,
        };
        Self {
            kind: STATEMENT.into(),
            subject: files.iter().map(Subject::of).collect(),
            predicate_type: TEST_RESULT.into(),
            predicate: Predicate {
                result: result(good),
                configuration: vec![plan],
                passed_tests,
                warned_tests,
                failed_tests,
                lifeboat: Facts {
                    of: Of::Run,
                    run_id: record.run_id.clone(),
                    simulated: record.environment.simulated,
                    environment: record.environment.name.clone(),
                    account: record.environment.account.clone(),
                    region: record.environment.region.clone(),
                    started_at: record.started_at,
                    ended_at: record.ended_at,
                    verdict: record.verdict,
                    restoration: record.restoration,
                    tool_version: record.tool.version.clone(),
                    previous,
                },
            },
        }
    }

    /// Of `lifeboat undo` on the run of `run`, whose journal has this digest by now; `left` is what it could not take back.
    pub fn of_undo(run: &Facts, journal: &FileDigest, undone: &Undone, previous: Link) -> Self {
        let restoration = if undone.left.is_empty() { Restoration::Clean } else { Restoration::Residue };
        Self {
            kind: STATEMENT.into(),
            subject: vec![Subject::of(journal)],
            predicate_type: TEST_RESULT.into(),
            predicate: Predicate {
                // Who looks at nothing but this must not take the undo of a failed run for a good run.
                result: result(undone.left.is_empty() && run.verdict == Verdict::Passed),
                configuration: Vec::new(),
                passed_tests: undone.done.clone(),
                warned_tests: Vec::new(),
                failed_tests: undone.left.clone(),
                lifeboat: Facts {
                    of: Of::Undo,
                    started_at: undone.started_at,
                    ended_at: undone.ended_at,
                    restoration,
                    tool_version: undone.tool_version.clone(),
                    previous: Some(previous),
                    ..run.clone()
                },
            },
        }
    }

    /// Whether it is of such a thing and about all the files that one is about, each with its length.
    ///
    /// # Errors
    /// What it is instead.
    pub fn check(&self, of: Of) -> Result<(), String> {
        if (self.kind.as_str(), self.predicate_type.as_str()) != (STATEMENT, TEST_RESULT) {
            return Err(format!("it is a statement of another form: {} {}", self.kind, self.predicate_type));
        }
        if self.predicate.lifeboat.of != of {
            return Err("it is about an undo where it should be about a run, or the other way round".into());
        }
        let files: &[&str] = match of {
            Of::Run => &SIGNED,
            Of::Undo => &[UNDO_JOURNAL],
        };
        let names: Vec<&str> = self.subject.iter().map(|subject| subject.name.as_str()).collect();
        if names != files || self.subject.iter().any(|subject| subject.annotations.is_none()) {
            return Err(format!(
                "it is about {}, and should be about {}",
                names.join(", "),
                files.join(", ")
            ));
        }
        Ok(())
    }

    /// The bytes that are signed.
    pub fn bytes(&self) -> Vec<u8> {
        // Plain data with text for keys: there is nothing that could fail.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl Subject {
    /// A file of the run's folder.
    pub fn of(file: &FileDigest) -> Self {
        Self {
            name: file.name.clone(),
            digest: Digest { sha256: file.sha256.clone() },
            annotations: Some(Length { bytes: file.bytes }),
        }
    }
}

fn result(good: bool) -> String {
    if good { "PASSED" } else { "FAILED" }.into()
}

/// Sorts what a drill shows into passed, warned and failed.
fn sort_checks(drill: &DrillRecord, [passed, warned, failed]: &mut [Vec<String>; 3]) {
    let test = |name: &str| format!("{}/{name}", drill.name);
    match drill.verdict {
        Verdict::Skipped => warned.push(test("run")),
        Verdict::Aborted | Verdict::Errored => failed.push(test("run")),
        Verdict::Passed | Verdict::Inconclusive | Verdict::Invalid | Verdict::Failed => {}
    }
    for check in &drill.checks {
        match check.outcome {
            Judgement::Passed if drill.verdict == Verdict::Passed => passed.push(test(&check.name)),
            Judgement::Inconclusive => warned.push(test(&check.name)),
            Judgement::Failed | Judgement::Invalid => failed.push(test(&check.name)),
            Judgement::Passed | Judgement::Unasked => {}
        }
    }
    if drill.restoration == Restoration::Residue {
        failed.push(test("clean-up"));
    }
}
