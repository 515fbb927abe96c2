//! What a comparison is asked for, and what it found.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::dynamodb::Mark;

/// How two tables are compared.
#[derive(Debug, Clone)]
pub struct CompareOptions {
    /// Segments that each table is read in at once. Each holds a page of at most 1 MB, as the SDK's values up to ten times
    /// that.
    pub segments: u32,
    /// Bytes for digests and keys, whatever the tables' size; the pages that are under way come on top.
    pub memory_bytes: u64,
    /// Compare about so many items of each table only, with their counterparts in the other: for tables too large to
    /// read twice.
    pub sample: Option<u64>,
    /// Name the attributes that differ, with their values, besides the keys.
    pub show_values: bool,
    /// Items with this mark are left out on both sides.
    pub ignore: Option<Mark>,
    /// How long it may take.
    pub limit: Duration,
}

impl Default for CompareOptions {
    fn default() -> Self {
        Self {
            segments: 4,
            memory_bytes: 64 * 1024 * 1024,
            sample: None,
            show_values: false,
            ignore: None,
            limit: Duration::from_secs(3600),
        }
    }
}

/// What a comparison of two tables found.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TableComparison {
    /// Items read in the source, without those that are left out; of a sample, those that were drawn there.
    pub items_source: u64,
    /// As `items_source`, in the copy.
    pub items_copy: u64,
    /// Items left out, on both sides together.
    pub ignored: u64,
    /// Items that differ: missing, extra or changed.
    pub differences: u64,
    /// Whether `differences` are all there are. If not, there are more: locating them would have taken too many readings.
    pub complete: bool,
    /// Parts of the tables that differed at the first reading and not when they were read again: somebody writes to the
    /// source or to the copy. Neither equal nor different can be said then.
    pub unsettled: u64,
    /// Some of the items that differ, at most 20.
    pub examples: Vec<DifferentItem>,
    /// How many items were drawn, from both sides together, if this was a sample.
    pub sampled: Option<u64>,
    /// Reads that were throttled or failed, and were made again.
    pub throttled: u64,
    /// How often both tables were read from end to end.
    pub readings: u32,
    /// What it took.
    pub seconds: f64,
}

impl TableComparison {
    /// Whether everything that was compared is the same on both sides.
    pub fn is_equal(&self) -> bool {
        self.differences == 0 && self.unsettled == 0 && self.complete
    }
}

/// An item that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DifferentItem {
    /// Its key: `pk = "a", sk = 1`.
    pub key: String,
    /// How it differs.
    pub difference: ItemDifference,
}

/// How an item of the copy differs from the source's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ItemDifference {
    /// The copy lacks it.
    Missing,
    /// The source lacks it.
    Extra,
    /// Both have it, with different attributes.
    Changed {
        /// Those that differ with both values, `a: 1 in the source, 2 in the copy`; empty where values are not to be
        /// shown.
        attributes: Vec<String>,
    },
}
