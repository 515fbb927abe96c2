//! Whether two tables hold the same items, and where not.

mod buckets;
mod example;
mod locate;
mod pair;
mod result;
mod sample;
mod tables;

pub use result::{CompareOptions, DifferentItem, ItemDifference, TableComparison};
pub use tables::compare_tables;
