//! The restore: what it is from, the call, and the wait for the copy.

use std::time::Duration;

use lifeboat_engine::{Context, StepError, wait_for};
use lifeboat_model::UndoAction;
use lifeboat_targets::dynamodb::{BackupView, Dynamo, TableView};
use lifeboat_targets::{AwsError, Effect};

use super::canaries::{self, spell};
use super::state::{Shared, Way};
use crate::calls::{Answer, until_accepted};

/// How long a fresh backup may take.
pub const BACKUP_LIMIT: Duration = Duration::from_secs(3600);

/// Refusals that say that there is nothing to restore from, whatever the control plane said before.
const NOTHING_TO_RESTORE: [&str; 3] =
    ["PointInTimeRecoveryUnavailableException", "InvalidRestoreTimeException", "BackupNotFoundException"];

/// Makes the on-demand backup and waits until it is whole.
pub async fn make_backup(s: Shared, context: Context) -> Result<(), StepError> {
    let (dynamo, source) = (s.dynamo().await, s.same_source().await?);
    let name = s.own_name("backup");
    let of_name = || async { dynamo.backups(&source.name, &name).await };
    let taken = of_name().await.map_err(|error| error.ends_step("cannot look backups up"))?;
    if let Some(other) = taken.first() {
        return Err(StepError::Failed(format!(
            "cannot make backup `{name}`: there is one of that name already ({}), which this run did not make and left \
             alone; see whose it is, and run the drill again",
            other.arn
        )));
    }
    let answer = Answer::new();
    let call = || answer.keep(dynamo.create_backup(&source.name, &name));
    until_accepted(dynamo.aws(), call, || async { Ok(!of_name().await?.is_empty()) })
        .await
        .map_err(|error| error.ends_step(format!("cannot back `{}` up", source.name)))?;
    // After a lost answer there may be two of its name, and all of them are the run's.
    let only = answer.only();
    if let Some(made) = &only {
        let deletes = |action: &UndoAction| matches!(action, UndoAction::DeleteBackup { backup, .. } if *backup == name);
        context.bind(deletes, made.made()).await?;
    }
    let is_it = |backup: &&BackupView| only.as_ref().is_none_or(|made| made.arn == backup.arn);
    let whole = wait_for(format!("backup `{name}`"), s.every(), BACKUP_LIMIT, || async {
        match of_name().await {
            Ok(found) => match found.iter().find(is_it) {
                Some(backup) if backup.status == "AVAILABLE" => Ok(backup.arn.clone()),
                Some(backup) => Err(format!("status {}", backup.status)),
                None => Err("it is not listed yet".to_owned()),
            },
            Err(error) => Err(error.to_string()),
        }
    });
    let arn = whole.await.map_err(StepError::indeterminate)?;
    context.created("DynamoDB backup", &arn).await?;
    context.observe("backup", &arn);
    s.set_backup(arn);
    Ok(())
}

/// Waits until the chosen moment can be restored. If it never can, the restore is asked for all the same: refused, it says
/// why, and accepted, it shows that the window means nothing.
pub async fn await_restorable(s: Shared, context: Context) -> Result<(), StepError> {
    let (dynamo, source, at) = (s.dynamo().await, s.source()?, s.moment()?);
    let limit = s.options.give_up(&s.params);
    let waited = wait_for(format!("{} to be restorable", spell(at)), s.every(), limit, || async {
        match dynamo.recovery(&source.name).await {
            Ok(seen) => match seen.latest {
                Some(latest) if latest >= at => Ok(()),
                Some(latest) => Err(format!("LatestRestorableDateTime {}", spell(latest))),
                None => Err("no LatestRestorableDateTime".to_owned()),
            },
            Err(error) => Err(error.to_string()),
        }
    });
    match waited.await {
        Ok(()) => context.mark("restorable"),
        Err(error) => context.observe("not-restorable", error.to_string()),
    }
    Ok(())
}

