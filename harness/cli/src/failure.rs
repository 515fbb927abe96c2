//! Why a command did not come to a verdict, and the exit code for it.

use std::fmt;

use lifeboat_model::ExitCode;

/// A sentence for a person, and the exit code.
#[derive(Debug)]
pub struct Failure {
    pub code: ExitCode,
    message: String,
}

impl Failure {
    /// The command line or the plan is wrong, or asks for something that is refused.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self { code: ExitCode::Usage, message: message.to_string() }
    }

    /// A file, the system, or a defect.
    pub fn internal(message: impl fmt::Display) -> Self {
        Self { code: ExitCode::Internal, message: message.to_string() }
    }

    /// The drills could not run.
    pub fn not_run(message: impl fmt::Display) -> Self {
        Self { code: ExitCode::NotProved, message: message.to_string() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
