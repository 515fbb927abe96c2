//! The first reading: a fixed number of buckets, chosen by the hash of an item's key, each with what the source's digests
//! add up to less what the copy's do. Sums do not depend on the order of reading, and an item's digest has its key in it,
//! so that values swapped between items do not cancel out.

use std::sync::{Mutex, PoisonError};

use super::pair::Side;
use crate::dynamodb::item_digest::Digested;

/// One sum.
const BUCKET_BYTES: u64 = 16;
const MOST_BITS: u32 = 24;
const LEAST_BITS: u32 = 4;

/// The sums of all buckets; the two sides add to them at the same time.
#[derive(Debug)]
pub(super) struct Buckets {
    bits: u32,
    sums: Mutex<Vec<u128>>,
}

/// The buckets that differ.
#[derive(Debug, Clone)]
pub(super) struct Differing {
    bits: u32,
    set: Vec<bool>,
}

/// Where a key is among all: keys of one bucket are neighbours.
pub(super) fn position(key: u128) -> u64 {
    u64::try_from(key >> 64).unwrap_or(u64::MAX)
}

fn bucket(position: u64, bits: u32) -> usize {
    usize::try_from(position >> (64 - bits)).unwrap_or(usize::MAX)
}

impl Buckets {
    /// As many as this memory has room for, within reason.
    pub(super) fn within(memory_bytes: u64) -> Self {
        let room = (memory_bytes / BUCKET_BYTES).max(1);
        let bits = room.ilog2().clamp(LEAST_BITS, MOST_BITS);
        Self { bits, sums: Mutex::new(vec![0; 1 << bits]) }
    }

    /// Adds the items of a page on their side: all at once, since each one alone would wait for its place in memory.
    pub(super) fn add(&self, side: Side, page: &[Digested]) {
        let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        for digested in page {
            let Some(sum) = sums.get_mut(bucket(position(digested.key), self.bits)) else { continue };
            *sum = match side {
                Side::Source => sum.wrapping_add(digested.item),
                Side::Copy => sum.wrapping_sub(digested.item),
            };
        }
    }

    /// Those in which the sides differ; `None` where they are the same in all.
    pub(super) fn differing(self) -> Option<Differing> {
        let sums = self.sums.into_inner().unwrap_or_else(PoisonError::into_inner);
        let set: Vec<bool> = sums.into_iter().map(|sum| sum != 0).collect();
        set.contains(&true).then_some(Differing { bits: self.bits, set })
    }
}

impl Differing {
    pub(super) fn contains(&self, position: u64) -> bool {
        self.set.get(bucket(position, self.bits)).copied().unwrap_or(true)
    }

    /// Takes a bucket out: a difference was found in it.
    pub(super) fn explain(&mut self, position: u64) {
        if let Some(differs) = self.set.get_mut(bucket(position, self.bits)) {
            *differs = false;
        }
    }

    pub(super) fn count(&self) -> u64 {
        u64::try_from(self.set.iter().filter(|differs| **differs).count()).unwrap_or(u64::MAX)
    }

    pub(super) fn bytes(&self) -> u64 {
        u64::try_from(self.set.len()).unwrap_or(u64::MAX)
    }
}
