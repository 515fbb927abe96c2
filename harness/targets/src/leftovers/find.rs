//! Looks for what runs left in an account and region, by calls that only read.

use std::time::Duration;

use lifeboat_model::run_of_name;
use time::OffsetDateTime;

use super::rule::{Candidate, Leftover, LeftoverKind};
use crate::dynamodb::Dynamo;
use crate::rds::Rds;
use crate::{Aws, AwsError};

/// What runs left: instances, snapshots, tables, backups, in this order. Nothing younger than `older_than` is expired.
///
/// # Errors
/// [`AwsError`] of the first list that cannot be read, since half a list would be taken for all.
pub async fn find_leftovers(
    aws: &Aws,
    now: OffsetDateTime,
    older_than: Duration,
) -> Result<Vec<Leftover>, AwsError> {
    let mut candidates = rds(&Rds::new(aws)).await?;
    candidates.extend(dynamodb(&Dynamo::new(aws)).await?);
    Ok(candidates.into_iter().filter_map(|found| Leftover::of(found, now, older_than)).collect())
}

async fn rds(rds: &Rds) -> Result<Vec<Candidate>, AwsError> {
    let instances = rds.instances().await?.into_iter().map(|instance| Candidate {
        kind: LeftoverKind::Instance,
        name: instance.identifier,
        identity: instance.resource_id,
        created_at: instance.created_at,
        tags: instance.tags.into_iter().collect(),
        cost: format!("{}, by the hour, and its storage", instance.class),
    });
    let snapshots = rds.manual_snapshots().await?.into_iter().map(|snapshot| Candidate {
        kind: LeftoverKind::Snapshot,
        name: snapshot.identifier,
        identity: snapshot.arn,
        created_at: snapshot.created_at,
        tags: snapshot.tags.into_iter().collect(),
        cost: "snapshot storage".into(),
    });
    Ok(instances.chain(snapshots).collect())
}

async fn dynamodb(dynamo: &Dynamo) -> Result<Vec<Candidate>, AwsError> {
    let mut found = Vec::new();
    // One call for each table's tags would be many; without the run's name a table is none of a run's.
    for name in dynamo.tables().await?.into_iter().filter(|name| run_of_name(name).is_some()) {
        // It may have gone since.
        let Some(table) = dynamo.find(&name).await? else { continue };
        found.push(Candidate {
            kind: LeftoverKind::Table,
            tags: dynamo.tags(&table.arn).await?,
            name,
            identity: table.id,
            created_at: table.created_at,
            cost: format!("table storage, {}", table.billing),
        });
    }
    for backup in dynamo.all_backups().await? {
        found.push(Candidate {
            kind: LeftoverKind::Backup,
            name: backup.name,
            identity: backup.arn,
            created_at: backup.created_at,
            tags: std::collections::BTreeMap::new(),
            cost: "backup storage".into(),
        });
    }
    Ok(found)
}
