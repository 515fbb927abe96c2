//! Reconciliation against a model that keeps plain sets.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn write(slot: u32, seq: u64, at: u64, outcome: AttemptOutcome) -> Attempt {
    Attempt {
        stream: Stream::Write,
        slot,
        seq,
        start: Elapsed(at),
        end: Elapsed(at + 5),
        outcome,
        held_since: None,
        code: None,
        text: None,
    }
}

#[test]
fn a_lost_tail_has_a_span() {
    let writes: Vec<Attempt> = (1..=10).map(|n| write(0, n, n * 100, AttemptOutcome::Ok)).collect();
    let rows = [ReadBack::pack(0, 1..=7)];
    let result = reconcile(&writes.iter().collect::<Vec<_>>(), &rows, Some(Elapsed(2_000)));
    assert_eq!(result.lost, vec![(0, 8), (0, 9), (0, 10)]);
    let rpo = result.write_loss();
    // Row 7 was sent at 700 and acknowledged at 705, row 10 acknowledged at 1005: microseconds.
    assert_eq!((rpo.lost, rpo.lost_span.lower_s, rpo.lost_span.upper_s), (3, 0.0003, Some(0.000305)));
}

#[test]
fn packing_keeps_ranges_and_doubles() {
    let rows = ReadBack::pack(3, [1, 2, 2, 2, 3, 7, 9, 9]);
    assert_eq!(rows.found, vec![(1, 3), (7, 7), (9, 9)]);
    assert_eq!(rows.doubled, vec![2, 9]);
}

/// Rows that a second writer acknowledged after the first failure and that are gone: their span counts.
#[test]
fn a_loss_after_the_first_failure_has_a_span_too() {
    let writes: Vec<Attempt> = (1..=10).map(|n| write(0, n, n * 100_000, AttemptOutcome::Ok)).collect();
    let rows = [ReadBack::pack(0, 1..=5)];
    let rpo = reconcile(&writes.iter().collect::<Vec<_>>(), &rows, Some(Elapsed(300_000))).write_loss();
    assert_eq!((rpo.lost, rpo.lost_span.lower_s), (5, 0.5));
    let nothing_left =
        reconcile(&writes.iter().collect::<Vec<_>>(), &[], Some(Elapsed(300_000))).write_loss();
    assert_eq!((nothing_left.lost, nothing_left.lost_span_s), (10, None), "how much is not known");
}

/// A server that says no and does it all the same.
#[test]
fn a_refused_row_that_is_there_is_unexpected() {
    let writes = [write(0, 1, 100, AttemptOutcome::Refused), write(0, 2, 200, AttemptOutcome::Unknown)];
    let result = reconcile(&writes.iter().collect::<Vec<_>>(), &[ReadBack::pack(0, 1..=2)], None);
    assert_eq!((result.unexpected, result.recovered), (1, 1));
}

fn outcome() -> impl Strategy<Value = AttemptOutcome> {
    prop_oneof![Just(AttemptOutcome::Ok), Just(AttemptOutcome::Refused), Just(AttemptOutcome::Unknown)]
}

proptest! {
    #[test]
    fn agrees_with_plain_sets(
        attempts in proptest::collection::vec((0..4_u32, outcome(), any::<bool>()), 0..200),
        strangers in proptest::collection::btree_set((0..4_u32, 1_000..1_050_u64), 0..5),
    ) {
        let mut writes = Vec::new();
        let mut rows: BTreeSet<(u32, u64)> = strangers.clone();
        let (mut lost, mut recovered, mut unexpected) = (0, 0, strangers.len() as u64);
        for (n, (slot, outcome, kept)) in attempts.iter().enumerate() {
            let seq = n as u64 + 1;
            writes.push(write(*slot, seq, seq * 10, *outcome));
            if *kept { rows.insert((*slot, seq)); }
            match (*outcome, *kept) {
                (AttemptOutcome::Ok, false) => lost += 1,
                (AttemptOutcome::Unknown, true) => recovered += 1,
                (AttemptOutcome::Refused, true) => unexpected += 1,
                _ => {}
            }
        }
        let found: Vec<ReadBack> = (0..4)
            .map(|slot| ReadBack::pack(slot, rows.iter().filter(|(s, _)| *s == slot).map(|(_, seq)| *seq)))
            .collect();
        let result = reconcile(&writes.iter().collect::<Vec<_>>(), &found, None);
        prop_assert_eq!(result.lost.len() as u64, lost);
        prop_assert_eq!(result.recovered, recovered);
        prop_assert_eq!(result.unexpected, unexpected);
        prop_assert_eq!(result.duplicated, 0);
        prop_assert_eq!(result.write_loss().lost_span.upper_s == Some(0.0), lost == 0);
    }
}
