//! Looks for what runs left in an account and region, by calls that only read.

use std::collections::BTreeMap;
use std::time::Duration;

use lifeboat_model::run_of_name;
use time::OffsetDateTime;

use super::rule::{Candidate, Leftover, LeftoverKind};
use crate::dynamodb::{BackupView, Dynamo};
use crate::rds::{InstanceView, Rds, SnapshotView};
use crate::{Aws, AwsError};

/// What runs left: instances, snapshots, tables, backups, in this order; and what an environment does not have, so that it
/// was not listed and nothing of it can have been left. Nothing younger than `older_than` is expired.
///
/// # Errors
/// [`AwsError`] of the first list that cannot be read, since half a list would be taken for all.
pub async fn find_leftovers(
    aws: &Aws,
    now: OffsetDateTime,
    older_than: Duration,
) -> Result<(Vec<Leftover>, Vec<String>), AwsError> {
    let (rds, dynamo) = (Rds::new(aws), Dynamo::new(aws));
    let mut missing = Vec::new();
    let mut candidates: Vec<Candidate> =
        listed(rds.instances().await, &mut missing)?.into_iter().map(of_instance).collect();
    candidates.extend(listed(rds.manual_snapshots().await, &mut missing)?.into_iter().map(of_snapshot));
    // One call for each table's tags would be many; without the run's name a table is none of a run's.
    let tables = listed(dynamo.tables().await, &mut missing)?;
    for name in tables.into_iter().filter(|name| run_of_name(name).is_some()) {
        candidates.extend(find_table(&dynamo, &name).await?);
    }
    candidates.extend(listed(dynamo.all_backups().await, &mut missing)?.into_iter().map(of_backup));
    let found = candidates.into_iter().filter_map(|found| Leftover::of(found, now, older_than)).collect();
    Ok((found, missing))
}

/// The same thing again, by its name, a backup by its ARN, and an instance that was renamed by its DbiResourceId; none where
/// it is gone.
pub(super) async fn find_again(aws: &Aws, leftover: &Leftover) -> Result<Option<Candidate>, AwsError> {
    let name = &leftover.name;
    match leftover.kind {
        LeftoverKind::Instance => {
            let rds = Rds::new(aws);
            let found = match rds.find(name).await? {
                Some(found) => Some(found),
                None => rds.find_by_resource_id(&leftover.identity).await?,
            };
            Ok(found.map(of_instance))
        }
        LeftoverKind::Snapshot => Ok(Rds::new(aws).find_snapshot(name).await?.map(of_snapshot)),
        LeftoverKind::Table => find_table(&Dynamo::new(aws), name).await,
        LeftoverKind::Backup => Ok(Dynamo::new(aws).backup(&leftover.identity).await?.map(of_backup)),
    }
}

fn listed<T>(list: Result<Vec<T>, AwsError>, missing: &mut Vec<String>) -> Result<Vec<T>, AwsError> {
    match list {
        Err(error) if error.is_unsupported() => {
            missing.push(error.call.to_owned());
            Ok(Vec::new())
        }
        settled => settled,
    }
}

fn of_instance(instance: InstanceView) -> Candidate {
    Candidate {
        kind: LeftoverKind::Instance,
        cost: format!("{}, by the hour, and its storage", instance.class),
        name: instance.identifier,
        identity: instance.resource_id,
        created_at: instance.created_at,
        tags: instance.tags.into_iter().collect(),
        status: instance.status,
        protected: instance.settings.deletion_protection,
    }
}

fn of_snapshot(snapshot: SnapshotView) -> Candidate {
    Candidate {
        kind: LeftoverKind::Snapshot,
        cost: "snapshot storage".into(),
        name: snapshot.identifier,
        identity: snapshot.arn,
        created_at: snapshot.created_at,
        tags: snapshot.tags.into_iter().collect(),
        status: snapshot.status,
        protected: false,
    }
}

fn of_backup(backup: BackupView) -> Candidate {
    Candidate {
        kind: LeftoverKind::Backup,
        cost: "backup storage".into(),
        name: backup.name,
        identity: backup.arn,
        created_at: backup.created_at,
        tags: BTreeMap::new(),
        status: backup.status,
        protected: false,
    }
}

async fn find_table(dynamo: &Dynamo, name: &str) -> Result<Option<Candidate>, AwsError> {
    let Some(table) = dynamo.find(name).await? else { return Ok(None) };
    let tags = match dynamo.tags(&table.arn).await {
        // Of a table that is not active yet, or goes, AWS may say that there is none.
        Err(error) if error.code == "ResourceNotFoundException" => BTreeMap::new(),
        settled => settled?,
    };
    Ok(Some(Candidate {
        kind: LeftoverKind::Table,
        cost: format!("table storage, {}", table.billing),
        name: table.name,
        identity: table.id,
        created_at: table.created_at,
        tags,
        status: table.status,
        protected: table.protected,
    }))
}
