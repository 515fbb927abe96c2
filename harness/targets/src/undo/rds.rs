//! Undo actions on Amazon RDS.
//!
//! Each looks before it acts, at every turn: a call that was not answered, or refused for now, is made again only after
//! the state was read.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use lifeboat_engine::wait_for;
use lifeboat_model::{UndoAction, UndoEnd, Unwritten};

use super::looks::Misses;
use super::postgres::Servers;
use crate::postgres::Told;
use crate::rds::{InstanceView, Rds};
use crate::tags::{EXPIRES_TAG, RUN_TAG};
use crate::{Aws, AwsError};

/// After a rename was accepted, so many looks may still find the old name before it is asked for again.
const LOOKS_FOR_A_NAME: u32 = 12;

/// What an undo came to, or why it did not.
type Ended = Result<(UndoEnd, String), String>;

/// Carries one out.
pub async fn undo(aws: &Aws, servers: &Servers, action: &UndoAction) -> Ended {
    let rds = Rds::new(aws);
    match action {
        UndoAction::DeleteInstance { instance, run, never, patience_s } => {
            let patience = Duration::from_secs(*patience_s);
            delete_instance(&rds, &Made { instance, run, never, unwritten: None }, patience).await
        }
        UndoAction::DeleteInstanceUnlessWritten { instance, run, never, patience_s, unwritten } => {
            // The server may be as long in coming back, before anything is asked of the control plane.
            let patience = Duration::from_secs(patience_s + unwritten.server.patience_s);
            let unwritten = Some((servers, unwritten));
            delete_instance(&rds, &Made { instance, run, never, unwritten }, patience).await
        }
        UndoAction::RestoreName { resource_id, name, patience_s } => {
            give_name(&rds, resource_id, name, Duration::from_secs(*patience_s)).await
        }
        UndoAction::DeleteSnapshot { snapshot, run, patience_s } => {
            delete_snapshot(&rds, snapshot, run, Duration::from_secs(*patience_s)).await
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
fn not_ours(what: &str) -> String {
    format!(
        "{what} does not carry the tag {RUN_TAG} of this run any more and was left alone; delete it if nobody keeps it"
    )
}

async fn patiently<F, Fut>(aws: &Aws, what: String, patience: Duration, look: F) -> Ended
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<Ended, String>>,
{
    wait_for(what, aws.pace(), patience, look).await.map_err(|error| error.to_string())?
}

/// An instance that the run made.
#[derive(Clone, Copy)]
struct Made<'a> {
    instance: &'a str,
    run: &'a str,
    never: &'a str,
    /// How far the writing to it may have come, and who can look.
    unwritten: Option<(&'a Servers, &'a Unwritten)>,
}

/// Why an instance of the run's is kept for good: it holds, or may hold, what others wrote to it and nothing else does.
async fn kept(rds: &Rds, found: &InstanceView, unwritten: &Unwritten, why: String) -> String {
    // It may be needed for longer than the run thought.
    let expiry: Vec<String> =
        found.tags.iter().map(|(key, _)| key).filter(|key| *key == EXPIRES_TAG).cloned().collect();
    let lasts = match expiry.is_empty() {
        true => Ok(()),
        false => rds.remove_tags(&found.arn, &expiry).await,
    };
    let expires = lasts.err().map(|error| format!("; its tag {EXPIRES_TAG} is still on it: {error}"));
    let (instance, server) = (&found.identifier, &unwritten.server);
    format!(
        "DB instance `{instance}` is kept: {why}; its rows are in database `{}` at {}:{}: bring what is missing back to \
         where it belongs, then delete it{}",
        server.database,
        server.host,
        server.port,
        expires.unwrap_or_default()
    )
}

/// Deletes it. Whether others have written to it is asked before each call, however many there are: a look that misses it,
/// or a refusal, may be long before the call that has the effect.
async fn delete_instance(rds: &Rds, made: &Made<'_>, patience: Duration) -> Ended {
    let Made { instance, run, never, unwritten } = *made;
    let (asked, missed) = (AtomicBool::new(false), Misses::default());
    let (asked, missed) = (&asked, &missed);
    patiently(rds.aws(), format!("`{instance}` to be gone"), patience, || async move {
        let found = match rds.find(instance).await {
            Ok(Some(found)) => found,
            Ok(None) if asked.load(Relaxed) => {
                return Ok(Ok((UndoEnd::Undone, format!("DB instance `{instance}` deleted"))));
            }
            Ok(None) if !missed.one_more() => return Err("not there".into()),
            Ok(None) => {
                return Ok(Ok((UndoEnd::NotNeeded, format!("DB instance `{instance}` is not there"))));
            }
            Err(error) => return again(error),
        };
        missed.none();
        if found.resource_id == never {
            return Ok(Err(format!("`{instance}` is the target of the drill itself and was left alone")));
        }
        if found.tag(RUN_TAG) != Some(run) {
            return Ok(Err(not_ours(&format!("DB instance `{instance}`"))));
        }
        if found.status == "deleting" {
            asked.store(true, Relaxed);
            return Err("status deleting".into());
        }
        if let Some((servers, unwritten)) = unwritten {
            let why = match servers.written_since(unwritten, rds.aws()).await {
                Ok(Told::Nobody(_)) => None,
                Ok(Told::Somebody(how)) => {
                    Some(format!("others have written to it while it had another's name ({how})"))
                }
                // What is about to go may not answer any more.
                Err(why) if asked.load(Relaxed) => return Err(why),
                Ok(Told::Unclear(why)) | Err(why) => Some(format!(
                    "it cannot be told whether others have written to it while it had another's name ({why})"
                )),
            };
            if let Some(why) = why {
                return Ok(Err(kept(rds, &found, unwritten, why).await));
            }
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
    // To have its name already is nothing to do as well.
    let (asked, named, since) = (AtomicBool::new(false), Misses::default(), AtomicU32::new(0));
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
            named.none();
            return Err(status);
        }
        if found.identifier == name && !asked.load(Relaxed) && !named.one_more() {
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

async fn delete_snapshot(rds: &Rds, snapshot: &str, run: &str, patience: Duration) -> Ended {
    let (asked, missed) = (AtomicBool::new(false), Misses::default());
    let (asked, missed) = (&asked, &missed);
    patiently(rds.aws(), format!("snapshot `{snapshot}` to be gone"), patience, || async move {
        let found = match rds.find_snapshot(snapshot).await {
            Ok(Some(found)) => found,
            Ok(None) if asked.load(Relaxed) => {
                return Ok(Ok((UndoEnd::Undone, format!("DB snapshot `{snapshot}` deleted"))));
            }
            Ok(None) if !missed.one_more() => return Err("not there".into()),
            Ok(None) => {
                return Ok(Ok((UndoEnd::NotNeeded, format!("DB snapshot `{snapshot}` is not there"))));
            }
            Err(error) => return again(error),
        };
        missed.none();
        if found.tag(RUN_TAG) != Some(run) {
            return Ok(Err(not_ours(&format!("DB snapshot `{snapshot}`"))));
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
