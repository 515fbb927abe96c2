//! Keeps two runs of one user on one machine off each other's targets: a file for each name of a target, locked as long as
//! the run lives.
//!
//! The lock is the system's (flock) and goes with the process, however that ends; what is written in the file is for people
//! alone. It does not keep out runs on other machines or of other users: on AWS a tag on the target does.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use lifeboat_model::{Environment, TargetEntry};
use lifeboat_reports::clean_line;
use lifeboat_targets::{Aws, is_loopback};
use sha2::{Digest as _, Sha256};

use crate::failure::Failure;
use crate::prepare::Ready;
use crate::resources;

/// Each try after the first finds that the owner of the file ended, and took it away, between two calls.
const TRIES: u32 = 100;

/// The files that this run holds. They are taken away when it is dropped.
pub struct TargetLocks {
    held: Vec<(PathBuf, File)>,
}

impl Drop for TargetLocks {
    fn drop(&mut self) {
        for (path, _) in &self.held {
            // Still locked: whoever opened it meanwhile sees that it is not there any more, and makes another.
            let _ = fs::remove_file(path);
        }
    }
}

/// Locks the targets of these drills, or refuses the run; `dir` is the folder of its files.
pub async fn take(
    drills: &[Ready],
    aws: Option<&Aws>,
    run_id: &str,
    dir: &Path,
) -> Result<TargetLocks, Failure> {
    // The same target may have several drills, and several names.
    let mut wanted: BTreeMap<String, &str> = BTreeMap::new();
    for Ready { params, .. } in drills {
        // What the run started for itself nobody else drills.
        if params.own_sandbox {
            continue;
        }
        for name in resources::names(&params.target, aws).await {
            wanted.insert(full(&params.environment, &params.target, name), &params.target_name);
        }
    }
    let mut locks = TargetLocks { held: Vec::new() };
    if wanted.is_empty() {
        return Ok(locks);
    }
    let folder = folder(&|name| std::env::var(name).ok())?;
    let cannot = |path: &Path, error: &dyn std::fmt::Display| {
        Failure::not_run(format!(
            "cannot lock the targets of the plan with {}: {error}; nothing was done; make the folder writable, or set \
             XDG_STATE_HOME to another",
            path.display()
        ))
    };
    fs::create_dir_all(&folder).map_err(|error| cannot(&folder, &error))?;
    let files = std::path::absolute(dir).unwrap_or_else(|_| dir.into());
    let owner = format!("run {run_id}, process {}, its files in {}", std::process::id(), files.display());
    for (name, target) in wanted {
        let path = folder.join(file_name(&name));
        match lock(&path, &owner).map_err(|error| cannot(&path, &error))? {
            Ok(file) => locks.held.push((path, file)),
            Err(other) => {
                return Err(Failure::not_run(format!(
                    "target `{}` ({}) is being drilled by another run on this machine: {}; nothing was done; wait until it has \
                     ended, or end it with Ctrl-C",
                    clean_line(target),
                    clean_line(&name),
                    clean_line(&other)
                )));
            }
        }
    }
    Ok(locks)
}

/// A name of a target, with what it is the name in: an identifier counts in one account and region, or at one endpoint of
/// this machine.
fn full(environment: &Environment, target: &TargetEntry, name: String) -> String {
    if !target.needs_control_plane() || name != target.resource() {
        return name;
    }
    match environment.endpoint.as_deref().filter(|endpoint| is_loopback(endpoint)) {
        Some(endpoint) => {
            let endpoint = endpoint.trim_end_matches('/').replace("//localhost", "//127.0.0.1");
            format!("{name} at {endpoint}")
        }
        None => {
            let account = environment.account.as_deref().unwrap_or_default();
            format!("{name} of account {account} in {}", environment.region)
        }
    }
}

/// `lifeboat/locks` in the user's folder for what programs keep from run to run.
fn folder(variable: &dyn Fn(&str) -> Option<String>) -> Result<PathBuf, Failure> {
    let set = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")));
    let state = state.ok_or_else(|| {
        Failure::usage(
            "neither XDG_STATE_HOME nor HOME is set, and without them there is no folder for what keeps two runs off one \
             target; set one of them to an absolute path",
        )
    })?;
    Ok(state.join("lifeboat/locks"))
}

/// Names may be longer than a file's, and hold what a file's cannot.
fn file_name(name: &str) -> String {
    let hash: String = Sha256::digest(name).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("{hash}.lock")
}

/// Locks a file and writes its owner into it, or gives the owner that has it.
fn lock(path: &Path, owner: &str) -> std::io::Result<Result<File, String>> {
    for _ in 0..TRIES {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut other = String::new();
                file.read_to_string(&mut other)?;
                let unknown = || "one that does not say yet which".to_owned();
                return Ok(Err(if other.is_empty() { unknown() } else { other }));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let is_there = fs::metadata(path).is_ok_and(|there| {
            file.metadata().is_ok_and(|mine| (mine.dev(), mine.ino()) == (there.dev(), there.ino()))
        });
        if is_there {
            file.set_len(0)?;
            file.rewind()?;
            file.write_all(owner.as_bytes())?;
            return Ok(Ok(file));
        }
    }
    Err(std::io::Error::other("it is made and taken away all the time"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_one_owner_and_is_free_once_that_has_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.lock");
        let first = lock(&path, "the first").unwrap().unwrap();
        assert_eq!(lock(&path, "the second").unwrap().unwrap_err(), "the first");
        drop(first);
        // What a dead owner wrote stays, and says nothing.
        let second = lock(&path, "2").unwrap().unwrap();
        assert_eq!(lock(&path, "the third").unwrap().unwrap_err(), "2");
        drop(TargetLocks { held: vec![(path.clone(), second)] });
        assert!(!path.exists());
    }

    /// A file that is locked but not there any more keeps nobody out: it must not be taken for the lock.
    #[test]
    fn a_file_that_was_taken_away_is_not_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.lock");
        let old = lock(&path, "old").unwrap().unwrap();
        fs::remove_file(&path).unwrap();
        let new = lock(&path, "new").unwrap().unwrap();
        assert_ne!(old.metadata().unwrap().ino(), new.metadata().unwrap().ino());
        assert_eq!(lock(&path, "third").unwrap().unwrap_err(), "new");
    }

    #[test]
    fn the_folder_is_the_users() {
        let of = |set: &[(&str, &str)]| {
            let value =
                |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned());
            folder(&value).map(|path| path.display().to_string()).map_err(|error| error.to_string())
        };
        assert_eq!(of(&[("HOME", "/home/me")]).unwrap(), "/home/me/.local/state/lifeboat/locks");
        assert_eq!(of(&[("HOME", "/home/me"), ("XDG_STATE_HOME", "/s")]).unwrap(), "/s/lifeboat/locks");
        assert_eq!(
            of(&[("HOME", "/home/me"), ("XDG_STATE_HOME", "s")]).unwrap(),
            "/home/me/.local/state/lifeboat/locks"
        );
        assert!(of(&[("HOME", "")]).unwrap_err().contains("XDG_STATE_HOME"));
    }
}
