//! Undo actions on Amazon RDS.
//!
//! Each looks before it acts, at every turn: a call that was not answered, or refused for now, is made again only after
//! the state was read.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use lifeboat_engine::wait_for;
use lifeboat_model::{UndoAction, UndoEnd};

use crate::rds::{InstanceView, Rds, SnapshotView};
use crate::tags::RUN_TAG;
use crate::{Aws, AwsError};

/// After a rename was accepted, so many looks may still find the old name before it is asked for again.
const LOOKS_FOR_A_NAME: u32 = 12;

/// So many looks in a row must find nothing to do before that is believed: a call that was under way when the run ended
/// may still have its effect.
const LOOKS_FOR_NOTHING: u32 = 5;

/// What an undo came to, or why it did not.
type Ended = Result<(UndoEnd, String), String>;

/// Carries one out.
pub async fn undo(aws: &Aws, action: &UndoAction) -> Ended {
    let rds = Rds::new(aws);
    match action {
        UndoAction::DeleteInstance { instance, run, never, patience_s } => {
            let ours = |found: &InstanceView| {
                if found.resource_id == *never {
                    return Err(format!("`{instance}` is the target of the drill itself and was left alone"));
                }
                has_tag(found.tag(RUN_TAG), run, || format!("DB instance `{instance}`"))
            };
            delete_instance(&rds, instance, ours, Duration::from_secs(*patience_s)).await
        }
        UndoAction::RestoreName { resource_id, name, patience_s } => {
            give_name(&rds, resource_id, name, Duration::from_secs(*patience_s)).await
        }
        UndoAction::DeleteSnapshot { snapshot, run, patience_s } => {
            let ours = |found: &SnapshotView| {
                has_tag(found.tag(RUN_TAG), run, || format!("DB snapshot `{snapshot}`"))
            };
            delete_snapshot(&rds, snapshot, ours, Duration::from_secs(*patience_s)).await
        }
        other => Err(format!("to {} is no action on Amazon RDS", other.describe())),
    }
}

/// Why a call is made again later, or that it never will be granted.
fn again(error: AwsError) -> Result<Ended, String> {
    let for_now = error.is_passing()
        || ["InvalidDBInstanceState", "InvalidDBSnapshotState", "DBInstanceAlreadyExists"]
            .iter()
            .any(|code| error.code.starts_with(code));
    if for_now { Err(error.to_string()) } else { Ok(Err(error.to_string())) }
}

/// A name that holds the run's id without the run's tag: it was made by the run, and may not be told from what somebody
/// has taken over since.
fn has_tag(tag: Option<&str>, run: &str, what: impl Fn() -> String) -> Result<(), String> {
    match tag == Some(run) {
        true => Ok(()),
        false => Err(format!(
            "{} does not carry the tag {RUN_TAG} of this run any more and was left alone; delete it if nobody keeps it",
            what()
        )),
    }
}

async fn patiently<F, Fut>(aws: &Aws, what: String, patience: Duration, look: F) -> Ended
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<Ended, String>>,
{
    wait_for(what, aws.pace(), patience, look).await.map_err(|error| error.to_string())?
}

/// Deletes an instance and waits until it is gone. `ours` says of what is found under the name, before each call, why it is
/// to be left alone.
pub async fn delete_instance(
    rds: &Rds,
    instance: &str,
    ours: impl Fn(&InstanceView) -> Result<(), String>,
    patience: Duration,
) -> Ended {
    let ours = &ours;
    let (asked, missed) = (AtomicBool::new(false), AtomicU32::new(0));
    let (asked, missed) = (&asked, &missed);
    patiently(rds.aws(), format!("`{instance}` to be gone"), patience, || async move {
        let found = match rds.find(instance).await {
            Ok(Some(found)) => found,
            Ok(None) if asked.load(Relaxed) => {
                return Ok(Ok((UndoEnd::Undone, format!("DB instance `{instance}` deleted"))));
            }
            Ok(None) if missed.fetch_add(1, Relaxed) < LOOKS_FOR_NOTHING => return Err("not there".into()),
            Ok(None) => {
                return Ok(Ok((UndoEnd::NotNeeded, format!("DB instance `{instance}` is not there"))));
            }
            Err(error) => return again(error),
        };
        if let Err(why) = ours(&found) {
            return Ok(Err(why));
        }
        if found.status == "deleting" {
            asked.store(true, Relaxed);
            return Err("status deleting".into());
        }
        if found.settings.deletion_protection {
            return match rds.unprotect(instance).await {
                Ok(()) => Err("deletion protection is being taken off".into()),
                Err(error) => again(error),
            };
        }
        match rds.delete(instance).await {
            Ok(()) => {
                asked.store(true, Relaxed);
                Err("the deletion was asked for".into())
            }
            Err(error) => again(error),
        }
    })
    .await
}

