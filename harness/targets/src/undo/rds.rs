//! Undo actions on Amazon RDS.
//!
//! Each looks before it acts, at every turn: a call that was not answered, or refused for now, is made again only after
//! the state was read. What is deleted is what the journal says that the run made; where it does not say, what carries the
//! run's tag and was not made before the run. It does not guard against a rename between that look and the call, which AWS
//! takes by name only.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use lifeboat_engine::wait_for;
use lifeboat_model::{Made, PendingUndo, UndoAction, UndoEnd, Unwritten};

use super::looks::Misses;
use super::postgres::Servers;
use crate::claim::{Claim, untagged};
use crate::postgres::Told;
use crate::rds::{InstanceView, Rds, SnapshotView};
use crate::tags::{COPY_OF_TAG, EXPIRES_TAG, RUN_TAG};
use crate::{Aws, AwsError};

/// After a rename was accepted, so many looks may still find the old name before it is asked for again.
const LOOKS_FOR_A_NAME: u32 = 12;

/// What an undo came to, or why it did not.
type Ended = Result<(UndoEnd, String), String>;

/// Carries one out.
pub async fn undo(aws: &Aws, servers: &Servers, pending: &PendingUndo) -> Ended {
    let (rds, made) = (Rds::new(aws), pending.made.as_ref());
    match &pending.action {
        UndoAction::DeleteInstance { instance, run, never, patience_s } => {
            let patience = Duration::from_secs(*patience_s);
            delete_instance(&rds, &Doomed { instance, run, never, made, unwritten: None }, patience).await
        }
        UndoAction::DeleteInstanceUnlessWritten { instance, run, never, patience_s, unwritten } => {
            // The server may be as long in coming back, before anything is asked of the control plane.
            let patience = Duration::from_secs(patience_s + unwritten.server.patience_s);
            let unwritten = Some((servers, unwritten));
            delete_instance(&rds, &Doomed { instance, run, never, made, unwritten }, patience).await
        }
        UndoAction::RestoreName { resource_id, name, patience_s } => {
            give_name(&rds, resource_id, name, Duration::from_secs(*patience_s)).await
        }
        UndoAction::DeleteSnapshot { snapshot, run, patience_s } => {
            delete_snapshot(&rds, snapshot, run, made, Duration::from_secs(*patience_s)).await
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

/// Something that is not deleted: it cannot be told from what somebody has, or keeps.
fn left(what: &str, why: &str) -> String {
    format!("{what}: {why} and was left alone; look at it and delete it if nobody keeps it")
}

async fn patiently<F, Fut>(aws: &Aws, what: String, patience: Duration, look: F) -> Ended
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<Ended, String>>,
{
    wait_for(what, aws.pace(), patience, look).await.map_err(|error| error.to_string())?
}

/// An instance that the run made, or may have made.
#[derive(Clone, Copy)]
struct Doomed<'a> {
    instance: &'a str,
    run: &'a str,
    never: &'a str,
    /// What it is, where the journal knows it.
    made: Option<&'a Made>,
    /// How far the writing to it may have come, and who can look.
    unwritten: Option<(&'a Servers, &'a Unwritten)>,
}

/// What a look for the run's own finds.
enum Sight<T> {
    /// It, to be deleted.
    There(T),
    /// It is not there; perhaps another of its name is.
    Gone(Option<String>),
    /// Something that may be it, and cannot be told yet.
    Unclear(String),
    /// Something that is not to be deleted.
    Left(String),
}

/// Looks by name, and by the DbiResourceId where that is known or was told before: somebody may have renamed it.
async fn look(
    rds: &Rds,
    doomed: &Doomed<'_>,
    told: &OnceLock<String>,
) -> Result<Sight<InstanceView>, AwsError> {
    let named = rds.find(doomed.instance).await?;
    let known = doomed.made.map(|made| made.id.as_str()).or(told.get().map(String::as_str));
    let Some(id) = known else {
        let Some(found) = named else { return Ok(Sight::Gone(None)) };
        let what = format!("DB instance `{}` ({})", doomed.instance, found.resource_id);
        return Ok(match rds.claim(&found, doomed.run, doomed.never).await? {
            Claim::Ours => {
                told.get_or_init(|| found.resource_id.clone());
                Sight::There(found)
            }
            Claim::NotYet(why) => Sight::Unclear(why),
            Claim::Not(why) => Sight::Left(left(&what, &why)),
        });
    };
    let (ours, other) = match named {
        Some(found) if found.resource_id == id => (Some(found), None),
        other => (rds.find_by_resource_id(id).await?, other),
    };
    let Some(found) = ours else { return Ok(Sight::Gone(other.map(|other| other.resource_id))) };
    let what = format!("DB instance `{}` ({id})", found.identifier);
    let why = if found.resource_id == doomed.never {
        "it is the target of the drill itself".to_owned()
    } else if found.tag(RUN_TAG) != Some(doomed.run) {
        untagged()
    } else if found.identifier != doomed.instance && found.tag(COPY_OF_TAG) == Some(&found.identifier) {
        // Whoever gave it that name has clients on it.
        format!("it was called `{}`, and has the name of its source by now", doomed.instance)
    } else {
        return Ok(Sight::There(found));
    };
    Ok(Sight::Left(left(&what, &why)))
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

/// How it ends where the run's own is not there (any more).
fn gone(what: &str, name: &str, other: Option<String>, asked: bool) -> (UndoEnd, String) {
    let other =
        other.map(|other| format!("; the one of that name now ({other}) is another and was left alone"));
    let (end, how) = match asked {
        true => (UndoEnd::Undone, "deleted"),
        false => (UndoEnd::NotNeeded, "is not there"),
    };
    (end, format!("{what} `{name}` {how}{}", other.unwrap_or_default()))
}

/// Deletes it. Whether others have written to it is asked before each call, however many there are: a look that misses it,
/// or a refusal, may be long before the call that has the effect.
async fn delete_instance(rds: &Rds, doomed: &Doomed<'_>, patience: Duration) -> Ended {
    let Doomed { instance, unwritten, .. } = *doomed;
    let (asked, missed, told) = (AtomicBool::new(false), Misses::default(), OnceLock::new());
    let (asked, missed, told) = (&asked, &missed, &told);
    patiently(rds.aws(), format!("`{instance}` to be gone"), patience, || async move {
        let found = match look(rds, doomed, told).await {
            Ok(Sight::There(found)) => found,
            Ok(Sight::Gone(_)) if !asked.load(Relaxed) && !missed.one_more() => {
                return Err("not there".into());
            }
            Ok(Sight::Gone(other)) => {
                return Ok(Ok(gone("DB instance", instance, other, asked.load(Relaxed))));
            }
            Ok(Sight::Unclear(why)) => {
                missed.none();
                return Err(why);
            }
            Ok(Sight::Left(why)) => return Ok(Err(why)),
            Err(error) => return again(error),
        };
        missed.none();
        let instance = found.identifier.as_str();
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

/// As [`look`]; a snapshot keeps its name. While it is being made, AWS may not say since when.
async fn look_for_snapshot(
    rds: &Rds,
    snapshot: &str,
    run: &str,
    made: Option<&Made>,
) -> Result<Sight<SnapshotView>, AwsError> {
    let Some(found) = rds.find_snapshot(snapshot).await? else { return Ok(Sight::Gone(None)) };
    let at = found.created_at.map(|at| at.to_string()).unwrap_or_default();
    let known = made.and_then(|made| Some((made, made.created_at?)));
    if let Some((made, created_at)) = known
        && (found.arn != made.arn || found.created_at.is_some_and(|at| at != created_at))
    {
        return Ok(Sight::Gone(Some(format!("{}, made at {at}", found.arn))));
    }
    Ok(match rds.claim_snapshot(&found, run).await? {
        Claim::Ours => Sight::There(found),
        Claim::NotYet(why) => Sight::Unclear(why),
        Claim::Not(why) => Sight::Left(left(&format!("DB snapshot `{snapshot}`"), &why)),
    })
}

async fn delete_snapshot(
    rds: &Rds,
    snapshot: &str,
    run: &str,
    made: Option<&Made>,
    patience: Duration,
) -> Ended {
    let (asked, missed) = (AtomicBool::new(false), Misses::default());
    let (asked, missed) = (&asked, &missed);
    patiently(rds.aws(), format!("snapshot `{snapshot}` to be gone"), patience, || async move {
        match look_for_snapshot(rds, snapshot, run, made).await {
            Ok(Sight::There(_)) => {}
            Ok(Sight::Gone(_)) if !asked.load(Relaxed) && !missed.one_more() => {
                return Err("not there".into());
            }
            Ok(Sight::Gone(other)) => {
                return Ok(Ok(gone("DB snapshot", snapshot, other, asked.load(Relaxed))));
            }
            Ok(Sight::Unclear(why)) => {
                missed.none();
                return Err(why);
            }
            Ok(Sight::Left(why)) => return Ok(Err(why)),
            Err(error) => return again(error),
        }
        missed.none();
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
