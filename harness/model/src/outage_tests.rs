//! The interval against simulated outages: the truth always inside.

use proptest::prelude::*;

use super::*;
use crate::{AttemptOutcome, DEADLINE, Stream};

const MS: u64 = 1000;

fn attempt(start: u64, end: u64, ok: bool, held_since: Option<u64>) -> Attempt {
    Attempt {
        stream: Stream::Write,
        slot: 0,
        seq: 1,
        start: Elapsed(start * MS),
        end: Elapsed(end * MS),
        outcome: if ok { AttemptOutcome::Ok } else { AttemptOutcome::Refused },
        held_since: held_since.map(|ms| Elapsed(ms * MS)),
        code: None,
        text: None,
    }
}

fn ms(value: u64) -> Duration {
    Duration::from_millis(value)
}

fn judged(attempts: &[Attempt], fault: u64) -> Outage {
    outage(attempts, Elapsed(fault * MS), ms(500), Elapsed(10_000 * MS))
}

#[test]
fn a_plain_outage() {
    let seen = judged(
        &[
            attempt(0, 2, true, Some(0)),
            attempt(10, 12, true, Some(2)),
            attempt(20, 21, false, Some(12)),
            attempt(30, 31, false, None),
            attempt(40, 41, false, None),
            attempt(50, 53, true, None),
        ],
        15,
    );
    assert_eq!((seen.lower, seen.upper), (ms(40 - 21), Some(ms(53 - 15))));
    assert_eq!(seen.failures, 3);
}

#[test]
fn failures_before_the_fault_do_not_count() {
    let seen =
        judged(&[attempt(0, 1, false, None), attempt(10, 12, true, None), attempt(20, 22, true, None)], 5);
    // The fault call was at 5, an acknowledgement of what was sent at 10 came at 12, the next at 22.
    assert_eq!((seen.failures, seen.lower, seen.upper), (0, ms(0), Some(ms(12))));
}

#[test]
fn a_queueing_proxy_raises_the_upper_bound_only() {
    let seen =
        judged(&[attempt(0, 2, true, None), attempt(10, 400, true, None), attempt(20, 401, true, None)], 5);
    assert_eq!((seen.lower, seen.upper), (ms(0), Some(ms(400 - 5))));
}

/// One connection is reset, the next attempt succeeds, and then everything waits.
#[test]
fn a_queue_after_an_early_failure_counts_too() {
    let seen = judged(
        &[
            attempt(0, 2, true, None),
            attempt(10, 11, false, Some(2)),
            attempt(11, 13, true, None),
            attempt(20, 920, true, Some(13)),
            attempt(30, 921, true, None),
        ],
        5,
    );
    assert_eq!((seen.lower, seen.upper), (ms(0), Some(ms(920 - 11))));
}

#[test]
fn without_an_end_there_is_no_upper_bound() {
    let seen =
        judged(&[attempt(0, 2, true, None), attempt(10, 11, false, None), attempt(900, 901, false, None)], 5);
    assert_eq!((seen.lower, seen.upper, seen.recovered), (ms(900 - 11), None, None));
}

#[test]
fn a_return_that_does_not_last_is_not_the_end() {
    let mut attempts =
        vec![attempt(0, 2, true, None), attempt(10, 11, false, None), attempt(20, 22, true, None)];
    attempts.push(attempt(300, 301, false, None));
    attempts.push(attempt(310, 312, true, None));
    let seen = judged(&attempts, 5);
    assert_eq!((seen.lower, seen.upper), (ms(300 - 11), Some(ms(312 - 5))));
    assert_eq!(seen.failures, 2);
}

#[test]
fn a_failure_long_after_the_return_is_another_matter() {
    let mut attempts =
        vec![attempt(0, 2, true, None), attempt(10, 11, false, None), attempt(20, 22, true, None)];
    attempts.extend((30..5000).step_by(10).map(|at| attempt(at, at + 2, true, None)));
    attempts.push(attempt(5000, 5001, false, None));
    attempts.push(attempt(5010, 5012, true, None));
    assert_eq!(judged(&attempts, 5).upper, Some(ms(22 - 5)));
    let all = outages(&attempts, Elapsed(5 * MS), ms(500), Elapsed(10_000 * MS));
    assert_eq!(all.iter().map(|o| o.upper).collect::<Vec<_>>(), [Some(ms(22 - 5)), Some(ms(5012 - 4990))]);
}

#[test]
fn a_return_that_was_not_watched_long_enough_is_not_counted() {
    let attempts = [attempt(0, 2, true, None), attempt(10, 11, false, None), attempt(20, 22, true, None)];
    let seen = outage(&attempts, Elapsed(5 * MS), ms(500), Elapsed(100 * MS));
    assert_eq!((seen.upper, seen.recovered), (None, None));
}

/// A service that is down between `from` and `to`, and how it behaves meanwhile.
#[derive(Debug, Clone)]
struct Simulation {
    fault: u64,
    down: (u64, u64),
    /// Whether requests hang in the outage instead of failing.
    hangs: bool,
    /// Whether a hanging outage leaves the old connections half-open; else they resume.
    severs: bool,
    writers: usize,
    interval: u64,
    deadline: u64,
    latency: u64,
    in_flight: usize,
}

