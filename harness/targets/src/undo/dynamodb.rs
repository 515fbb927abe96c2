//! Undo actions on Amazon DynamoDB.
//!
//! Each looks before it acts, acts with one attempt, and looks again until what it takes back is seen to be gone.

use std::time::Duration;

use lifeboat_engine::wait_for;
use lifeboat_model::{ItemKey, UndoAction, UndoEnd};
use time::OffsetDateTime;

use crate::dynamodb::{Dynamo, Mark, TableView};
use crate::{Aws, AwsError};

/// The distance of two looks at what is to go.
const EVERY: Duration = Duration::from_millis(250);

/// How long what is not there is looked for: a call whose answer was lost may still be under way.
const SETTLING: Duration = Duration::from_secs(2);

/// How long the canary items may take to go.
const ITEMS_LIMIT: Duration = Duration::from_secs(50);

/// Carries one out.
pub async fn undo(aws: &Aws, action: &UndoAction) -> Result<(UndoEnd, String), String> {
    let dynamo = Dynamo::new(aws);
    match action {
        UndoAction::DeleteTable { table, run, never, since, patience_s } => {
            let ours = Ours { run, never, since: *since };
            delete_table(&dynamo, table, |found| ours.not(found), Duration::from_secs(*patience_s)).await
        }
        UndoAction::DeleteBackup { table, backup, patience_s } => {
            delete_backup(&dynamo, table, backup, Duration::from_secs(*patience_s)).await
        }
        UndoAction::DeleteItems { table, table_id, marker, run, keys } => {
            let mark = Mark { attribute: marker.clone(), run: run.clone() };
            delete_items(&dynamo, table, table_id, &mark, keys).await
        }
        other => Err(format!("this is not about DynamoDB: {}", other.describe())),
    }
}

/// What a table of the run's own is known by.
struct Ours<'a> {
    run: &'a str,
    never: &'a str,
    since: OffsetDateTime,
}

impl Ours<'_> {
    /// Why a table is not the run's.
    fn not(&self, table: &TableView) -> Option<String> {
        if !self.never.is_empty() && table.id == self.never {
            return Some("it is the drill's target".into());
        }
        if !table.name.contains(self.run) {
            return Some(format!("its name does not hold the run's id {}", self.run));
        }
        match table.created_at {
            None => Some("it says not when it was made".into()),
            Some(at) if at < self.since => Some(format!("it was made at {at}, before the run")),
            Some(_) => None,
        }
    }
}

/// Looks for something that may still be coming; `None` once it was not seen for [`SETTLING`].
async fn look_for<T, Fut>(mut look: impl FnMut() -> Fut) -> Result<Option<T>, String>
where
    Fut: Future<Output = Result<Option<T>, AwsError>>,
{
    let seen = wait_for("what a lost call may have made", EVERY, SETTLING, || {
        let looking = look();
        async move {
            match looking.await {
                Ok(Some(found)) => Ok(Ok(found)),
                Ok(None) => Err("nothing"),
                Err(error) => Ok(Err(error.to_string())),
            }
        }
    })
    .await;
    seen.ok().transpose()
}

/// Deletes a table and waits until it is gone. `not_ours` says of the one that is found why it is to be left alone.
pub async fn delete_table(
    dynamo: &Dynamo,
    name: &str,
    not_ours: impl Fn(&TableView) -> Option<String>,
    patience: Duration,
) -> Result<(UndoEnd, String), String> {
    let Some(first) = look_for(|| dynamo.find(name)).await? else {
        return Ok((UndoEnd::NotNeeded, format!("there is no table `{name}`")));
    };
    if let Some(why) = not_ours(&first) {
        return Err(format!("table `{name}` is left alone: {why}; look at it and delete it by hand"));
    }
    wait_for(format!("table `{name}` to be gone"), EVERY, patience, || async {
        match dynamo.find(name).await {
            Ok(None) => Ok(()),
            Ok(Some(now)) if now.id != first.id => Ok(()),
            Ok(Some(now)) if now.status == "DELETING" => Err("status DELETING".to_owned()),
            // Not deleted before it is whole: AWS refuses that.
            Ok(Some(now)) if now.status == "CREATING" => Err("status CREATING".to_owned()),
            Ok(Some(now)) => Err(delete_now(dynamo, &now).await),
            Err(error) => Err(error.to_string()),
        }
    })
    .await
    .map_err(|error| error.to_string())?;
    Ok((UndoEnd::Undone, format!("table `{name}` ({}) is gone", first.id)))
}