/// Asks for the copy.
pub async fn request(s: Shared, context: Context) -> Result<(), StepError> {
    if s.refused() {
        return Ok(());
    }
    let (dynamo, name) = (s.dynamo().await, s.own_name("copy"));
    s.is_free(&name).await?;
    canaries::put_late(&s).await?;
    let source = s.same_source().await?;
    let answer = Answer::new();
    context.mark("restore-requested");
    let asked = match s.way {
        Way::PointInTime => {
            let at = s.moment()?;
            let call = || answer.keep(dynamo.restore_to(&source.name, &name, at));
            until_accepted(dynamo.aws(), call, || is_ours(&s, &dynamo, &source, &name)).await
        }
        Way::Backup => {
            let arn = s.backup()?;
            let call = || answer.keep(dynamo.restore_backup(&arn, &name));
            until_accepted(dynamo.aws(), call, || is_ours(&s, &dynamo, &source, &name)).await
        }
    };
    // Whatever is done next, its undo has to know it. Where the answer was lost, the first look tells.
    if let Some(copy) = answer.given() {
        s.bind_copy(&context, &copy).await?;
    }
    match asked {
        Ok(true) => context.mark("restore-accepted"),
        Ok(false) => context.mark("restore-seen-without-answer"),
        Err(error) if NOTHING_TO_RESTORE.contains(&error.code.as_str()) => {
            if error.effect == Effect::None {
                let of_copy = |action: &UndoAction| matches!(action, UndoAction::DeleteTable { table, .. } if *table == name);
                context.keep(of_copy, "the restore was refused: nothing was made").await?;
            }
            context.observe("restore-refused", error.to_string());
            s.set_refused();
        }
        Err(error) => return Err(error.ends_step(format!("cannot restore `{}`", source.name))),
    }
    Ok(())
}

/// Whether the table of that name is what a call without an answer has made.
async fn is_ours(s: &Shared, dynamo: &Dynamo, source: &TableView, name: &str) -> Result<bool, AwsError> {
    Ok(dynamo.find(name).await?.is_some_and(|found| fits(s, source, &found)))
}

/// Whether a table may be the copy, by its age and where it comes from: it cannot be tagged before it is active.
fn fits(s: &Shared, source: &TableView, found: &TableView) -> bool {
    // Once it is active, AWS does not say where it comes from.
    let comes_from = found.restore.as_ref().map(|restore| restore.source_arn.as_deref());
    s.is_young(found) && comes_from.is_none_or(|arn| arn == Some(source.arn.as_str()))
}

/// Whether the table of the copy's name is the copy. Once it is known, so it is to its undo.
async fn is_the_copy(s: &Shared, context: &Context, found: &TableView) -> Result<(), StepError> {
    let another = |why: &str| {
        let (name, id) = (&found.name, &found.id);
        StepError::Indeterminate(format!("table `{name}` ({id}) is not the copy: {why}; it was left alone"))
    };
    match s.made() {
        Some(made) if made == found.id => Ok(()),
        Some(made) => Err(another(&format!("the copy is {made}"))),
        None if fits(s, &s.source()?, found) => s.bind_copy(context, found).await,
        None => Err(another("it is older than the drill, or of another source")),
    }
}

/// Tags the copy as the run's, which a restore cannot. Without its tags it is still taken back by the run, and `gc` would
/// ask before it deletes it.
async fn tag_copy(s: &Shared, context: &Context, copy: &TableView) {
    let (dynamo, tags) = (s.dynamo().await, s.tags());
    let tagged = || async {
        let found = dynamo.tags(&copy.arn).await?;
        Ok(tags.iter().all(|(key, value)| found.get(key) == Some(value)))
    };
    let asked = until_accepted(dynamo.aws(), || dynamo.set_tags(&copy.arn, &tags), tagged).await;
    if let Err(error) = asked {
        context.observe("copy-not-tagged", error.to_string());
    }
}

/// Waits until the copy is active. That it never was is a missed check and no error.
pub async fn await_copy(s: Shared, context: Context) -> Result<(), StepError> {
    if s.refused() {
        return Ok(());
    }
    let (dynamo, name) = (s.dynamo().await, s.own_name("copy"));
    if let Ok(Some(found)) = dynamo.find(&name).await {
        is_the_copy(&s, &context, &found).await?;
    }
    match dynamo.await_ready(&name, s.every(), s.options.give_up(&s.params)).await {
        Ok(copy) => {
            context.mark("copy-active");
            is_the_copy(&s, &context, &copy).await?;
            tag_copy(&s, &context, &copy).await;
            context.observe("copy", &copy);
            s.set_copy(copy);
        }
        Err(error) => {
            context.mark("gave-up");
            context.observe("gave-up", error);
        }
    }
    Ok(())
}
