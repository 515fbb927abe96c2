//! The undo of a lock on a target.
//!
//! The tag is taken off only while its value is the run's own. Between that look and the call AWS leaves a gap: a run that
//! takes an expired lock over in it loses its tag.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use lifeboat_engine::wait_for;
use lifeboat_model::{LockedTarget, UndoEnd};

use super::looks::Misses;
use crate::{Aws, TargetLock};

/// How long it may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Takes the run's lock off a target.
pub async fn release(aws: &Aws, locked: &LockedTarget, value: &str) -> Result<(UndoEnd, String), String> {
    let lock = TargetLock::new(aws, locked.clone());
    let (asked, misses) = (AtomicBool::new(false), Misses::default());
    let (lock, asked, misses) = (&lock, &asked, &misses);
    let looked = wait_for(format!("the lock to be off {locked}"), aws.pace(), LIMIT, || async move {
        let found = match lock.look().await {
            Err(error) if error.lacks_credentials_for_good() => return Ok(Err(error.to_string())),
            found => found.map_err(|error| error.to_string())?,
        };
        let other = match found {
            Some(tagged) if tagged.lock.as_deref() == Some(value) => {
                misses.none();
                asked.store(true, Relaxed);
                lock.remove(&tagged.arn).await.map_err(|error| error.to_string())?;
                return Err("its removal was asked for".to_owned());
            }
            Some(tagged) => tagged.lock.is_some(),
            None => false,
        };
        // The call that writes it may still be under way.
        if asked.load(Relaxed) || misses.one_more() {
            Ok(Ok(other))
        } else {
            Err("it does not show".to_owned())
        }
    });
    let other = looked.await.map_err(|error| error.to_string())??;
    let left = if other { "; it carries one that is not this run's, which was left alone" } else { "" };
    Ok(match asked.load(Relaxed) {
        true => (UndoEnd::Undone, format!("the lock on {locked} is released{left}")),
        false => (UndoEnd::NotNeeded, format!("{locked} has no lock of this run{left}")),
    })
}
