//! The outage that attempts prove, as an interval that holds the truth.
//!
//! An attempt sent at s and acknowledged at a proves that the service was up at some moment of [s, a]. A failed one
//! proves that it was down at some moment of its span, which begins at its start if it opened its connection itself
//! and else at that connection's last acknowledgement: an old connection may have been broken by something that was
//! over before the attempt.
//!
//! From the failures after the fault call follows, for an outage that began at b and ended at r:
//! - lower bound: where the last failure's evidence begins − the end of the first failure, since r is not before the
//!   one and b not after the other;
//! - upper bound: the first acknowledgement that is surely of the time after − the last start of an attempt that is
//!   surely of the time before, or the fault call, if that is later.
//!
//! Surely of the time before is what was acknowledged before the evidence of a failure of the first down time began;
//! such a failure ended before anything that was sent after the first failure was acknowledged. Surely of the time
//! after is what was sent after the first failure had ended, and acknowledged after the last one was settled. A failure
//! is settled at its end; one that was only waited for until its deadline, where its evidence begins, for a request
//! that hung tells nothing about when the service came back to others.
//!
//! With flapping, the interval spans everything from the first down time to the last.
//!
//! Requests may also queue without a failure, with or without one before. So the longest distance between
//! acknowledgements, from the fault call until the return has lasted, can raise the upper bound, never the lower.
//!
//! Not guaranteed: an outage shorter than the distance of two attempts may leave no trace but that distance.

use std::time::Duration;

use crate::{Attempt, Elapsed};

/// What was seen of an outage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// At least this long.
    pub lower: Duration,
    /// At most this long; `None` if no end was seen.
    pub upper: Option<Duration>,
    /// How many attempts failed in it.
    pub failures: u64,
    /// The end of the first failed attempt.
    pub first_failure: Option<Elapsed>,
    /// It was still down at or after this moment.
    pub last_failure: Option<Elapsed>,
    /// The acknowledgement that ended it.
    pub recovered: Option<Elapsed>,
}

/// The outage after the fault call at `fault`, from the attempts of one kind of work on one service, in any order.
///
/// The end counts once `stable_for` has passed without a failure, up to `observed_until`, when the watching stopped.
pub fn outage(attempts: &[Attempt], fault: Elapsed, stable_for: Duration, observed_until: Elapsed) -> Outage {
    outage_of(attempts, fault, stable_for, observed_until, |failure| failure.end > fault)
}

fn outage_of(
    attempts: &[Attempt],
    fault: Elapsed,
    stable_for: Duration,
    observed_until: Elapsed,
    counts: impl Fn(&Attempt) -> bool,
) -> Outage {
    let mut acknowledged: Vec<&Attempt> = attempts.iter().filter(|a| a.ok()).collect();
    acknowledged.sort_unstable_by_key(|a| a.end);
    let mut failures: Vec<&Attempt> = attempts.iter().filter(|a| !a.ok() && counts(a)).collect();
    failures.sort_unstable_by_key(|a| a.end);
    let Some(first) = failures.first().copied() else {
        return unseen(&acknowledged, fault);
    };

    let after: Vec<&Attempt> = acknowledged.iter().copied().filter(|a| a.start >= first.end).collect();
    let (settled, back) = settle(&failures, &after, stable_for);
    failures.retain(|f| f.evidence_until() <= settled);
    let last_evidence = failures.iter().map(|f| f.evidence_from()).max().unwrap_or(first.end);
    let lower = last_evidence.since(first.end);
    let recovered = back.filter(|back| observed_until.since(back.end) >= stable_for).map(|back| back.end);

    let first_return = after.first().map(|a| a.end);
    let surely_down = failures
        .iter()
        .filter(|f| first_return.is_none_or(|back| f.end < back))
        .map(|f| f.evidence_from())
        .max()
        .unwrap_or_else(|| first.evidence_from());
    let last_up = acknowledged.iter().filter(|a| a.end <= surely_down).map(|a| a.start).max();
    let began_after = last_up.unwrap_or(fault).max(fault);

    let silence = recovered.and_then(|end| longest_silence(&acknowledged, fault, end.plus(stable_for)));
    Outage {
        lower,
        upper: recovered.map(|end| end.since(began_after).max(lower)).max(silence),
        failures: failures.len() as u64,
        first_failure: Some(first.end),
        last_failure: Some(last_evidence),
        recovered,
    }
}

/// Every outage after the fault call, in order: what follows a stable return is another one.
pub fn outages(
    attempts: &[Attempt],
    fault: Elapsed,
    stable_for: Duration,
    observed_until: Elapsed,
) -> Vec<Outage> {
    let mut found = vec![outage(attempts, fault, stable_for, observed_until)];
    while let Some(Outage { failures: 1.., recovered: Some(after), .. }) = found.last() {
        let after = *after;
        // What hung until after the return belongs to the outage before it.
        let next = outage_of(attempts, after, stable_for, observed_until, |f| f.evidence_until() > after);
        if next.failures == 0 {
            break;
        }
        found.push(next);
    }
    found
}

/// When the last failure before a stable return was settled, and the acknowledgement that returned.
fn settle<'a>(
    failures: &[&'a Attempt],
    after: &[&'a Attempt],
    stable_for: Duration,
) -> (Elapsed, Option<&'a Attempt>) {
    let mut times: Vec<Elapsed> = failures.iter().map(|f| f.evidence_until()).collect();
    times.sort_unstable();
    let mut settled = times.first().copied().unwrap_or_default();
    loop {
        let Some(back) = after.iter().find(|a| a.end > settled) else {
            return (times.last().copied().unwrap_or(settled), None);
        };
        let watched_until = back.end.plus(stable_for);
        match times[..times.partition_point(|t| *t <= watched_until)].last() {
            Some(later) if *later > settled => settled = *later,
            _ => return (settled, Some(back)),
        }
    }
}

/// No failure at all: the longest silence after the fault call is all that can be said.
fn unseen(acknowledged: &[&Attempt], fault: Elapsed) -> Outage {
    let after = acknowledged.partition_point(|a| a.end <= fault);
    Outage {
        lower: Duration::ZERO,
        upper: longest_silence(acknowledged, fault, Elapsed(u64::MAX)),
        failures: 0,
        first_failure: None,
        last_failure: None,
        recovered: acknowledged.get(after).map(|a| a.end),
    }
}

/// The longest time between the start of one acknowledged attempt and the end of the next, of those that ended after
/// `fault` and began their silence before `until`.
fn longest_silence(acknowledged: &[&Attempt], fault: Elapsed, until: Elapsed) -> Option<Duration> {
    let after = acknowledged.partition_point(|a| a.end <= fault);
    let mut previous = acknowledged[..after].iter().map(|a| a.start).max().unwrap_or(fault).max(fault);
    let mut longest = None;
    for attempt in &acknowledged[after..] {
        if previous > until {
            break;
        }
        longest = longest.max(Some(attempt.end.since(previous)));
        previous = previous.max(attempt.start);
    }
    longest
}

#[cfg(test)]
#[path = "outage_tests.rs"]
mod tests;
