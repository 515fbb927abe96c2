//! Within how many days a control wants a run, as the plans of the runs say it over time.
//!
//! A run that can be no evidence loosens nothing: what its plan says counts only where no other says how often, and then the
//! shortest of it.

use time::OffsetDateTime;

/// What the plans of the runs say of one control.
#[derive(Debug, Default)]
pub struct Periods {
    /// Of the runs that can be evidence: when each began, and the days that its plan gives, the earliest first.
    counting: Vec<(OffsetDateTime, Option<u16>)>,
    /// The shortest of the others.
    of_others: Option<u16>,
}

impl Periods {
    /// Adds what the plan of a run says that began then, no earlier than those before it. `counts`: whether it can be evidence.
    pub fn add(&mut self, began: OffsetDateTime, days: Option<u16>, counts: bool) {
        match counts {
            true => self.counting.push((began, days)),
            false => self.of_others = shortest([self.of_others, days]),
        }
    }

    /// The shortest that was in force from one moment to before another: that of the last run which can be evidence and began at
    /// or before the first, and of those that began between.
    pub fn between(&self, from: OffsetDateTime, to: OffsetDateTime) -> Option<u16> {
        let after = self.counting.partition_point(|(began, _)| *began <= from);
        let first = match after {
            // Nobody has said yet how often: whoever says it first, and whoever else does.
            0 => shortest([self.of_others, self.counting.first().and_then(|(_, days)| *days)]),
            _ if self.counting.iter().all(|(_, days)| days.is_none()) => self.of_others,
            _ => self.counting[after - 1].1,
        };
        let within =
            self.counting[after..].iter().take_while(|(began, _)| *began < to).map(|(_, days)| *days);
        shortest(within.chain([first]))
    }

    /// What is in force at a moment.
    pub fn at(&self, moment: OffsetDateTime) -> Option<u16> {
        self.between(moment, moment)
    }
}

fn shortest(days: impl IntoIterator<Item = Option<u16>>) -> Option<u16> {
    days.into_iter().flatten().min()
}

#[cfg(test)]
mod tests {
    use time::Duration;
    use time::macros::datetime;

    use super::*;

    const FIRST: OffsetDateTime = datetime!(2026-01-01 00:00 UTC);

    fn of(said: &[(i64, Option<u16>, bool)]) -> impl Fn(i64, i64) -> Option<u16> + use<> {
        let mut periods = Periods::default();
        for (day, days, counts) in said {
            periods.add(FIRST + Duration::days(*day), *days, *counts);
        }
        move |from, to| periods.between(FIRST + Duration::days(from), FIRST + Duration::days(to))
    }

    #[test]
    fn a_later_plan_changes_nothing_before_it() {
        for later in [None, Some(90)] {
            let periods = of(&[(0, Some(30), true), (50, later, true)]);
            assert_eq!((periods(0, 50), periods(0, 60), periods(50, 60)), (Some(30), Some(30), later));
        }
        let periods = of(&[(0, Some(90), true), (50, Some(30), true)]);
        assert_eq!((periods(0, 50), periods(0, 60), periods(50, 60)), (Some(90), Some(30), Some(30)));
    }

    #[test]
    fn what_can_be_no_evidence_loosens_nothing() {
        for other in [None, Some(7), Some(900)] {
            let periods = of(&[(0, Some(30), true), (50, other, false)]);
            assert_eq!((periods(0, 60), periods(50, 60)), (Some(30), Some(30)));
        }
        // Where nobody else says how often, the shortest.
        let periods =
            of(&[(0, None, true), (10, Some(900), false), (20, Some(30), false), (30, None, false)]);
        assert_eq!((periods(0, 60), periods(50, 60)), (Some(30), Some(30)));
        // Before the first that can be evidence.
        for (other, wanted) in [(None, 30), (Some(900), 30), (Some(7), 7)] {
            let periods = of(&[(0, other, false), (50, Some(30), true), (70, Some(1), true)]);
            assert_eq!((periods(0, 50), periods(50, 60)), (Some(wanted), Some(30)));
        }
    }
}
