//! Amazon DynamoDB tables.

mod attribute;
mod backups;
mod client;
mod indexes;
mod items;
mod server_time;
mod settings;
mod table;
mod times;

pub use backups::BackupView;
pub use client::{Dynamo, NewTable};
pub use indexes::IndexAnswer;
pub use items::{Mark, Texts};
pub use server_time::{Bounds, ServerClock, ServerTimeError};
pub use settings::{RecoveryView, TableSettings};
pub use table::{IndexView, KeyView, RestoreView, TableView};
