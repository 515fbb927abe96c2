//! Undo actions on Amazon DynamoDB.
//!
//! Each looks before it acts, acts with one attempt, and looks again until what it takes back is seen to be gone. That
//! something is not there is believed after several looks in a row: tables and backups show a while after they were
//! asked for, and a call whose answer was lost may still be under way.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lifeboat_engine::wait_for;
use lifeboat_model::{ItemKey, Made, PendingUndo, UndoAction, UndoEnd, run_of_name};
use time::OffsetDateTime;

use super::looks::Misses;
use crate::claim::{Claim, by_time, untagged};
use crate::dynamodb::{BackupView, Dynamo, Mark, TableView};
use crate::tags::RUN_TAG;
use crate::{Aws, AwsError};

/// Looks for what is not there are so far apart at least.
const LEAST_PACE: Duration = Duration::from_millis(500);

/// How long something that is not there may be looked for: the looks come to their end before.
const LOOKING_LIMIT: Duration = Duration::from_secs(50);

/// How long the canary items may take to go.
const ITEMS_LIMIT: Duration = Duration::from_secs(50);

/// Carries one out.
pub async fn undo(aws: &Aws, pending: &PendingUndo) -> Result<(UndoEnd, String), String> {
    let (dynamo, made) = (Dynamo::new(aws), pending.made.as_ref());
    match &pending.action {
        UndoAction::DeleteTable { table, run, never, since, tagged, patience_s } => {
            let ours = Ours { run, never, since: *since, tagged: *tagged, made };
            delete_table(&dynamo, table, &ours, Duration::from_secs(*patience_s)).await
        }
        UndoAction::DeleteBackup { table, backup, patience_s } => {
            delete_backup(&dynamo, table, backup, made, Duration::from_secs(*patience_s)).await
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
    tagged: bool,
    /// What it is, where the journal knows it: then that counts alone.
    made: Option<&'a Made>,
}

impl Ours<'_> {
    /// Whether a table is another than the run's, which is known.
    fn is_another(&self, table: &TableView) -> bool {
        self.made.is_some_and(|made| table.id != made.id)
    }

    /// Why a table is not the run's, as far as its description tells.
    fn not(&self, table: &TableView) -> Option<String> {
        if !self.never.is_empty() && table.id == self.never {
            return Some("it is the drill's target".into());
        }
        if self.made.is_some() {
            return None;
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

    /// Whether it carries the run's tag, where that has to tell. Before it is active, AWS may not know its tags.
    async fn is_tagged(&self, dynamo: &Dynamo, table: &TableView) -> Result<bool, AwsError> {
        if self.made.is_some() || !self.tagged {
            return Ok(true);
        }
        Ok(dynamo.tags(&table.arn).await?.get(RUN_TAG).is_some_and(|run| run == self.run))
    }
}

/// Looks for something that may still be coming; `None` once several looks in a row have not found it.
async fn look_for<T, Fut>(dynamo: &Dynamo, mut look: impl FnMut() -> Fut) -> Result<Option<T>, String>
where
    Fut: Future<Output = Result<Option<T>, AwsError>>,
{
    let misses = Misses::default();
    let misses = &misses;
    let what = "what a lost call may have made";
    wait_for(what, dynamo.aws().pace().max(LEAST_PACE), LOOKING_LIMIT, || {
        let looking = look();
        async move {
            match looking.await {
                Ok(None) if !misses.one_more() => Err("nothing".to_owned()),
                Err(error) if error.is_passing() => Err(error.to_string()),
                settled => Ok(settled.map_err(|error| error.to_string())),
            }
        }
    })
    .await
    .map_err(|error| error.to_string())?
}

async fn delete_table(
    dynamo: &Dynamo,
    name: &str,
    ours: &Ours<'_>,
    patience: Duration,
) -> Result<(UndoEnd, String), String> {
    let Some(first) = look_for(dynamo, || dynamo.find(name)).await? else {
        return Ok((UndoEnd::NotNeeded, format!("there is no table `{name}`")));
    };
    if ours.is_another(&first) {
        let text = format!(
            "the table `{name}` of the run is not there; the one of that name now ({}) is another and was left alone",
            first.id
        );
        return Ok((UndoEnd::NotNeeded, text));
    }
    let left = |why: String| format!("table `{name}` is left alone: {why}; look at it and delete it by hand");
    if let Some(why) = ours.not(&first) {
        return Err(left(why));
    }
    let (asked, misses) = (AtomicBool::new(false), Misses::default());
    let (asked, misses) = (&asked, &misses);
    wait_for(format!("table `{name}` to be gone"), dynamo.aws().pace(), patience, || async {
        let found = match dynamo.find(name).await {
            Err(error) if error.lacks_credentials_for_good() => return Ok(Err(error.to_string())),
            found => found.map_err(|error| error.to_string())?,
        };
        let Some(now) = found.filter(|now| now.id == first.id) else {
            // Without a deletion it may be that it only does not show.
            let done = asked.load(Relaxed) || misses.one_more();
            return if done { Ok(Ok(())) } else { Err("not there".to_owned()) };
        };
        misses.none();
        match now.status.as_str() {
            "DELETING" => asked.store(true, Relaxed),
            // Not deleted before it is whole: AWS refuses that.
            "CREATING" => {}
            _ if !ours.is_tagged(dynamo, &now).await.map_err(|error| error.to_string())? => {
                return Ok(Err(left(untagged())));
            }
            // A drill never protects what it makes.
            _ if now.protected => {
                return Ok(Err(left("somebody has protected it against deletion".into())));
            }
            _ => {
                if dynamo.gives_up_recovery(&now.name).await.map_err(|error| error.to_string())? {
                    return Err("its point-in-time recovery is being turned off".to_owned());
                }
                dynamo.delete(&now.name).await.map_err(|error| error.to_string())?;
                asked.store(true, Relaxed);
            }
        }
        Err(format!("status {}", now.status))
    })
    .await
    .map_err(|error| error.to_string())??;
    Ok((UndoEnd::Undone, format!("table `{name}` ({}) is gone", first.id)))
}

/// The run's backups of that name: the one that is known, else those that are not older than the run. Names of backups are
/// not unique.
async fn own_backups(
    dynamo: &Dynamo,
    table: &str,
    name: &str,
    made: Option<&Made>,
) -> Result<Vec<BackupView>, AwsError> {
    match made {
        Some(made) => Ok(dynamo.backup(&made.id).await?.into_iter().collect()),
        None => {
            let mut found = dynamo.backups(table, name).await?;
            let run = run_of_name(name).unwrap_or_default();
            found.retain(|backup| by_time(run, backup.created_at) == Claim::Ours);
            Ok(found)
        }
    }
}

async fn delete_backup(
    dynamo: &Dynamo,
    table: &str,
    name: &str,
    made: Option<&Made>,
    patience: Duration,
) -> Result<(UndoEnd, String), String> {
    let some = || async {
        let found = own_backups(dynamo, table, name, made).await?;
        Ok((!found.is_empty()).then_some(found))
    };
    let Some(first) = look_for(dynamo, some).await? else {
        return Ok((UndoEnd::NotNeeded, format!("table `{table}` has no backup `{name}` of the run")));
    };
    let misses = Misses::default();
    let misses = &misses;
    wait_for(format!("backup `{name}` to be gone"), dynamo.aws().pace(), patience, || async {
        let left = own_backups(dynamo, table, name, made).await.map_err(|error| error.to_string())?;
        let mut last = format!("{} left", left.len());
        if left.is_empty() {
            return if misses.one_more() { Ok(()) } else { Err(last) };
        }
        misses.none();
        for backup in &left {
            if let Err(error) = dynamo.delete_backup(&backup.arn).await {
                last = error.to_string();
            }
        }
        Err(last)
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
    let Some(now) = look_for(dynamo, || dynamo.find(table)).await? else {
        return Ok((UndoEnd::NotNeeded, format!("there is no table `{table}` any more")));
    };
    if now.id != table_id {
        return left_in_another(dynamo, &now, table_id, mark, keys).await;
    }
    let (deleted, misses) = (Mutex::new(BTreeSet::new()), Misses::default());
    let (seen, misses) = (&deleted, &misses);
    let round = || async move {
        let mut left = None;
        for (number, key) in keys.iter().enumerate() {
            match delete_item(dynamo, table, key, mark).await {
                Ok(false) => {}
                Ok(true) => {
                    seen.lock().unwrap_or_else(PoisonError::into_inner).insert(number);
                    left = Some("a deletion was asked for".to_owned());
                }
                Err(error) => left = Some(error.to_string()),
            }
        }
        match left {
            Some(left) => {
                misses.none();
                Err(left)
            }
            None if misses.one_more() => Ok(()),
            None => Err("none seen".to_owned()),
        }
    };
    let gone = wait_for("the canary items to be gone", dynamo.aws().pace(), ITEMS_LIMIT, round).await;
    gone.map_err(|error| error.to_string())?;
    let deleted = deleted.into_inner().unwrap_or_else(PoisonError::into_inner);
    let end = if deleted.is_empty() { UndoEnd::NotNeeded } else { UndoEnd::Undone };
    Ok((end, format!("no canary item is left in `{table}` ({} deleted)", deleted.len())))
}

/// A table that took the place of the run's target is not written to; but a canary item may have been on its way while it
/// did so, and is then named to be looked at.
async fn left_in_another(
    dynamo: &Dynamo,
    now: &TableView,
    table_id: &str,
    mark: &Mark,
    keys: &[ItemKey],
) -> Result<(UndoEnd, String), String> {
    let table = &now.name;
    let another = format!("table `{table}` is another one now ({}, and was {table_id})", now.id);
    let mut left = Vec::new();
    for key in keys {
        let found = match dynamo.get(table, key).await {
            // Its items have another key than the run's.
            Err(error) if error.code == "ValidationException" => None,
            found => found.map_err(|error| format!("{another}, and cannot be read: {error}"))?,
        };
        if found.is_some_and(|item| item.get(&mark.attribute) == Some(&mark.run)) {
            left.push(serde_json::json!(key).to_string());
        }
    }
    if left.is_empty() {
        return Ok((UndoEnd::NotNeeded, format!("{another} and holds no canary item of the run")));
    }
    Err(format!(
        "{another} and was not written to; it holds {} canary item(s) of the run {}: look at them and delete them by hand: {}",
        left.len(),
        mark.run,
        left.join(", ")
    ))
}

/// Looks at an item and asks for its deletion where it is the run's; whether it was.
async fn delete_item(dynamo: &Dynamo, table: &str, key: &ItemKey, mark: &Mark) -> Result<bool, AwsError> {
    let item = dynamo.get(table, key).await?;
    if item.is_none_or(|item| item.get(&mark.attribute) != Some(&mark.run)) {
        return Ok(false);
    }
    match dynamo.delete_own(table, key, mark).await {
        // Somebody was quicker.
        Err(error) if !error.is_condition() => Err(error),
        _ => Ok(true),
    }
}
