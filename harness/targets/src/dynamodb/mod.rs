//! Amazon DynamoDB tables.

mod attribute;
mod backups;
mod client;
mod compare;
mod indexes;
mod item_digest;
#[cfg(test)]
mod item_digest_tests;
mod items;
mod number;
mod pace;
mod scan;
mod server_time;
mod settings;
mod table;
mod times;

pub use backups::BackupView;
pub use client::{Dynamo, NewTable};
pub use compare::{CompareOptions, DifferentItem, ItemDifference, TableComparison, compare_tables};
pub use indexes::IndexAnswer;
pub use items::{Mark, Texts};
pub use server_time::{Bounds, ServerClock, ServerTimeError};
pub use settings::{RecoveryView, TableSettings};
pub use table::{IndexView, KeyView, RestoreView, TableView};
