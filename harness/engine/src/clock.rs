//! The run's clock.

use std::time::{Duration, Instant};

use lifeboat_model::Elapsed;
use nix::time::{ClockId, clock_gettime};
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

    /// How long the machine has slept since it was started: so long did this clock stand still. Two clocks are read one
    /// after the other, so it is right to some microseconds, or to less on a busy machine. Zero where the kernel does not
    /// say. A virtual machine that its host holds still does not sleep and is not noticed.
    pub fn slept() -> Duration {
        let read = || {
            let monotonic = Duration::from(clock_gettime(ClockId::CLOCK_MONOTONIC).ok()?);
            let with_sleep = Duration::from(clock_gettime(ClockId::CLOCK_BOOTTIME).ok()?);
            Some(with_sleep.saturating_sub(monotonic))
        };
        // What came between two readings adds to the difference: the least is the nearest.
        (0..5).filter_map(|_| read()).min().unwrap_or_default()
    }

    /// The wall clock, UTC.
    pub fn wall(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_is_awake_does_not_sleep_meanwhile() {
        let before = Clock::slept();
        assert!(Clock::slept().abs_diff(before) < Duration::from_millis(50));
    }
}
