//! Deletes what a run left.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use lifeboat_engine::wait_for;
use time::OffsetDateTime;

use super::find::find_again;
use super::rule::{Candidate, Leftover, LeftoverKind};
use crate::dynamodb::Dynamo;
use crate::rds::Rds;
use crate::undo::looks::Misses;
use crate::{Aws, AwsError};

/// Refusals for now: what it is made from or for is still at work.
const FOR_NOW: [&str; 5] =
    ["InvalidDBInstanceState", "InvalidDBSnapshotState", "ResourceInUse", "BackupInUse", "LimitExceeded"];

/// Deletes it and waits until it is gone. It is read again and judged anew before each call: what has another identity, is
/// kept, protected or needed longer by now is left alone.
///
/// # Errors
/// Why it is still there, as a sentence.
pub async fn delete_leftover(
    aws: &Aws,
    leftover: &Leftover,
    older_than: Duration,
    patience: Duration,
) -> Result<String, String> {
    let what = format!("{} `{}`", leftover.kind.name(), leftover.name);
    let (asked, misses) = (AtomicBool::new(false), Misses::default());
    let (asked, misses) = (&asked, &misses);
    let gone = wait_for(format!("{what} to be gone"), aws.pace(), patience, || async {
        let found = match find_again(aws, leftover).await {
            Ok(Some(found)) => found,
            Ok(None) if asked.load(Relaxed) || misses.one_more() => return Ok(Ok(())),
            Ok(None) => return Err("not there".to_owned()),
            Err(error) => return again(error),
        };
        misses.none();
        let status = format!("status {}", found.status);
        match found.status.to_lowercase().as_str() {
            "deleting" => {
                asked.store(true, Relaxed);
                return Err(status);
            }
            // Not deleted before it is whole: AWS refuses that.
            "creating" => return Err(status),
            "deleted" => return Ok(Ok(())),
            _ => {}
        }
        let same = Leftover::of(found.clone(), OffsetDateTime::now_utc(), older_than);
        if !same.is_some_and(|same| same.is_as(leftover)) {
            return Ok(Err("it is another one, or is needed, by now, and was left alone".to_owned()));
        }
        match delete(aws, &found).await {
            Ok(false) => Err("its point-in-time recovery is being turned off".to_owned()),
            Ok(true) => {
                asked.store(true, Relaxed);
                Err("the deletion was asked for".to_owned())
            }
            Err(error) => again(error),
        }
    });
    gone.await.map_err(|error| error.to_string())?.map(|()| format!("{what} is gone"))
}

/// Why a call is made again later, or that it never will be granted.
fn again(error: AwsError) -> Result<Result<(), String>, String> {
    let for_now = error.is_passing() || FOR_NOW.iter().any(|code| error.code.starts_with(code));
    if for_now { Err(error.to_string()) } else { Ok(Err(error.to_string())) }
}

/// Asks for the deletion; whether that was done, or something that has to come before it.
async fn delete(aws: &Aws, found: &Candidate) -> Result<bool, AwsError> {
    let (rds, dynamo) = (Rds::new(aws), Dynamo::new(aws));
    match found.kind {
        LeftoverKind::Instance => rds.delete(&found.name).await?,
        LeftoverKind::Snapshot => rds.delete_snapshot(&found.name).await?,
        LeftoverKind::Table => {
            if dynamo.gives_up_recovery(&found.name).await? {
                return Ok(false);
            }
            dynamo.delete(&found.name).await?;
        }
        LeftoverKind::Backup => dynamo.delete_backup(&found.identity).await?,
    }
    Ok(true)
}
