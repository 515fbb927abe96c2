//! The run's clock.

use std::time::Instant;

use lifeboat_model::Elapsed;
use time::OffsetDateTime;

/// The monotonic clock of a run. The wall clock is read for people only; nothing is measured with it.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// The time since its start.
    pub fn now(&self) -> Elapsed {
        Elapsed::from_duration(self.start.elapsed())
    }

    /// The wall clock, UTC.
    pub fn wall(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }
}
