//! The catalogue: one file for each drill, and the registry that lists them.

mod access;
#[cfg(test)]
mod check_tests;
mod connection_exhaustion;
mod dynamodb_indexes;
mod rds_failover;
mod registry;
mod streams;

pub use registry::{catalogue, find};
