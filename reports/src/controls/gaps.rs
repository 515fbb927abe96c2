//! Stretches without evidence for a control.

use time::{Duration, OffsetDateTime};

/// A stretch of time without evidence for a control that is longer than its period, or in which there never was any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// When the last run before it began that evidences the control, or the first that names it, UTC.
    pub from: OffsetDateTime,
    /// When the next one began that evidences it, or the moment that was asked for, UTC.
    pub to: OffsetDateTime,
    /// The run that evidences it before the gap, if there is one.
    pub last: Option<String>,
    /// Whether it lasts to the moment that was asked for.
    pub open: bool,
    /// Within how many days of 24 hours a run was wanted, where a plan said so.
    pub period_days: Option<u16>,
}

impl Gap {
    /// How long it is.
    pub fn span(&self) -> Duration {
        self.to - self.from
    }
}

/// The gaps between the first run that names a control and a moment. `evidence` is when the runs began that evidence it, with
/// their ids, the earliest first; `period` gives the days within which a run was wanted from one moment to another. Without a
/// period only whether there is any evidence can be told.
pub fn gaps(
    first: OffsetDateTime,
    evidence: &[(OffsetDateTime, &str)],
    period: impl Fn(OffsetDateTime, OffsetDateTime) -> Option<u16>,
    until: OffsetDateTime,
) -> Vec<Gap> {
    let mut found = Vec::new();
    let too_long =
        |from, to, days: Option<u16>| days.is_some_and(|days| to - from > Duration::days(days.into()));
    let (mut from, mut last) = (first, None);
    for (at, run) in evidence {
        let period_days = period(from, *at);
        if too_long(from, *at, period_days) {
            found.push(Gap { from, to: *at, last, open: false, period_days });
        }
        (from, last) = (*at, Some((*run).to_owned()));
    }
    let period_days = period(from, until);
    if last.is_none() || too_long(from, until, period_days) {
        found.push(Gap { from, to: until, last, open: true, period_days });
    }
    found
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const FIRST: OffsetDateTime = datetime!(2026-01-01 00:00 UTC);
    const MONTH: Option<u16> = Some(30);

    /// The gaps as days since the first run, with whether they are open.
    fn of(evidence: &[i64], period: Option<u16>, until: i64) -> Vec<(i64, i64, bool)> {
        let evidence: Vec<_> = evidence.iter().map(|day| (FIRST + Duration::days(*day), "run")).collect();
        let day = |at: OffsetDateTime| (at - FIRST).whole_days();
        let found = gaps(FIRST, &evidence, |_, _| period, FIRST + Duration::days(until));
        found.into_iter().map(|gap| (day(gap.from), day(gap.to), gap.open)).collect()
    }

    #[test]
    fn a_run_that_is_a_day_too_old_is_a_gap() {
        assert_eq!(of(&[0], MONTH, 30), []);
        assert_eq!(of(&[0], MONTH, 31), [(0, 31, true)]);
        let second = Duration::seconds(1);
        let evidence = [(FIRST, "run")];
        assert_eq!(gaps(FIRST, &evidence, |_, _| MONTH, FIRST + Duration::days(30) + second).len(), 1);
    }

    #[test]
    fn every_stretch_of_a_year_is_listed() {
        assert_eq!(of(&[40, 60, 100, 130], MONTH, 170), [(0, 40, false), (60, 100, false), (130, 170, true)]);
        assert_eq!(of(&[0, 30, 60, 90], MONTH, 120), []);
    }

    #[test]
    fn what_was_never_shown_is_a_gap_whatever_the_period() {
        for period in [None, MONTH] {
            assert_eq!(of(&[], period, 2), [(0, 2, true)]);
        }
        assert_eq!(of(&[3], None, 5_000), []);
    }
}
