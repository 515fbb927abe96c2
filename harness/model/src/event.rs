//! The journal: what a run did, in the order in which it did it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;

use crate::schema::{DateTime, open_tags};
use crate::{Elapsed, EnvironmentRecord, Made, Objectives, TargetIdentity, UndoAction};

/// One line of `journal.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Its place in the journal, from 1.
    pub seq: u64,
    /// The wall clock, UTC.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    pub at: OffsetDateTime,
    /// The monotonic clock, microseconds since the run's start.
    pub elapsed: Elapsed,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// The phases of a drill, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// It refuses before it harms.
    Guard,
    /// What is normal before the fault.
    Steady,
    /// Load and probes begin.
    Load,
    /// The fault.
    Fault,
    /// Until clients are served again.
    Recover,
    /// Proof of the fault, of the recovery and of the data.
    Verify,
    /// Back to the state before.
    Restore,
}

impl Phase {
    /// The phase's name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Guard => "guard",
            Self::Steady => "steady",
            Self::Load => "load",
            Self::Fault => "fault",
            Self::Recover => "recover",
            Self::Verify => "verify",
            Self::Restore => "restore",
        }
    }
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StepEnd {
    /// It was done.
    Done,
    /// It failed, provably without effect.
    Failed,
    /// It may have had its effect: a time-out, a lost response, a panic, an interruption.
    Indeterminate,
    /// A precondition of the drill is not met; nothing was done.
    Unmet,
    /// The environment does not have what the step needs, so nothing was done and nothing can be proved there.
    Unsupported,
}

/// How an undo ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UndoEnd {
    /// It was taken back.
    Undone,
    /// There was nothing to take back.
    NotNeeded,
    /// It could not be taken back.
    Failed,
}

/// What an event says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[schemars(transform = open_tags("event"))]
pub enum EventKind {
    /// The first line.
    RunStarted {
        /// [`crate::JOURNAL_FORMAT`].
        #[schemars(
            description = "The journal's format.",
            regex(pattern = r"^lifeboat\.journal/1(\.[0-9]+)?$")
        )]
        format: String,
        /// The run's id.
        run_id: String,
        /// The version of the tool.
        tool_version: String,
        /// SHA-256 of the program, hexadecimal.
        #[serde(default)]
        tool_sha256: Option<String>,
        /// Where it runs.
        environment: EnvironmentRecord,
        /// Who runs it, as the control plane knows the caller.
        operator: Option<String>,
        /// The process of the sandbox that the run started for itself.
        #[serde(default)]
        sandbox_pid: Option<u32>,
    },
    /// A drill begins.
    DrillStarted {
        /// The drill's name.
        drill: String,
        /// Which drill of the catalogue.
        scenario: String,
        /// The plan's name of the target.
        target: String,
        /// What it must meet.
        objectives: Objectives,
        /// The drill's options as it read them.
        options: Value,
    },
    /// The guard knows what the target is.
    TargetIdentified {
        /// The drill's name.
        drill: String,
        /// What it is.
        identity: TargetIdentity,
    },
    /// An act of the drill is about to begin.
    StepStarted {
        /// The drill's name.
        drill: String,
        /// The step's id.
        step: String,
        /// Its phase.
        phase: Phase,
        /// What it does.
        what: String,
        /// Its time limit, milliseconds.
        limit_ms: u64,
    },
    /// What will take the act back, written before the act.
    UndoPlanned {
        /// The drill's name.
        drill: String,
        /// The step's id.
        step: String,
        /// The undo's number.
        undo: u64,
        /// What to do.
        #[serde(flatten)]
        action: UndoAction,
    },
    /// Something that this run created in the world.
    Created {
        /// The drill's name.
        drill: String,
        /// What it is.
        what: String,
        /// Its identity.
        id: String,
    },
    /// What an act made is known: from here on the undo works on that alone. A later line for the same undo takes the
    /// place of an earlier one.
    UndoBound {
        /// The drill's name.
        drill: String,
        /// The undo's number.
        undo: u64,
        /// What was made.
        made: Made,
    },
    /// An act ended.
    StepEnded {
        /// The drill's name.
        drill: String,
        /// The step's id.
        step: String,
        /// How.
        outcome: StepEnd,
        /// Why, where it was not done.
        message: Option<String>,
    },
    /// A moment that measurements refer to.
    Marked {
        /// The drill's name.
        drill: String,
        /// Which moment.
        mark: String,
    },
    /// Something that a step saw.
    Observed {
        /// The drill's name.
        drill: String,
        /// What it is.
        name: String,
        /// What was seen.
        value: Value,
    },
    /// An undo begins.
    UndoStarted {
        /// The drill's name.
        drill: String,
        /// The undo's number.
        undo: u64,
    },
    /// An undo ended.
    UndoEnded {
        /// The drill's name.
        drill: String,
        /// The undo's number.
        undo: u64,
        /// How.
        outcome: UndoEnd,
        /// What was done, or why not.
        message: Option<String>,
    },
    /// Somebody or something asked the run to end.
    Interrupted {
        /// `Ctrl-C` or `SIGTERM`.
        by: String,
    },
    /// A stop condition tripped, so the run ends early.
    Stopped {
        /// Its name in the plan.
        condition: String,
        /// What was seen.
        why: String,
    },
    /// A drill ended, its undos included.
    DrillEnded {
        /// The drill's name.
        drill: String,
        /// Whether it went through all its steps.
        through: bool,
    },
    /// The last line of a run that was not killed, but for those of its notices.
    RunEnded {
        /// How many lines the ledger has; a ledger of another length was cut off.
        #[serde(default)]
        ledger_lines: Option<u64>,
    },
    /// Somebody was told how the run ended, or could not be. It comes after [`EventKind::RunEnded`] and is no part of the run.
    NoticeSent {
        /// The notice's name in the plan.
        name: String,
        /// Its kind, as the plan writes it.
        kind: String,
        /// Why it was not sent.
        error: Option<String>,
    },
    /// An event of a newer version.
    #[serde(other)]
    #[schemars(skip)]
    Unknown,
}

impl EventKind {
    /// The drill that it belongs to.
    pub fn drill(&self) -> Option<&str> {
        match self {
            Self::DrillStarted { drill, .. }
            | Self::TargetIdentified { drill, .. }
            | Self::StepStarted { drill, .. }
            | Self::UndoPlanned { drill, .. }
            | Self::Created { drill, .. }
            | Self::UndoBound { drill, .. }
            | Self::StepEnded { drill, .. }
            | Self::Marked { drill, .. }
            | Self::Observed { drill, .. }
            | Self::UndoStarted { drill, .. }
            | Self::UndoEnded { drill, .. }
            | Self::DrillEnded { drill, .. } => Some(drill),
            Self::RunStarted { .. }
            | Self::Interrupted { .. }
            | Self::Stopped { .. }
            | Self::RunEnded { .. }
            | Self::NoticeSent { .. }
            | Self::Unknown => None,
        }
    }
}