fn simulations() -> impl Strategy<Value = Simulation> {
    (
        (1_000 * MS..1_200 * MS, 0..40 * MS, 0..3_000 * MS, any::<bool>(), any::<bool>()),
        (1..9_usize, 5..20_u64, 200..1_000_u64, 200..8 * MS, 1..3_usize),
    )
        .prop_map(
            |((fault, delay, length, hangs, severs), (writers, interval, deadline, latency, extra))| {
                Simulation {
                    fault,
                    down: (fault + delay, fault + delay + length),
                    hangs,
                    severs,
                    writers,
                    interval: interval * MS,
                    deadline: deadline * MS,
                    latency,
                    in_flight: writers * extra,
                }
            },
        )
}

impl Simulation {
    fn up(&self, at: u64) -> bool {
        at < self.down.0 || at >= self.down.1
    }

    fn watched_until(&self) -> u64 {
        self.down.1 + self.deadline + 1_500 * MS
    }

    /// What staggered writers see: each tick goes to the first free one; a connection is broken by the outage.
    fn run(&self, jitter: &mut impl FnMut() -> u64) -> Vec<Attempt> {
        struct Writer {
            free_at: u64,
            /// When its connection was opened and last acknowledged.
            connection: Option<(u64, u64)>,
        }
        let mut writers: Vec<Writer> =
            (0..self.in_flight.max(1)).map(|_| Writer { free_at: 0, connection: None }).collect();
        let mut next = 0;
        let mut out = Vec::new();
        let mut tick = 0;
        while tick < self.watched_until() {
            let start = tick + jitter() % (2 * MS);
            tick += self.interval;
            let count = writers.len();
            let Some(slot) = (0..count).map(|i| (next + i) % count).find(|i| writers[*i].free_at <= start)
            else {
                continue;
            };
            next = (slot + 1) % self.writers.min(count);
            let answer_in = 200 + jitter() % self.latency;
            let held = writers[slot].connection;
            let broken =
                held.is_some_and(|(opened, _)| opened < self.down.0 && start + answer_in / 2 >= self.down.0);
            // The moment at which the server acts on the request, if it does.
            let acts = start + answer_in / 2;
            let (end, ok, code) = if broken && !self.hangs {
                (start.max(self.down.0) + answer_in, false, None)
            } else if broken && self.severs {
                // A half-open connection: nobody answers on it any more.
                (start + self.deadline, false, Some(DEADLINE))
            } else if self.up(acts) {
                (start + answer_in, true, None)
            } else if !self.hangs {
                (start + answer_in, false, None)
            } else if self.down.1 + answer_in < start + self.deadline {
                (self.down.1 + answer_in, true, None)
            } else {
                (start + self.deadline, false, Some(DEADLINE))
            };
            out.push(Attempt {
                stream: Stream::Write,
                slot: slot as u32,
                seq: out.len() as u64,
                start: Elapsed(start),
                end: Elapsed(end),
                outcome: if ok { AttemptOutcome::Ok } else { AttemptOutcome::Unknown },
                held_since: held.map(|(_, last)| Elapsed(last)),
                code: code.map(str::to_owned),
                text: None,
            });
            writers[slot].free_at = end;
            writers[slot].connection = ok.then(|| (held.map_or(acts, |(opened, _)| opened), end));
        }
        out
    }
}

fn generator(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state >> 11
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

    #[test]
    fn the_truth_is_always_inside(simulation in simulations(), seed in any::<u64>()) {
        let attempts = simulation.run(&mut generator(seed));
        let end = Elapsed(simulation.watched_until());
        let seen = outage(&attempts, Elapsed(simulation.fault), ms(500), end);
        let truth = Duration::from_micros(simulation.down.1 - simulation.down.0);
        prop_assert!(seen.lower <= truth, "lower {:?} > truth {truth:?}", seen.lower);
        let upper = seen.upper;
        prop_assert!(upper.is_some_and(|upper| upper >= truth), "upper {upper:?} < truth {truth:?}");
    }
}

/// The bounds are of use only if they are narrow: at the default interval, half of all upper bounds lie within 50 ms of
/// the truth, hanging servers and stale connections among them.
#[test]
fn the_upper_bound_is_narrow() {
    let mut draw = generator(7);
    let mut slack: Vec<Duration> = (0..10_000)
        .map(|_| {
            let fault = 1_000 * MS + draw() % (200 * MS);
            let from = fault + draw() % (40 * MS);
            let writers = 2 + (draw() % 7) as usize;
            let simulation = Simulation {
                fault,
                down: (from, from + draw() % (3_000 * MS)),
                hangs: draw().is_multiple_of(2),
                severs: draw().is_multiple_of(2),
                writers,
                interval: 10 * MS,
                deadline: 1_000 * MS,
                latency: 8 * MS,
                in_flight: writers,
            };
            let attempts = simulation.run(&mut draw);
            let end = Elapsed(simulation.watched_until());
            let seen = outage(&attempts, Elapsed(fault), ms(500), end);
            let truth = Duration::from_micros(simulation.down.1 - simulation.down.0);
            seen.upper.expect("an end was seen").saturating_sub(truth)
        })
        .collect();
    slack.sort_unstable();
    let median = slack[slack.len() / 2];
    assert!(median <= ms(50), "median slack {median:?}");
}
