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

/// How many bytes of a line are shown from its beginning, and from its end.
const SHOWN: (usize, usize) = (1_000, 400);

/// A value of a plan may be of any length and is quoted in what is said about it: the middle of a line that nobody would
/// read is left out. What to do stands at the end.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, line) in self.message.split('\n').enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            let (begin, end) = SHOWN;
            if line.len() <= begin + end {
                f.write_str(line)?;
            } else {
                let (begin, end) =
                    (line.floor_char_boundary(begin), line.ceil_char_boundary(line.len() - end));
                write!(f, "{}… ({} bytes left out) …{}", &line[..begin], end - begin, &line[end..])?;
            }
        }
        Ok(())
    }
}
