//! `verdict.json`: what a script needs and nothing else.

use lifeboat_model::{Restoration, RunRecord, Verdict};
use serde::{Deserialize, Serialize};

/// The verdict of a run and of its drills.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictDocument {
    /// `lifeboat.verdict/1`.
    pub schema: String,
    /// The run's id.
    pub run_id: String,
    /// What the run came to.
    pub verdict: Verdict,
    /// Whether everything was put back.
    pub restoration: Restoration,
    /// The exit code of the command.
    pub exit_code: u8,
    /// Whether the control plane was not AWS itself.
    pub simulated: bool,
    /// The drills, in the plan's order.
    pub drills: Vec<DrillVerdict>,
}

/// The verdict of one drill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillVerdict {
    /// The drill's name.
    pub name: String,
    /// What it came to.
    pub verdict: Verdict,
    /// Why, as one sentence.
    pub reason: String,
    /// Whether everything was put back.
    pub restoration: Restoration,
}

/// The verdict document of a record.
pub fn verdict(record: &RunRecord) -> VerdictDocument {
    VerdictDocument {
        schema: "lifeboat.verdict/1".into(),
        run_id: record.run_id.clone(),
        verdict: record.verdict,
        restoration: record.restoration,
        exit_code: record.exit_code,
        simulated: record.environment.simulated,
        drills: record
            .drills
            .iter()
            .map(|drill| DrillVerdict {
                name: drill.name.clone(),
                verdict: drill.verdict,
                reason: drill.reason.clone(),
                restoration: drill.restoration,
            })
            .collect(),
    }
}
