//! Amazon RDS DB instances.

mod client;
mod instance;
mod probe;
mod restore;
mod settings;
mod snapshot;

pub use client::Rds;
pub use instance::{EventView, InstanceView};
pub use probe::api_probe;
pub use restore::{CopyOf, RestoreRequest, Source};
pub use settings::{SettingDifference, Settings, no_tokens};
pub use snapshot::SnapshotView;
