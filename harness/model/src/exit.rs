//! The exit codes of the command line.

use crate::{Restoration, Verdict};

/// What the process tells its caller; each code has one meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitCode {
    /// Every objective and check was met, and nothing was left behind.
    Met = 0,
    /// A defect of the tool, or a file that cannot be read or written.
    Internal = 1,
    /// The command line or the plan is wrong.
    Usage = 2,
    /// No drill was selected, or all were skipped.
    NothingRan = 4,
    /// An objective or a check was missed.
    Missed = 100,
    /// A drill could not run, was aborted, or its result is invalid or inconclusive.
    NotProved = 101,
    /// Clean-up left something behind: beats the others.
    Residue = 102,
    /// A person or a signal ended the run; it unwound, unless a second signal stopped that.
    Interrupted = 130,
}

impl ExitCode {
    /// The code of a finished run.
    pub fn of(verdict: Verdict, restoration: Restoration, interrupted: bool) -> Self {
        match (restoration, interrupted, verdict) {
            (Restoration::Residue, _, _) => Self::Residue,
            (_, true, _) => Self::Interrupted,
            (_, _, Verdict::Passed) => Self::Met,
            (_, _, Verdict::Failed) => Self::Missed,
            (_, _, Verdict::Skipped) => Self::NothingRan,
            (_, _, Verdict::Errored | Verdict::Aborted | Verdict::Invalid | Verdict::Inconclusive) => {
                Self::NotProved
            }
        }
    }
}

impl From<ExitCode> for u8 {
    fn from(code: ExitCode) -> u8 {
        code as u8
    }
}

impl TryFrom<u8> for ExitCode {
    type Error = String;

    fn try_from(code: u8) -> Result<Self, String> {
        let all = [
            Self::Met,
            Self::Internal,
            Self::Usage,
            Self::NothingRan,
            Self::Missed,
            Self::NotProved,
            Self::Residue,
            Self::Interrupted,
        ];
        all.into_iter()
            .find(|known| u8::from(*known) == code)
            .ok_or_else(|| format!("{code} is no exit code of lifeboat"))
    }
}