/// Gives an instance a name, known by its DbiResourceId, and waits until it has it and is not about to change. Does
/// nothing to one that has it.
///
/// # Errors
/// Why it has not, as a sentence.
pub async fn give_name(rds: &Rds, resource_id: &str, name: &str, patience: Duration) -> Ended {
    let (asked, named, since) = (AtomicBool::new(false), AtomicU32::new(0), AtomicU32::new(0));
    let (asked, named, since) = (&asked, &named, &since);
    patiently(rds.aws(), format!("{resource_id} to be called `{name}`"), patience, || async move {
        let found = match rds.find_by_resource_id(resource_id).await {
            Ok(Some(found)) => found,
            // In a rename it may be listed under neither name.
            Ok(None) => return Err(format!("no DB instance has the resource id {resource_id}")),
            Err(error) => return again(error),
        };
        let status = format!("`{}` is {}", found.identifier, found.status);
        if is_changing(&found) {
            named.store(0, Relaxed);
            return Err(status);
        }
        if found.identifier == name && !asked.load(Relaxed) && named.fetch_add(1, Relaxed) < LOOKS_FOR_NOTHING
        {
            return Err(status);
        }
        if found.identifier == name {
            return Ok(Ok(match asked.load(Relaxed) {
                true => (UndoEnd::Undone, format!("DB instance {resource_id} is called `{name}` again")),
                false => (UndoEnd::NotNeeded, format!("DB instance {resource_id} is called `{name}`")),
            }));
        }
        if asked.load(Relaxed) && since.load(Relaxed) < LOOKS_FOR_A_NAME {
            since.store(since.load(Relaxed) + 1, Relaxed);
            return Err(status);
        }
        match rds.rename(&found.identifier, name).await {
            Ok(()) => {
                asked.store(true, Relaxed);
                since.store(0, Relaxed);
                Err(status)
            }
            Err(error) => {
                asked.store(asked.load(Relaxed) || error.effect == crate::Effect::Perhaps, Relaxed);
                again(error)
            }
        }
    })
    .await
}

/// Whether an instance is on its way to another state by itself.
fn is_changing(instance: &InstanceView) -> bool {
    ["renaming", "modifying", "rebooting", "starting", "creating", "backing-up", "configuring", "resetting"]
        .iter()
        .any(|status| instance.status.starts_with(status))
}

/// Deletes a snapshot, as [`delete_instance`] does.
pub async fn delete_snapshot(
    rds: &Rds,
    snapshot: &str,
    ours: impl Fn(&SnapshotView) -> Result<(), String>,
    patience: Duration,
) -> Ended {
    let ours = &ours;
    let (asked, missed) = (AtomicBool::new(false), AtomicU32::new(0));
    let (asked, missed) = (&asked, &missed);
    patiently(rds.aws(), format!("snapshot `{snapshot}` to be gone"), patience, || async move {
        let found = match rds.find_snapshot(snapshot).await {
            Ok(Some(found)) => found,
            Ok(None) if asked.load(Relaxed) => {
                return Ok(Ok((UndoEnd::Undone, format!("DB snapshot `{snapshot}` deleted"))));
            }
            Ok(None) if missed.fetch_add(1, Relaxed) < LOOKS_FOR_NOTHING => return Err("not there".into()),
            Ok(None) => {
                return Ok(Ok((UndoEnd::NotNeeded, format!("DB snapshot `{snapshot}` is not there"))));
            }
            Err(error) => return again(error),
        };
        if let Err(why) = ours(&found) {
            return Ok(Err(why));
        }
        match rds.delete_snapshot(snapshot).await {
            Ok(()) => {
                asked.store(true, Relaxed);
                Err("the deletion was asked for".into())
            }
            Err(error) => again(error),
        }
    })
    .await
}
