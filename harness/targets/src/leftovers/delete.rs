//! Deletes what a run left, known by its identity: a name may mean another by now.

use std::time::Duration;

use lifeboat_engine::wait_for;
use lifeboat_model::UndoEnd;

use super::rule::{Leftover, LeftoverKind};
use crate::Aws;
use crate::dynamodb::{Dynamo, TableView};
use crate::rds::Rds;
use crate::undo::{Made, MadeSnapshot, delete_instance, delete_snapshot, delete_table};

/// Deletes it and waits until it is gone. What now has its name and another identity, or other tags, is left alone.
///
/// # Errors
/// Why it is still there, as a sentence.
pub async fn delete_leftover(
    aws: &Aws,
    leftover: &Leftover,
    patience: Duration,
) -> Result<(UndoEnd, String), String> {
    let Leftover { kind, name, identity, run, created_at, .. } = leftover;
    match kind {
        LeftoverKind::Instance => {
            let identity = Some(identity.as_str());
            let made = Made { instance: name, run, never: "", identity, unwritten: None };
            delete_instance(&Rds::new(aws), &made, patience).await
        }
        LeftoverKind::Snapshot => {
            let made = MadeSnapshot { snapshot: name, run, created_at: *created_at };
            delete_snapshot(&Rds::new(aws), &made, patience).await
        }
        LeftoverKind::Table => {
            let not_ours =
                |found: &TableView| (found.id != *identity).then(|| "it is another one now".to_owned());
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
