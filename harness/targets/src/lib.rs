//! What touches the world: the control plane through the AWS SDK, and PostgreSQL.
//!
//! The only crate that names an AWS SDK crate. It gives drills typed views and functions, and the interpreter of undo
//! actions.

mod aws;
mod dns;
mod http;
mod undo;

pub mod dynamodb;
pub mod postgres;
pub mod rds;

pub use aws::{Aws, AwsError, Effect, is_loopback, pause};
pub use dns::dns_probe;
pub use http::http_probe;
pub use undo::{EXPIRES_TAG, RUN_TAG, WorldInterpreter, give_name};
