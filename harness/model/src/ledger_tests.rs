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
    let rpo = result.rpo();
    // Row 7 was sent at 700 and acknowledged at 705, row 10 acknowledged at 1005: microseconds.
    assert_eq!((rpo.lost, rpo.lost_span.lower_s, rpo.lost_span.upper_s), (3, 0.0003, Some(0.000305)));
}

#[test]
fn packing_keeps_ranges_and_doubles() {
    let rows = ReadBack::pack(3, [1, 2, 2, 2, 3, 7, 9, 9]);
    assert_eq!(rows.found, vec![(1, 3), (7, 7), (9, 9)]);
    assert_eq!(rows.doubled, vec![2, 9]);
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
        let (mut lost, mut recovered) = (0, 0);
        for (n, (slot, outcome, kept)) in attempts.iter().enumerate() {
            let seq = n as u64 + 1;
            writes.push(write(*slot, seq, seq * 10, *outcome));
            if *kept { rows.insert((*slot, seq)); }
            match (*outcome == AttemptOutcome::Ok, *kept) {
                (true, false) => lost += 1,
                (false, true) => recovered += 1,
                _ => {}
            }
        }
        let found: Vec<ReadBack> = (0..4)
            .map(|slot| ReadBack::pack(slot, rows.iter().filter(|(s, _)| *s == slot).map(|(_, seq)| *seq)))
            .collect();
        let result = reconcile(&writes.iter().collect::<Vec<_>>(), &found, None);
        prop_assert_eq!(result.lost.len() as u64, lost);
        prop_assert_eq!(result.recovered, recovered);
        prop_assert_eq!(result.unexpected, strangers.len() as u64);
        prop_assert_eq!(result.duplicated, 0);
        prop_assert_eq!(result.rpo().lost_span.upper_s == Some(0.0), lost == 0);
    }
}
