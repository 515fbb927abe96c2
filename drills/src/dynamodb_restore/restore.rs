//! The restore: what it is from, the call, and the wait for the copy.

use std::time::Duration;

use lifeboat_engine::{Context, StepError, wait_for};
use lifeboat_targets::AwsError;
use lifeboat_targets::dynamodb::{Dynamo, TableView};

use super::canaries::{self, spell};
use super::state::{Shared, Way};
use crate::calls::until_accepted;

/// How long a fresh backup may take.
pub const BACKUP_LIMIT: Duration = Duration::from_secs(3600);

/// Refusals that say that there is nothing to restore from, whatever the control plane said before.
const NOTHING_TO_RESTORE: [&str; 3] =
    ["PointInTimeRecoveryUnavailableException", "InvalidRestoreTimeException", "BackupNotFoundException"];

/// Makes the on-demand backup and waits until it is whole.
pub async fn make_backup(s: Shared, context: Context) -> Result<(), StepError> {
    let (dynamo, source) = (s.dynamo().await, s.source()?);
    let name = s.own_name("backup");
    let of_name = || async { dynamo.backups(&source.name, &name).await };
    let call = || dynamo.create_backup(&source.name, &name);
    until_accepted(dynamo.aws(), call, || async { Ok(!of_name().await?.is_empty()) })
        .await
        .map_err(|error| error.ends_step(format!("cannot back `{}` up", source.name)))?;
    let whole = wait_for(format!("backup `{name}`"), s.every(), BACKUP_LIMIT, || async {
        match of_name().await {
            Ok(found) => match found.first() {
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
    canaries::put_late(&s).await?;
    let (dynamo, source, name) = (s.dynamo().await, s.source()?, s.own_name("copy"));
    context.mark("restore-requested");
    let asked = match s.way {
        Way::PointInTime => {
            let at = s.moment()?;
            let call = || dynamo.restore_to(&source.name, &name, at);
            until_accepted(dynamo.aws(), call, || is_ours(&s, &dynamo, &source, &name)).await
        }
        Way::Backup => {
            let arn = s.backup()?;
            let call = || dynamo.restore_backup(&arn, &name);
            until_accepted(dynamo.aws(), call, || is_ours(&s, &dynamo, &source, &name)).await
        }
    };
    match asked {
        Ok(true) => context.mark("restore-accepted"),
        Ok(false) => context.mark("restore-seen-without-answer"),
        Err(error) if NOTHING_TO_RESTORE.contains(&error.code.as_str()) => {
            context.observe("restore-refused", error.to_string());
            s.set_refused();
        }
        Err(error) => return Err(error.ends_step(format!("cannot restore `{}`", source.name))),
    }
    Ok(())
}

/// Whether the table of that name is what a call without an answer has made.
async fn is_ours(s: &Shared, dynamo: &Dynamo, source: &TableView, name: &str) -> Result<bool, AwsError> {
    let Some(found) = dynamo.find(name).await? else { return Ok(false) };
    let young = found.created_at.zip(s.since().ok()).is_some_and(|(made, since)| made >= since);
    // Once it is active, AWS does not say where it comes from.
    let from_source =
        found.restore.is_none_or(|restore| restore.source_arn.as_deref() == Some(source.arn.as_str()));
    Ok(young && from_source)
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
    let mut announced = false;
    if let Ok(Some(found)) = dynamo.find(&name).await {
        context.created("DynamoDB table", format!("{name} ({})", found.id)).await?;
        announced = true;
    }
    match dynamo.await_ready(&name, s.every(), s.options.give_up(&s.params)).await {
        Ok(copy) => {
            context.mark("copy-active");
            if !announced {
                context.created("DynamoDB table", format!("{name} ({})", copy.id)).await?;
            }
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
