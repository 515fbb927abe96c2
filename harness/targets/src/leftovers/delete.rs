//! Deletes what a run left, known by its identity: a name may mean another by now.

use std::time::Duration;

use lifeboat_engine::wait_for;
use lifeboat_model::UndoEnd;

use super::rule::{Leftover, LeftoverKind};
use crate::Aws;
use crate::dynamodb::{Dynamo, TableView};
use crate::rds::{InstanceView, Rds, SnapshotView};
use crate::tags::RUN_TAG;
use crate::undo::{delete_instance, delete_snapshot, delete_table};

/// Deletes it and waits until it is gone. What now has its name and another identity, or other tags, is left alone.
///
/// # Errors
/// Why it is still there, as a sentence.
pub async fn delete_leftover(
    aws: &Aws,
    leftover: &Leftover,
    patience: Duration,
) -> Result<(UndoEnd, String), String> {
    let Leftover { kind, name, identity, run, .. } = leftover;
    let changed = || format!("{} `{name}` is another one now, or has other tags, and was left alone", kind.name());
    let same = |found: &str, tag: Option<&str>| {
        if found == identity && tag == Some(run) { Ok(()) } else { Err(changed()) }
    };
    match kind {
        LeftoverKind::Instance => {
            let ours = |found: &InstanceView| same(&found.resource_id, found.tag(RUN_TAG));
            delete_instance(&Rds::new(aws), name, ours, patience).await
        }
        LeftoverKind::Snapshot => {
            let ours = |found: &SnapshotView| {
                // The ARN holds no more than the name; the time of its making is another for another.
                same(&found.arn, found.tag(RUN_TAG)).and_then(|()| match found.created_at == leftover.created_at {
                    true => Ok(()),
                    false => Err(changed()),
                })
            };
            delete_snapshot(&Rds::new(aws), name, ours, patience).await
        }
        LeftoverKind::Table => {
            let not_ours = |found: &TableView| (found.id != *identity).then(changed);
            delete_table(&Dynamo::new(aws), name, not_ours, patience).await
        }
        LeftoverKind::Backup => delete_backup(&Dynamo::new(aws), leftover, patience).await,
    }
}

/// A backup's ARN is that of no other.
async fn delete_backup(
    dynamo: &Dynamo,
    leftover: &Leftover,
    patience: Duration,
) -> Result<(UndoEnd, String), String> {
    let (arn, name) = (&leftover.identity, &leftover.name);
    let every = dynamo.aws().pace();
    wait_for(format!("backup `{name}` to be gone"), every, patience, || async {
        let all = dynamo.all_backups().await.map_err(|error| error.to_string())?;
        if !all.iter().any(|backup| backup.arn == *arn) {
            return Ok(());
        }
        match dynamo.delete_backup(arn).await {
            Ok(()) => Err("its deletion was accepted".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    })
    .await
    .map_err(|error| error.to_string())?;
    Ok((UndoEnd::Undone, format!("backup `{name}` is gone")))
}
