//! What runs a drill: steps with their undos, the journal, the probes, and the judging of what came out.
//!
//! The engine opens no connection: drills hand it functions. It knows neither AWS nor PostgreSQL.

mod budget;
mod clock;
mod context;
mod drill;
mod files;
mod guarded;
mod journal;
mod judge;
mod ledger;
mod plan;
mod probe;
mod run;
mod step;
mod stop;
mod wait;

pub use budget::{Estimate, Makes, Making, check_drill, estimate, in_words};
pub use clock::Clock;
pub use context::Context;
pub use drill::{About, Check, Drill, OptionsError, Params, ProbeSettings, with_objectives};
pub use files::{EARLIER_RUNS, FilesError, RunFiles, read_events, read_ledger};
pub use guarded::guarded;
pub use journal::{Journal, JournalError};
pub use judge::{JudgeError, doubt, judge, judge_dir};
pub use ledger::Ledger;
pub use plan::Plan;
pub use probe::{AttemptFuture, Probe, ProbeFn, Probes, ReadyFn, Tried};
pub use run::{Interpreter, Services, check_guards, run_drill, unwind};
pub use step::{Step, StepBuilder, StepError};
pub use stop::{Seen, StopLook, StopWatch, Tripwire, Watched, Watching, close, look_first};
pub use wait::{WaitError, wait_for};