/// Asks for the deletion; what came of it is seen at the next look.
async fn delete_now(dynamo: &Dynamo, table: &TableView) -> String {
    // Of a table that is deleted with point-in-time recovery on, AWS keeps a backup for 35 days that nobody can delete.
    match dynamo.recovery(&table.name).await {
        Ok(recovery) if recovery.enabled => {
            if let Err(error) = dynamo.set_recovery(&table.name, None, false).await {
                return error.to_string();
            }
        }
        Ok(_) => {}
        Err(error) => return error.to_string(),
    }
    match dynamo.delete(&table.name).await {
        Ok(()) => "its deletion was accepted".into(),
        Err(error) => error.to_string(),
    }
}

async fn delete_backup(
    dynamo: &Dynamo,
    table: &str,
    name: &str,
    patience: Duration,
) -> Result<(UndoEnd, String), String> {
    let some = || async {
        let found = dynamo.backups(table, name).await?;
        Ok((!found.is_empty()).then_some(found))
    };
    let Some(first) = look_for(some).await? else {
        return Ok((UndoEnd::NotNeeded, format!("table `{table}` has no backup `{name}`")));
    };
    wait_for(format!("backup `{name}` to be gone"), EVERY, patience, || async {
        let left = dynamo.backups(table, name).await.map_err(|error| error.to_string())?;
        let mut last = format!("{} left", left.len());
        for backup in &left {
            if let Err(error) = dynamo.delete_backup(&backup.arn).await {
                last = error.to_string();
            }
        }
        if left.is_empty() { Ok(()) } else { Err(last) }
    })
    .await
    .map_err(|error| error.to_string())?;
    Ok((UndoEnd::Undone, format!("backup `{name}` of table `{table}` is gone ({})", first.len())))
}

async fn delete_items(
    dynamo: &Dynamo,
    table: &str,
    table_id: &str,
    mark: &Mark,
    keys: &[ItemKey],
) -> Result<(UndoEnd, String), String> {
    let found = dynamo.find(table).await.map_err(|error| error.to_string())?;
    match found {
        None => return Ok((UndoEnd::NotNeeded, format!("there is no table `{table}` any more"))),
        Some(now) if now.id != table_id => {
            let text = format!("table `{table}` is another one now ({}, and was {table_id})", now.id);
            return Ok((UndoEnd::NotNeeded, text));
        }
        Some(_) => {}
    }
    let mut deleted = 0;
    for key in keys {
        let gone = wait_for("a canary item to be gone", EVERY, ITEMS_LIMIT, || {
            delete_item(dynamo, table, key, mark)
        });
        deleted += gone.await.map_err(|error| error.to_string())?;
    }
    let end = if deleted > 0 { UndoEnd::Undone } else { UndoEnd::NotNeeded };
    Ok((end, format!("no canary item is left in `{table}` ({deleted} deleted)")))
}

/// Looks at an item and asks for its deletion where it is the run's; done once it is not there or not the run's. Gives how
/// many were deleted.
async fn delete_item(dynamo: &Dynamo, table: &str, key: &ItemKey, mark: &Mark) -> Result<u64, String> {
    let ours = || async {
        let item = dynamo.get(table, key).await.map_err(|error| error.to_string())?;
        Ok::<bool, String>(item.is_some_and(|item| item.get(&mark.attribute) == Some(&mark.run)))
    };
    if !ours().await? {
        return Ok(0);
    }
    if let Err(error) = dynamo.delete_own(table, key, mark).await
        && !error.is_condition()
    {
        return Err(error.to_string());
    }
    if ours().await? { Err("it is still there".into()) } else { Ok(1) }
}
