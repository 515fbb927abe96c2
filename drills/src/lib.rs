//! The catalogue: one file for each drill, and the registry that lists them.

mod access;
mod calls;
#[cfg(test)]
mod check_tests;
mod connection_exhaustion;
mod dynamodb_backup_restore;
mod dynamodb_indexes;
mod dynamodb_pitr;
mod dynamodb_restore;
mod lock;
mod permissions;
mod rds_failover;
mod rds_pitr;
mod rds_snapshot_restore;
mod registry;
mod restore;
mod same;
mod streams;

pub use permissions::{
    connects_with_tokens, looks_at_instances, partition, reads_secrets, sends_notices, watches_alarms,
};
pub use registry::{catalogue, find, options_schemas};
