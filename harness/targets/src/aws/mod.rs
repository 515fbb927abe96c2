//! The one place that connects to a control plane: with whose credentials, within which limits, and what its errors mean.

mod chain;
mod clients;
mod connection;
mod error;
mod kept;
mod limits;
mod plans_sts;
mod refused;
mod role;

pub use connection::{Aws, is_loopback, pause};
pub use error::{AwsError, Effect};

#[cfg(test)]
mod limits_tests;
