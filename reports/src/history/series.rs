//! The lines of a history of runs, and what they show together: trends, quantiles, drills that come out now so, now so, and
//! drills that got slower.
//!
//! Figures are compared among like runs only: the same drill on the same target in the same environment, simulated or not. It
//! says nothing about why a figure changed.

use lifeboat_model::{HistoryDrill, HistoryLine, Verdict};

use crate::words::{duration, interval};

/// Like runs of one drill, the oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Series<'a> {
    /// The plan's name of the environment.
    pub environment: &'a str,
    /// Whether the control plane was not AWS itself.
    pub simulated: bool,
    /// The runs, each with its drill.
    pub runs: Vec<(&'a HistoryLine, &'a HistoryDrill)>,
}

/// What a drill's last run is against those before it.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Too few before it were measured, or it was not.
    CannotTell(String),
    /// It may be as it was.
    Within {
        /// The median of those before, seconds.
        median_s: f64,
    },
    /// It is slower by more than was allowed, also where its interval is taken at its lower end.
    Slower {
        /// The median of those before, seconds.
        median_s: f64,
        /// The last one's lower end, seconds.
        lower_s: f64,
    },
}

/// So many measured runs have to be there before one is compared with them.
pub const FEWEST: usize = 3;

/// Sorts a history into the like runs of each drill, in the order in which they first occur.
pub fn series(history: &[HistoryLine]) -> Vec<Series<'_>> {
    let mut all: Vec<Series<'_>> = Vec::new();
    for line in history {
        for drill in &line.drills {
            let like = |series: &&mut Series<'_>| {
                line.is_in(series.environment, series.simulated) && series.runs[0].1.is_like(drill)
            };
            match all.iter_mut().find(like) {
                Some(series) => series.runs.push((line, drill)),
                None => all.push(Series {
                    environment: &line.environment,
                    simulated: line.simulated,
                    runs: vec![(line, drill)],
                }),
            }
        }
    }
    all
}

impl<'a> Series<'a> {
    /// The last run's drill.
    pub fn last(&self) -> &'a HistoryDrill {
        // A series has at least one.
        self.runs[self.runs.len() - 1].1
    }

    /// Its last so many runs.
    pub fn tail(&self, most: usize) -> Self {
        let from = self.runs.len().saturating_sub(most);
        Self { runs: self.runs[from..].to_vec(), ..self.clone() }
    }

    /// The recovery times that count, in the order of time, seconds.
    pub fn recovery_times(&self) -> Vec<f64> {
        self.runs.iter().filter_map(|(_, drill)| drill.recovery_time()).collect()
    }

    /// Whether its verdict went from passed to another and back, or the other way round.
    pub fn is_flaky(&self) -> bool {
        let passed: Vec<bool> = self.runs.iter().map(|(_, drill)| drill.verdict == Verdict::Passed).collect();
        passed.windows(2).filter(|pair| pair[0] != pair[1]).count() >= 2
    }

    /// Whether the last run's recovery took longer than the median of up to `most` before it by more than `allowed`, a
    /// share: 0.2 is a fifth. The last one counts with the lower end of its interval, so that what the probes cannot tell is
    /// not called slower.
    pub fn change(&self, most: usize, allowed: f64) -> Change {
        let last = self.last();
        let (Some(upper_s), Some(span)) = (last.recovery_time(), last.rto) else {
            return Change::CannotTell(match last.rto {
                Some(_) => format!("the last run's drill is {}", last.verdict.name()),
                None => "its recovery time was not measured".into(),
            });
        };
        let mut before = Self { runs: self.runs[..self.runs.len() - 1].to_vec(), ..self.clone() };
        before.runs.retain(|(_, drill)| drill.recovery_time().is_some());
        let times = before.tail(most).recovery_times();
        if times.len() < FEWEST {
            return Change::CannotTell(format!(
                "{} like runs before it were measured, and {FEWEST} are needed",
                times.len()
            ));
        }
        let median_s = quantile(&times, 0.5).unwrap_or_default();
        let limit = median_s * (1.0 + allowed);
        match (span.lower_s > limit, upper_s <= limit) {
            (true, _) => Change::Slower { median_s, lower_s: span.lower_s },
            (false, true) => Change::Within { median_s },
            (false, false) => Change::CannotTell(format!(
                "it took from {}, and {} is the limit",
                interval(span.lower_s, span.upper_s),
                duration(limit)
            )),
        }
    }
}

/// The value below which this share of the values lies, between two of them by their distance; none of no values.
pub fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = share.clamp(0.0, 1.0) * sorted.len().checked_sub(1)? as f64;
    let below = place.floor();
    let (low, high) = (sorted[below as usize], sorted[place.ceil() as usize]);
    // Between two that are infinite there is no distance.
    Some(if low == high { low } else { low + (high - low) * (place - below) })
}

#[cfg(test)]
mod tests {
    use lifeboat_model::{HISTORY_SCHEMA, Restoration, Span};
    use time::macros::datetime;

    use super::*;

