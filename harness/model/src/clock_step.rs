//! Steps of the wall clock during a run, from the two times of each line of its journal.
//!
//! No figure of a run is made of wall-clock times; who reads them beside a server's log has to know of a step. A clock that
//! is pulled slowly is none, and a step of less than [`LEAST`] is not told from a machine that was busy. Sleep of the
//! machine looks like a step forward, since the monotonic clock stands still in it; a drill that it slept in is inconclusive.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Elapsed, Event, seconds};

/// What counts as a step.
const LEAST: Duration = Duration::from_secs(2);

/// A step of the wall clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClockStep {
    /// By when it had happened, seconds since the run's start.
    pub at_s: f64,
    /// By how much, seconds; negative if it was set back.
    pub by_s: f64,
}

/// The steps between the lines of a journal.
pub fn clock_steps(events: &[Event]) -> Vec<ClockStep> {
    let of = |event: &Event| {
        let elapsed = time::Duration::microseconds(i64::try_from(event.elapsed.0).unwrap_or(i64::MAX));
        event.at.unix_timestamp_nanos().saturating_sub(elapsed.whole_nanoseconds())
    };
    let pairs = events.windows(2).filter_map(|pair| {
        let by = of(&pair[1]).saturating_sub(of(&pair[0]));
        let stepped = by.unsigned_abs() >= LEAST.as_nanos();
        stepped.then(|| ClockStep {
            at_s: seconds(pair[1].elapsed.since(Elapsed(0))),
            // Whole milliseconds: the two clocks are read one after the other.
            by_s: (by / 1_000_000) as f64 / 1e3,
        })
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;
    use crate::EventKind;

    /// Events at these moments of both clocks, milliseconds.
    fn steps(times: &[(i64, u64)]) -> Vec<(f64, f64)> {
        let start = OffsetDateTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let events: Vec<Event> = times
            .iter()
            .map(|(wall, elapsed)| Event {
                seq: 1,
                at: start + time::Duration::milliseconds(*wall),
                elapsed: Elapsed(elapsed * 1_000),
                kind: EventKind::Interrupted { by: "x".into() },
            })
            .collect();
        clock_steps(&events).into_iter().map(|step| (step.at_s, step.by_s)).collect()
    }

    #[test]
    fn a_clock_that_runs_has_none() {
        assert_eq!(steps(&[(0, 0), (10, 10), (90_000, 90_000), (90_000, 90_000)]), []);
        assert_eq!(steps(&[(0, 0), (60_500, 60_000), (121_000, 120_000)]), [], "it is pulled");
        assert_eq!(steps(&[]), []);
    }

    #[test]
    fn a_step_forward_and_one_back_are_both_told() {
        let times =
            [(0, 0), (1_000, 1_000), (3_602_000, 2_000), (3_603_000, 3_000), (4_000, 4_000), (5_000, 5_000)];
        assert_eq!(steps(&times), [(2.0, 3_600.0), (4.0, -3_600.0)]);
    }

    #[test]
    fn two_seconds_are_the_least_that_is_told() {
        assert_eq!(steps(&[(0, 0), (3_000, 1_000), (2_000, 2_000)]), [(1.0, 2.0), (2.0, -2.0)]);
        assert_eq!(steps(&[(0, 0), (2_999, 1_000), (2_001, 2_000)]), []);
    }
}
