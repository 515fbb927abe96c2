//! The second reading and those after it: of the buckets that differ, the items one by one. What is the same on both sides
//! is forgotten as soon as both have been seen. If the rest does not fit in memory, the reading is narrowed to a range of
//! positions that does, and the next reading begins after it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::mem::size_of;

use super::buckets::position;
use super::pair::Side;
use crate::dynamodb::item_digest::{Digested, Item};
use crate::dynamodb::scan::key_of;

/// How an item differs, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// On one side only, with this digest.
    On(Side, u128),
    /// On both, different.
    Different,
}

#[derive(Debug)]
pub(super) struct Found {
    pub seen: Seen,
    pub key: Item,
}

/// One reading of a range of positions.
#[derive(Debug)]
pub(super) struct Reading {
    first: u64,
    last: u64,
    found: HashMap<u128, Found>,
    bytes: u64,
    budget: u64,
}

impl Reading {
    /// From a position to the end, or as far as the budget of bytes allows.
    pub(super) fn from(first: u64, budget: u64) -> Self {
        Self { first, last: u64::MAX, found: HashMap::new(), bytes: 0, budget }
    }

    /// Takes an item of one side.
    pub(super) fn add(&mut self, side: Side, digested: Digested, item: &Item, names: &[String]) {
        if !(self.first..=self.last).contains(&position(digested.key)) {
            return;
        }
        match self.found.entry(digested.key) {
            Entry::Vacant(room) => {
                let key = key_of(item, names);
                self.bytes += bytes(&key);
                room.insert(Found { seen: Seen::On(side, digested.item), key });
            }
            Entry::Occupied(mut there) => match there.get().seen {
                Seen::On(other, digest) if other != side && digest == digested.item => {
                    self.bytes -= bytes(&there.remove().key);
                }
                Seen::On(other, _) if other != side => there.get_mut().seen = Seen::Different,
                // A table that is written to while it is read may show an item twice.
                Seen::On(..) | Seen::Different => {}
            },
        }
        // A range of one position cannot be narrowed; it has one item, as good as always.
        while self.bytes > self.budget && self.first < self.last {
            self.narrow();
        }
    }

    fn narrow(&mut self) {
        self.last = self.first + (self.last - self.first) / 2;
        let last = self.last;
        self.found.retain(|key, _| position(*key) <= last);
        self.found.shrink_to_fit();
        self.bytes = self.found.values().map(|found| bytes(&found.key)).sum();
    }

    /// The differences, in the order of their positions, and where the next reading begins.
    pub(super) fn end(self) -> (Vec<(u128, Found)>, Option<u64>) {
        let mut found: Vec<_> = self.found.into_iter().collect();
        found.sort_unstable_by_key(|(key, _)| *key);
        (found, self.last.checked_add(1))
    }
}

/// What an entry takes: itself twice, for the table's spare room, and its key with that map's.
fn bytes(key: &Item) -> u64 {
    let attributes = key.iter().map(|(name, value)| {
        let content = match value {
            aws_sdk_dynamodb::types::AttributeValue::S(text)
            | aws_sdk_dynamodb::types::AttributeValue::N(text) => text.len(),
            aws_sdk_dynamodb::types::AttributeValue::B(bytes) => bytes.as_ref().len(),
            _ => 0,
        };
        name.len() + content + 64
    });
    let entry =
        2 * size_of::<(u128, Found)>() + 4 * size_of::<(String, aws_sdk_dynamodb::types::AttributeValue)>();
    u64::try_from(entry + attributes.sum::<usize>()).unwrap_or(u64::MAX)
}
