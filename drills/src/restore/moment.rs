//! The moment to restore to: a whole second of the server's clock, inside an idle gap of the canaries.

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

/// So far the moment is from the canaries on both sides, at the least.
pub const MARGIN: Duration = Duration::SECOND;

/// An idle gap of the canaries and the moment in it, on the server's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Read after the commit of the canary before.
    #[serde(with = "time::serde::rfc3339")]
    pub after: OffsetDateTime,
    /// The moment.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// Read before the insert of the canary after.
    #[serde(with = "time::serde::rfc3339")]
    pub before: OffsetDateTime,
}

impl Gap {
    /// Whether the moment is a whole second that is far enough from both canaries.
    pub fn holds(&self) -> bool {
        self.at.nanosecond() == 0 && self.after + MARGIN <= self.at && self.at + MARGIN <= self.before
    }
}

/// The first whole second that is far enough from `after`, a reading of the server's clock after a commit.
pub fn first_moment(after: OffsetDateTime) -> OffsetDateTime {
    let earliest = after + MARGIN;
    match earliest.nanosecond() {
        0 => earliest,
        past => earliest - Duration::nanoseconds(i64::from(past)) + Duration::SECOND,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_moment_is_in_the_gap_and_no_later_than_it_has_to_be(
            micros in 0_i64..4_000_000_000_000_000,
            wait in 0_i64..5_000_000,
        ) {
            let after = OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000).unwrap();
            let at = first_moment(after);
            prop_assert_eq!(at.nanosecond(), 0);
            prop_assert!(at >= after + MARGIN && at < after + MARGIN + Duration::SECOND);
            let before = at + Duration::microseconds(wait);
            let gap = Gap { after, at, before };
            prop_assert_eq!(gap.holds(), wait >= 1_000_000);
            let late = Gap { at: at + Duration::SECOND, ..gap };
            prop_assert!(!late.holds() || wait >= 2_000_000);
            let odd = Gap { at: at + Duration::MICROSECOND, ..gap };
            prop_assert!(!odd.holds());
        }
    }
}
