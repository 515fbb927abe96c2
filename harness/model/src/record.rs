//! The record of a run: what every report is made of.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;

use crate::schema::DateTime;
use crate::{
    ClockStep, ControlRecord, HistoryLine, Judgement, Lane, Made, Measurements, Phase, Restoration, StepEnd,
    StreamSummary, UndoEnd, Verdict,
};

/// The record format that this version writes.
pub const RECORD_SCHEMA: &str = "lifeboat.record/1";

/// So many earlier runs a record keeps, at most.
pub const EARLIER: usize = 30;

/// What made a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tool {
    /// `lifeboat`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the program that ran, hexadecimal; absent where it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// The plan that was run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlanReference {
    /// Where it was read from, as the caller named it.
    pub source: String,
    /// SHA-256 of the plan file, hexadecimal.
    pub sha256: String,
    /// The variables that it uses; their values are nowhere.
    pub variables: Vec<String>,
}

/// Where a run took place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EnvironmentRecord {
    /// The plan's name for it.
    pub name: String,
    /// `aws`, `localstack` or `sandbox`.
    pub provider: String,
    /// The AWS region.
    pub region: String,
    /// The account of the caller; absent where no control plane was asked.
    pub account: Option<String>,
    /// The address of the control plane, where it is not AWS's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// For the sandbox: `docker` or `native`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// Whether the control plane is not AWS itself: then the run is no evidence about a real system.
    pub simulated: bool,
    /// Whether people depend on it.
    #[serde(default)]
    pub production: bool,
    /// The change under which the run takes place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_ticket: Option<String>,
}

/// A stop condition that tripped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Stop {
    /// Its name in the plan.
    pub condition: String,
    /// What was seen.
    pub why: String,
    /// When, seconds since the run's start.
    pub at_s: f64,
}

/// What a drill must meet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Default)]
pub struct Objectives {
    /// The recovery time objective, seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rto_s: Option<f64>,
    /// The recovery point objective, seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpo_s: Option<f64>,
}

/// What the target is: names are only look-ups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Default)]
pub struct TargetIdentity {
    /// The identifier or address by which it was found.
    pub identifier: String,
    /// The id that stays with the resource, whatever its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_id: Option<String>,
    /// The ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// Engine and version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// Instance class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Where clients connect, `host:port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}

/// A witness: something that was one way before and another after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Proof {
    /// What was looked at.
    pub what: String,
    /// How it was before the fault.
    pub before: String,
    /// How it was after.
    pub after: String,
}

/// A check and what it found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckRecord {
    /// What must hold.
    pub name: String,
    /// Whether it does.
    pub outcome: Judgement,
    /// Why, as a sentence.
    pub message: String,
}

/// A step and how it ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepRecord {
    /// The step's id.
    pub id: String,
    /// Its phase.
    pub phase: Phase,
    /// What it does.
    pub what: String,
    /// When it began, seconds since the run's start.
    pub start_s: f64,
    /// When it ended; absent where it never did.
    pub end_s: Option<f64>,
    /// How.
    pub outcome: Option<StepEnd>,
    /// Why, where it was not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// An undo and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UndoRecord {
    /// Its number in the journal.
    pub undo: u64,
    /// The step whose act it takes back.
    pub step: String,
    /// What it takes back.
    pub what: String,
    /// What the act made, where that is known: the only thing that the undo deletes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<Made>,
    /// How it ended; absent where it was not run.
    pub outcome: Option<UndoEnd>,
    /// What was done, or why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// A moment of a drill.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TimelineEntry {
    /// Seconds since the run's start, on the monotonic clock.
    pub at_s: f64,
    /// The wall clock, UTC.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    pub at: OffsetDateTime,
    /// `step`, `mark`, `control-plane`, `undo` or `signal`.
    pub kind: String,
    /// What happened.
    pub text: String,
}

