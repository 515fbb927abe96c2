//! The catalogue: one file for each drill, and the registry that lists them.

mod access;
#[cfg(test)]
mod check_tests;
mod connection_exhaustion;
mod dynamodb_indexes;
mod rds_failover;
mod rds_pitr;
mod rds_snapshot_restore;
mod registry;
mod restore;
mod streams;

pub use registry::{catalogue, find};
