//! The ledger: every write and probe attempt, and what was read back; and the reconciliation of the two.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Attempt, AttemptOutcome, Elapsed, Interval, Stream, WriteLoss};

/// One line of `ledger.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "kebab-case")]
pub enum LedgerLine {
    /// An attempt, written when its outcome is known.
    Attempt {
        /// The drill's name.
        drill: String,
        /// The attempt.
        #[serde(flatten)]
        attempt: Attempt,
    },
    /// A tick that made no attempt because too many were under way.
    Skipped {
        /// The drill's name.
        drill: String,
        /// The stream.
        stream: Stream,
        /// The tick's moment.
        at: Elapsed,
    },
    /// What was read back of one writer's rows.
    ReadBack {
        /// The drill's name.
        drill: String,
        /// The rows.
        #[serde(flatten)]
        rows: ReadBack,
    },
    /// A line of a newer version.
    #[serde(other)]
    Unknown,
}

/// The rows of one writer that were found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct ReadBack {
    /// The writer's slot.
    pub slot: u32,
    /// The sequence numbers found, as inclusive ranges in ascending order.
    pub found: Vec<(u64, u64)>,
    /// The sequence numbers found more than once.
    pub doubled: Vec<u64>,
}

impl ReadBack {
    /// Packs sequence numbers in ascending order, equal ones side by side.
    pub fn pack(slot: u32, ascending: impl IntoIterator<Item = u64>) -> Self {
        let mut packed = Self { slot, ..Self::default() };
        for seq in ascending {
            match packed.found.last_mut() {
                Some((_, last)) if *last == seq => {
                    if packed.doubled.last() != Some(&seq) {
                        packed.doubled.push(seq);
                    }
                }
                Some((_, last)) if *last + 1 == seq => *last = seq,
                _ => packed.found.push((seq, seq)),
            }
        }
        packed
    }

    fn holds(&self, seq: u64) -> bool {
        let at = self.found.partition_point(|(from, _)| *from <= seq);
        at > 0 && self.found[at - 1].1 >= seq
    }

    fn count(&self) -> u64 {
        self.found.iter().map(|(from, to)| to - from + 1).sum()
    }
}

/// The ledger against what was read back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reconciliation {
    /// Acknowledged writes.
    pub acknowledged: u64,
    /// Acknowledged and absent, as (writer, sequence number).
    pub lost: Vec<(u32, u64)>,
    /// Without an answer and present.
    pub recovered: u64,
    /// Present though never attempted, or though the server said that it refused.
    pub unexpected: u64,
    /// Present more than once.
    pub duplicated: u64,
    /// The newest acknowledgement of a surviving row older than the oldest lost one, that row's start and its end.
    span_from: Option<(Elapsed, Elapsed)>,
    /// The last acknowledgement before the outage, or of a lost row if one came later.
    span_to: Option<Elapsed>,
}

/// Holds the acknowledged writes against the rows found. `outage_from` is the end of the first failure: the lost
/// span goes to the last acknowledgement before it, or to that of a lost row if one came later.
pub fn reconcile(writes: &[&Attempt], found: &[ReadBack], outage_from: Option<Elapsed>) -> Reconciliation {
    let by_slot: BTreeMap<u32, &ReadBack> = found.iter().map(|rows| (rows.slot, rows)).collect();
    let present = |a: &Attempt| by_slot.get(&a.slot).is_some_and(|rows| rows.holds(a.seq));
    let mut result = Reconciliation {
        duplicated: found.iter().map(|rows| rows.doubled.len() as u64).sum(),
        ..Reconciliation::default()
    };
    let mut present_attempts = 0;
    let (mut oldest_lost, mut newest_lost): (Option<Elapsed>, Option<Elapsed>) = (None, None);
    for write in writes {
        let there = present(write);
        present_attempts += u64::from(there && write.outcome != AttemptOutcome::Refused);
        match (write.outcome, there) {
            (AttemptOutcome::Ok, true) => result.acknowledged += 1,
            (AttemptOutcome::Ok, false) => {
                result.acknowledged += 1;
                result.lost.push((write.slot, write.seq));
                oldest_lost = Some(oldest_lost.map_or(write.end, |oldest| oldest.min(write.end)));
                newest_lost = newest_lost.max(Some(write.end));
            }
            (AttemptOutcome::Unknown, true) => result.recovered += 1,
            (AttemptOutcome::Refused, _) | (AttemptOutcome::Unknown, false) => {}
        }
    }
    let rows: u64 = found.iter().map(ReadBack::count).sum();
    result.unexpected = rows.saturating_sub(present_attempts);
    result.lost.sort_unstable();
    if let Some(oldest) = oldest_lost {
        let acknowledged = || writes.iter().filter(|w| w.ok());
        result.span_from = acknowledged()
            .filter(|w| w.end < oldest && present(w))
            .max_by_key(|w| w.end)
            .map(|w| (w.start, w.end));
        let before_outage =
            acknowledged().map(|w| w.end).filter(|end| outage_from.is_none_or(|from| *end <= from));
        result.span_to = before_outage.max().max(newest_lost);
    }
    result
}

impl Reconciliation {
    /// The figures for a record. The lost span is zero without a loss.
    pub fn write_loss(&self) -> WriteLoss {
        let span = match (self.lost.is_empty(), self.span_to) {
            (true, _) => Interval { lower_s: 0.0, upper_s: Some(0.0) },
            (false, None) => Interval { lower_s: 0.0, upper_s: None },
            (false, Some(to)) => match self.span_from {
                Some((start, end)) => Interval::of(to.since(end), Some(to.since(start))),
                // Nothing older survived: how much was lost before the drill wrote is not known.
                None => Interval { lower_s: 0.0, upper_s: None },
            },
        };
        WriteLoss {
            acknowledged: self.acknowledged,
            lost: self.lost.len() as u64,
            recovered: self.recovered,
            unexpected: self.unexpected,
            duplicated: self.duplicated,
            lost_span_s: span.upper_s,
            lost_span: span,
            examples: self
                .lost
                .iter()
                .take(20)
                .map(|(slot, seq)| format!("writer {slot}, row {seq}"))
                .collect(),
        }
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