/// A file of the run and its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileDigest {
    /// The file's name in the run's folder.
    pub name: String,
    /// SHA-256, hexadecimal.
    pub sha256: String,
    /// Its length in bytes.
    pub bytes: u64,
}

/// One drill of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DrillRecord {
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
    /// What the target is, if the guard came so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<TargetIdentity>,
    /// What a passed drill shows: the hypothesis that it tests.
    #[serde(default)]
    pub hypothesis: String,
    /// The controls that the plan names for it, in its order. It evidences them only where it shows what it has to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controls: Vec<String>,
    /// What it had to meet.
    pub objectives: Objectives,
    /// The drill's options as it read them.
    #[serde(default)]
    pub options: Value,
    /// What it measured.
    pub measurements: Measurements,
    /// What each stream saw.
    #[serde(default)]
    pub streams: BTreeMap<String, StreamSummary>,
    /// The witnesses.
    #[serde(default)]
    pub proof: Vec<Proof>,
    /// The checks.
    #[serde(default)]
    pub checks: Vec<CheckRecord>,
    /// The steps.
    #[serde(default)]
    pub steps: Vec<StepRecord>,
    /// What was taken back.
    #[serde(default)]
    pub undos: Vec<UndoRecord>,
    /// What this run created, as `what: identity`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub created: Vec<String>,
    /// What the steps saw, the last value of each.
    #[serde(default)]
    pub observations: BTreeMap<String, Value>,
    /// What happened when.
    #[serde(default)]
    pub timeline: Vec<TimelineEntry>,
    /// The probe streams, downsampled with every failure edge kept.
    #[serde(default)]
    pub lanes: Vec<Lane>,
}

impl DrillRecord {
    /// The last value of what was observed under that name, if it has the form asked for.
    pub fn observed<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        self.observations.get(name).and_then(|value| serde_json::from_value(value.clone()).ok())
    }
}

/// A notice of the run's end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NoticeRecord {
    /// Its name in the plan.
    pub name: String,
    /// Its kind, as the plan writes it.
    pub kind: String,
    /// Why it was not sent. It says nothing about the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunRecord {
    /// [`RECORD_SCHEMA`].
    #[schemars(description = "The record's format.", regex(pattern = r"^lifeboat\.record/1(\.[0-9]+)?$"))]
    pub schema: String,
    /// The run's id.
    pub run_id: String,
    /// What made the record.
    pub tool: Tool,
    /// The plan that was run.
    pub plan: PlanReference,
    /// What times are measured with.
    pub clock: String,
    /// The run's start, UTC.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    pub started_at: OffsetDateTime,
    /// The run's last event, UTC; notices come after it.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    pub ended_at: OffsetDateTime,
    /// How long it took on the monotonic clock, seconds.
    pub duration_s: f64,
    /// Whether the journal has its last line; a run that was killed has not.
    pub complete: bool,
    /// Who ran it, as the control plane knows the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// What asked it to end early.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interrupted_by: Option<String>,
    /// The stop condition that tripped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_by: Option<Stop>,
    /// Steps of the wall clock during the run. No figure is made of that clock; but one forward may be sleep of the machine, over
    /// which what was measured is too short.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clock_steps: Vec<ClockStep>,
    /// Who was told of its end, or could not be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<NoticeRecord>,
    /// Where it took place.
    pub environment: EnvironmentRecord,
    /// All controls that the plan names, also for drills that were not run, in order of their ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controls: Vec<ControlRecord>,
    /// The drills, in the plan's order.
    pub drills: Vec<DrillRecord>,
    /// Earlier runs with a drill that this one has, in the same environment, the oldest first: as the history had them when this
    /// one began, and no more than [`EARLIER`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<HistoryLine>,
    /// The files that the record was made from.
    #[serde(default)]
    pub files: Vec<FileDigest>,
    /// What the run came to.
    pub verdict: Verdict,
    /// Whether everything was put back.
    pub restoration: Restoration,
    /// The exit code of the command.
    pub exit_code: u8,
}