    fn line(number: u64, verdict: Verdict, rto: Option<(f64, f64)>) -> HistoryLine {
        let drill = HistoryDrill {
            name: "failover".into(),
            scenario: "rds-failover".into(),
            target: "orders".into(),
            verdict,
            restoration: Restoration::Clean,
            rto: rto
                .map(|(lower_s, upper_s)| Span { lower_s, upper_s: Some(upper_s).filter(|s| s.is_finite()) }),
            rto_objective_s: Some(60.0),
            rpo: None,
            rpo_objective_s: None,
            lost_writes: None,
            engine: None,
            class: None,
            missed: Vec::new(),
        };
        HistoryLine {
            schema: HISTORY_SCHEMA.into(),
            run_id: format!("run-{number}"),
            started_at: datetime!(2026-11-01 0:00 UTC),
            duration_s: 1.0,
            environment: "staging".into(),
            simulated: false,
            verdict,
            restoration: Restoration::Clean,
            tool_version: "0.1.0".into(),
            plan_sha256: String::new(),
            record_sha256: String::new(),
            statement_sha256: None,
            drills: vec![drill],
        }
    }

    fn passed(rtos: &[(f64, f64)]) -> Vec<HistoryLine> {
        (0..).zip(rtos).map(|(number, rto)| line(number, Verdict::Passed, Some(*rto))).collect()
    }

    #[test]
    fn like_runs_are_a_series_of_their_own() {
        let mut history = passed(&[(1.0, 1.1), (1.0, 1.1), (1.0, 1.1), (1.0, 1.1)]);
        history[1].simulated = true;
        history[2].drills[0].target = "customers".into();
        history[3].environment = "production".into();
        assert_eq!(series(&history).len(), 4);
        history.push(history[0].clone());
        assert_eq!(series(&history)[0].runs.len(), 2);
    }

    #[test]
    fn slower_is_what_is_so_at_its_lower_end() {
        let judged = |last: (f64, f64)| {
            let history = passed(&[(9.9, 10.0), (9.8, 10.0), (9.9, 10.2), last]);
            series(&history)[0].change(10, 0.2)
        };
        assert_eq!(judged((12.1, 12.2)), Change::Slower { median_s: 10.0, lower_s: 12.1 });
        assert_eq!(judged((11.9, 12.0)), Change::Within { median_s: 10.0 });
        assert!(matches!(judged((11.9, 12.4)), Change::CannotTell(_)), "not surely slower, nor surely not");
        assert!(matches!(judged((8.0, f64::INFINITY)), Change::CannotTell(_)), "no end was seen");
        let few = passed(&[(1.0, 1.0), (1.0, 1.0), (9.0, 9.0)]);
        assert!(matches!(series(&few)[0].change(10, 0.2), Change::CannotTell(_)));
    }

    /// Only the last runs before it count, and of them those that were drilled to the end.
    #[test]
    fn it_is_compared_with_the_last_runs_that_say_something() {
        let mut history =
            passed(&[(1.0, 1.0), (1.0, 1.0), (1.0, 1.0), (9.0, 9.0), (9.0, 9.0), (9.0, 9.0), (9.5, 9.5)]);
        assert_eq!(series(&history)[0].change(3, 0.2), Change::Within { median_s: 9.0 });
        history[6] = line(6, Verdict::Invalid, Some((0.1, 0.1)));
        assert!(
            matches!(series(&history)[0].change(3, 0.2), Change::CannotTell(_)),
            "it is no shorter outage"
        );
        history[5] = line(5, Verdict::Invalid, Some((90.0, 90.0)));
        history[6] = line(6, Verdict::Passed, None);
        assert!(matches!(series(&history)[0].change(3, 0.2), Change::CannotTell(_)));
    }

    #[test]
    fn a_drill_is_flaky_that_comes_out_now_so_now_so() {
        let verdicts = |all: &[Verdict]| -> Vec<HistoryLine> {
            all.iter().map(|verdict| line(0, *verdict, None)).collect()
        };
        let (good, bad) = (Verdict::Passed, Verdict::Failed);
        let broken_since = verdicts(&[good, good, bad, bad]);
        assert!(!series(&broken_since)[0].is_flaky());
        let flaky = verdicts(&[good, bad, good]);
        assert!(series(&flaky)[0].is_flaky());
        assert!(!series(&flaky)[0].tail(2).is_flaky());
    }

    /// They are the worst, and not left out.
    #[test]
    fn outages_without_an_end_count() {
        let history = passed(&[(1.0, 1.0), (1.0, 1.0), (600.0, f64::INFINITY)]);
        let times = series(&history)[0].recovery_times();
        assert_eq!((quantile(&times, 0.5), quantile(&times, 1.0)), (Some(1.0), Some(f64::INFINITY)));
        assert_eq!(quantile(&[f64::INFINITY; 3], 0.95), Some(f64::INFINITY));
    }

    #[test]
    fn quantiles_lie_between_the_values() {
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[3.0], 0.95), Some(3.0));
        assert_eq!(quantile(&[4.0, 1.0, 2.0, 3.0], 0.5), Some(2.5));
        assert_eq!(quantile(&[4.0, 1.0, 2.0, 3.0], 1.0), Some(4.0));
    }
}
