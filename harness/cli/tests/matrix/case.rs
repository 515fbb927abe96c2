//! A case of the matrix, and how it is written on the command line.

use std::fmt;

/// On which side of a line of the journal a process is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// What was done by then is done and not in the journal.
    Before,
    /// The line is in the journal, and what it announces is not begun. Lines that are not waited for have no such moment.
    After,
}

/// How a step goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is refused, and nothing was done.
    Error,
    /// It is done, and its answer is lost.
    LostResponse,
    /// It is done, and does not come back within its limit.
    TimeOut,
    /// Its limit ends in its midst.
    CutShort,
    /// It panics before it did anything.
    PanicBefore,
    /// It panics when it is done.
    PanicAfter,
}

impl Fault {
    pub const ALL: [Self; 6] =
        [Self::Error, Self::LostResponse, Self::TimeOut, Self::CutShort, Self::PanicBefore, Self::PanicAfter];

    fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::LostResponse => "lost-response",
            Self::TimeOut => "time-out",
            Self::CutShort => "cut-short",
            Self::PanicBefore => "panic-before",
            Self::PanicAfter => "panic-after",
        }
    }
}

/// How an API call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallFault {
    /// A server error without effect.
    ServerError,
    /// Its effect is there, and no answer comes.
    LostResponse,
}

impl CallFault {
    pub const ALL: [Self; 2] = [Self::ServerError, Self::LostResponse];

    fn name(self) -> &'static str {
        match self {
            Self::ServerError => "http-5xx",
            Self::LostResponse => "lost-response",
        }
    }
}

/// What happens to a run. Numbers count from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Nothing: what the other cases follow from.
    Nothing,
    /// `kill -9` at a line of the journal.
    Kill { side: Side, line: u32 },
    /// SIGTERM at a line of the journal.
    Terminate { line: u32 },
    /// `kill -9` of the undo of a run, at a line of the undo's journal; the run was killed at a step, or before its own
    /// first undo.
    KillUndo { stop: &'static str, side: Side, line: u32 },
    /// A step goes wrong.
    Step { step: String, fault: Fault },
    /// The first call of an API action goes wrong.
    Call { action: String, fault: CallFault },
}

/// The stop of [`What::KillUndo`] that every drill has.
pub const UNWINDING: &str = "unwinding";

impl What {
    /// Its kind, by which cases are counted.
    pub fn kind(&self) -> String {
        let side = |side: &Side| if *side == Side::Before { "before" } else { "after" };
        match self {
            Self::Nothing => "healthy".into(),
            Self::Kill { side: of, .. } => format!("kill-{}", side(of)),
            Self::Terminate { .. } => "sigterm".into(),
            Self::KillUndo { side: of, .. } => format!("kill-undo-{}", side(of)),
            Self::Step { fault, .. } => format!("step-{}", fault.name()),
            Self::Call { fault, .. } => format!("call-{}", fault.name()),
        }
    }

    /// The same a line later, where lines are counted.
    pub fn next(&self) -> Option<Self> {
        let mut next = self.clone();
        match &mut next {
            Self::Kill { line, .. } | Self::Terminate { line } | Self::KillUndo { line, .. } => *line += 1,
            Self::Nothing | Self::Step { .. } | Self::Call { .. } => return None,
        }
        Some(next)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind();
        match self {
            Self::Nothing => write!(f, "{kind}"),
            Self::Kill { line, .. } | Self::Terminate { line } => write!(f, "{kind}/{line}"),
            Self::KillUndo { stop, line, .. } => write!(f, "{kind}/{stop}/{line}"),
            Self::Step { step: of, .. } | Self::Call { action: of, .. } => write!(f, "{kind}/{of}"),
        }
    }
}
