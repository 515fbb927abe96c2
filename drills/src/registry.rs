//! The list of drills. A new drill is a file beside this one and a line here.

use lifeboat_engine::Drill;

use crate::connection_exhaustion::ConnectionExhaustion;
use crate::dynamodb_backup_restore::DynamodbBackupRestore;
use crate::dynamodb_indexes::DynamodbIndexes;
use crate::dynamodb_pitr::DynamodbPitr;
use crate::rds_failover::RdsFailover;
use crate::rds_pitr::RdsPitr;
use crate::rds_snapshot_restore::RdsSnapshotRestore;

/// Every drill.
pub fn catalogue() -> &'static [&'static dyn Drill] {
    &[
        &RdsFailover,
        &ConnectionExhaustion,
        &RdsPitr,
        &RdsSnapshotRestore,
        &DynamodbPitr,
        &DynamodbBackupRestore,
        &DynamodbIndexes,
    ]
}

/// The drill of that name.
pub fn find(name: &str) -> Option<&'static dyn Drill> {
    catalogue().iter().copied().find(|drill| drill.name() == name)
}
