//! The one place that connects to a control plane: with whose credentials, within which limits, and what its errors mean.

mod addresses;
mod again;
mod chain;
mod clients;
mod connection;
mod database_token;
mod error;
mod kept;
mod limits;
mod no_credentials;
mod only_aws;
mod plans_sts;
mod refused;
mod role;

pub use addresses::{is_loopback, is_of_aws};
pub use connection::{Aws, pause};
pub(crate) use database_token::key_of;
pub use error::{AwsError, Effect};

#[cfg(test)]
mod limits_tests;
