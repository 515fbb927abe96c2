//! The folder for a run's files: looked at before anything is started or called for the run.
//!
//! That it can be written now does not mean that there is room for all of a run: a disk that fills later ends the run.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::history_file::HISTORY;
use crate::history_place::HistoryPlace;

/// Where runs have their folders if the command line gives none.
pub const RUNS: &str = "lifeboat-runs";

/// The folder of a run, which need not be there yet.
pub fn of(given: Option<&Path>, run_id: &str) -> PathBuf {
    given.map_or_else(|| Path::new(RUNS).join(run_id), Path::to_owned)
}

/// The history that a run is added to: what the command line gives, or that of the folder where runs have theirs if it gives
/// none for this one either.
pub fn history(given: Option<&HistoryPlace>, out: Option<&Path>) -> Option<HistoryPlace> {
    given.cloned().or_else(|| out.is_none().then(|| HistoryPlace::File(Path::new(RUNS).join(HISTORY))))
}

/// Refuses one that could not be made or written. Nothing is left there.
pub fn check(given: Option<&Path>) -> Result<(), Failure> {
    let dir = given.unwrap_or(Path::new(RUNS));
    let refused = |at: &Path, why: &dyn std::fmt::Display| {
        Failure::usage(format!(
            "cannot write the run's files to {}: {}: {why}; nothing was done, give another folder with --out",
            dir.display(),
            at.display()
        ))
    };
    // The folder itself, or the nearest above it that is there.
    let absolute = std::path::absolute(dir).map_err(|error| refused(dir, &error))?;
    let there = absolute.ancestors().find(|folder| folder.symlink_metadata().is_ok()).unwrap_or(&absolute);
    if !there.is_dir() {
        return Err(refused(there, &"it is no folder"));
    }
    // Tried, and not asked: what root may do, a quota and a file system that can only be read all show in it. It has no name.
    let written = tempfile::tempfile_in(there).and_then(|mut file| file.write_all(&[0; 4096]));
    written.map_err(|error| refused(there, &error))
}
