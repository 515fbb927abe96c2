//! The event stream: what `lifeboat run --json` writes to standard output, one JSON object a line.
//!
//! The first line says the version, each further line is one of the journal, and the last one says what the run came to. A
//! stream without its last line is of a run that was killed or could not be judged.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Event, Restoration, RunRecord, Verdict};

/// The version of the stream, `MAJOR.MINOR`. A reader leaves out the fields and events of a newer minor version that it does
/// not know, and refuses another major version.
pub const EVENTS_SCHEMA: &str = "lifeboat.events/1.0";

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StreamHead {
    /// [`EVENTS_SCHEMA`].
    #[schemars(description = "The stream's version.", regex(pattern = r"^lifeboat\.events/1\.[0-9]+$"))]
    pub schema: String,
    /// The version of the tool.
    pub tool_version: String,
}

/// The last line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunJudged {
    /// `run-judged`.
    pub event: Judged,
    /// The run's id.
    pub run_id: String,
    /// What the run came to.
    pub verdict: Verdict,
    /// Whether everything was put back.
    pub restoration: Restoration,
    /// The code that the command leaves with: that of the record, unless something went wrong after it was made.
    pub exit_code: u8,
    /// Whether the control plane was not AWS itself.
    pub simulated: bool,
    /// The run's folder.
    pub folder: String,
    /// The drills, in the plan's order.
    pub drills: Vec<DrillJudged>,
}

/// The name of the last line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Judged {
    /// It is no event of the journal.
    #[serde(rename = "run-judged")]
    Run,
}

/// What a drill came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DrillJudged {
    /// The drill's name.
    pub name: String,
    /// What it came to.
    pub verdict: Verdict,
    /// Why, as one sentence.
    pub reason: String,
    /// Whether everything was put back.
    pub restoration: Restoration,
}

impl RunJudged {
    /// What a record says of a run with this folder.
    pub fn of(record: &RunRecord, folder: String) -> Self {
        let drills = record.drills.iter().map(|drill| DrillJudged {
            name: drill.name.clone(),
            verdict: drill.verdict,
            reason: drill.reason.clone(),
            restoration: drill.restoration,
        });
        Self {
            event: Judged::Run,
            run_id: record.run_id.clone(),
            verdict: record.verdict,
            restoration: record.restoration,
            exit_code: record.exit_code,
            simulated: record.environment.simulated,
            folder,
            drills: drills.collect(),
        }
    }
}

/// Any line of the stream.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "its schema is all that is asked of it")]
pub enum StreamLine {
    /// The first line.
    Head(StreamHead),
    /// The last line.
    Judged(RunJudged),
    /// All between them.
    Event(Box<Event>),
}
