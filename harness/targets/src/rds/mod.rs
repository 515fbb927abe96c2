//! Amazon RDS DB instances.

mod client;
mod instance;
mod probe;

pub use client::Rds;
pub use instance::{EventView, InstanceView};
pub use probe::api_probe;
