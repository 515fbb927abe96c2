//! One run as a line of the history has it: what later runs are held against.
//!
//! A line is made of a record, and names its digest; it is no evidence by itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::schema::DateTime;
use crate::{DrillRecord, Judgement, Restoration, Rpo, RunRecord, Verdict};

/// The form that this version writes.
pub const HISTORY_SCHEMA: &str = "lifeboat.history/1";

/// One run, as a line of the history has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HistoryLine {
    /// [`HISTORY_SCHEMA`].
    pub schema: String,
    /// The run's id.
    pub run_id: String,
    /// When it began, UTC.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    pub started_at: OffsetDateTime,
    /// How long it took, seconds.
    pub duration_s: f64,
    /// The plan's name of the environment.
    pub environment: String,
    /// Whether the control plane was not AWS itself.
    pub simulated: bool,
    /// What the run came to.
    pub verdict: Verdict,
    /// Whether everything was put back.
    pub restoration: Restoration,
    /// The version of lifeboat.
    pub tool_version: String,
    /// SHA-256 of the plan file, hexadecimal.
    pub plan_sha256: String,
    /// SHA-256 of the record's file, hexadecimal.
    pub record_sha256: String,
    /// SHA-256 of the signed statement's bytes, where the run was signed: the next one's names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement_sha256: Option<String>,
    /// The drills, in the plan's order.
    pub drills: Vec<HistoryDrill>,
}

/// One drill of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HistoryDrill {
    /// The drill's name.
    pub name: String,
    /// Which drill of the catalogue.
    pub scenario: String,
    /// The plan's name of the target.
    pub target: String,
    /// What it came to.
    pub verdict: Verdict,
    /// Whether everything was put back.
    pub restoration: Restoration,
    /// The recovery time, where it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rto: Option<Span>,
    /// What it had to be, seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rto_objective_s: Option<f64>,
    /// The recovery point, where it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpo: Option<Span>,
    /// What it had to be, seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpo_objective_s: Option<f64>,
    /// Acknowledged writes that were lost, where they were counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_writes: Option<u64>,
    /// The target's engine and version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// The target's instance class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// The checks that were asked and not met, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missed: Vec<String>,
}

/// What a figure lies between, seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Span {
    /// At least so much.
    pub lower_s: f64,
    /// At most so much; absent where no end was seen.
    pub upper_s: Option<f64>,
}

impl HistoryLine {
    /// Of a record whose file has this digest.
    pub fn of(record: &RunRecord, record_sha256: String, statement_sha256: Option<String>) -> Self {
        Self {
            schema: HISTORY_SCHEMA.into(),
            run_id: record.run_id.clone(),
            started_at: record.started_at,
            duration_s: record.duration_s,
            environment: record.environment.name.clone(),
            simulated: record.environment.simulated,
            verdict: record.verdict,
            restoration: record.restoration,
            tool_version: record.tool.version.clone(),
            plan_sha256: record.plan.sha256.clone(),
            record_sha256,
            statement_sha256,
            drills: record.drills.iter().map(HistoryDrill::of).collect(),
        }
    }
}

impl HistoryLine {
    /// Whether it ran in such an environment.
    pub fn is_in(&self, environment: &str, simulated: bool) -> bool {
        (self.environment.as_str(), self.simulated) == (environment, simulated)
    }
}

impl HistoryDrill {
    /// The upper end of its recovery time, seconds, infinite where no end was seen; of a drill that came to its end: one that is
    /// invalid or was cut short measured something else.
    pub fn recovery_time(&self) -> Option<f64> {
        let rto = self.rto.filter(|_| matches!(self.verdict, Verdict::Passed | Verdict::Failed))?;
        Some(rto.upper_s.unwrap_or(f64::INFINITY))
    }

    /// Whether they are comparable: the same drill on the same target. That they ran in the same environment is for the caller to know.
    pub fn is_like(&self, other: &Self) -> bool {
        (&self.name, &self.scenario, &self.target) == (&other.name, &other.scenario, &other.target)
    }

    /// Of a drill of a record.
    pub fn of(drill: &DrillRecord) -> Self {
        let rto = drill.measurements.rto.value();
        let rpo = drill.measurements.rpo.value();
        Self {
            name: drill.name.clone(),
            scenario: drill.scenario.clone(),
            target: drill.target.clone(),
            verdict: drill.verdict,
            restoration: drill.restoration,
            rto: rto.map(|rto| Span { lower_s: rto.lower_s, upper_s: rto.upper_s }),
            rto_objective_s: drill.objectives.rto_s,
            rpo: rpo.map(|rpo| match rpo {
                Rpo::Writes(loss) => {
                    Span { lower_s: loss.lost_span.lower_s, upper_s: loss.lost_span.upper_s }
                }
                Rpo::Window(window) => Span { lower_s: window.lower_s, upper_s: Some(window.upper_s) },
            }),
            rpo_objective_s: drill.objectives.rpo_s,
            lost_writes: rpo.and_then(|rpo| match rpo {
                Rpo::Writes(loss) => Some(loss.lost),
                Rpo::Window(_) => None,
            }),
            engine: drill.identity.as_ref().and_then(|identity| identity.engine.clone()),
            class: drill.identity.as_ref().and_then(|identity| identity.class.clone()),
            missed: drill
                .checks
                .iter()
                .filter(|check| missed(check.outcome))
                .map(|check| check.name.clone())
                .collect(),
        }
    }
}

fn missed(outcome: Judgement) -> bool {
    !matches!(outcome, Judgement::Passed | Judgement::Unasked)
}
