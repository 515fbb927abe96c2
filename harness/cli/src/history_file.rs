//! The history of runs: a file that is only added to, one line a run, beside the runs' folders.
//!
//! Whoever adds a line holds the file for that moment, so that two runs that end at once do not tear each other's. It is no
//! evidence by itself: each line names the digest of its record, and of its statement where that was signed.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use lifeboat_engine::wait_for;
use lifeboat_model::{HISTORY_SCHEMA, HistoryLine};
use serde::Deserialize;

use crate::failure::Failure;

/// Its name, in the folder that holds the runs' folders.
pub const HISTORY: &str = "history.jsonl";

/// How each line begins, as it is written here.
const BEGIN: &[u8] = b"{\"schema\":\"lifeboat.history/";

/// Who adds a line needs moments for it, and as long as AWS KMS takes where that signs.
const HELD: Duration = Duration::from_secs(60);

/// A history that is held to add a line to it.
pub struct HeldFile {
    file: File,
    path: PathBuf,
    /// All of its lines.
    pub lines: Vec<HistoryLine>,
}

impl HeldFile {
    /// Holds the file, makes it where it is not there, and reads it. A last line that a kill tore is cut off; nothing else is.
    ///
    /// # Errors
    /// If it cannot be had or is not of this tool.
    pub async fn hold(path: &Path) -> Result<Self, Failure> {
        let cannot = |cause: &dyn std::fmt::Display| {
            Failure::internal(format!("cannot add to {}: {cause}", path.display()))
        };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|cause| cannot(&cause))?;
        }
        let options = OpenOptions::new().read(true).append(true).create(true).clone();
        let mut file = options.open(path).map_err(|cause| cannot(&cause))?;
        let held = wait_for("whoever adds to it", Duration::from_millis(20), HELD, || async {
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => Err("another process holds it"),
                settled => Ok(settled),
            }
        });
        held.await.map_err(|error| cannot(&error))?.map_err(|error| cannot(&error))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|cause| cannot(&cause))?;
        let (whole, rest) =
            bytes.split_at(bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1));
        let mut lines = parse(whole, &path.display().to_string())?;
        if let Ok(line) = serde_json::from_slice(rest) {
            // Somebody's editor dropped the last line's end.
            lines.push(line);
            file.write_all(b"\n").map_err(|cause| cannot(&cause))?;
        } else if BEGIN.starts_with(rest) || rest.starts_with(BEGIN) {
            file.set_len(whole.len() as u64).map_err(|cause| cannot(&cause))?;
        } else {
            return Err(Failure::usage(format!(
                "{} is no history of lifeboat; give another file",
                path.display()
            )));
        }
        file.seek(SeekFrom::End(0)).map_err(|cause| cannot(&cause))?;
        Ok(Self { file, path: path.into(), lines })
    }

    /// Adds a line, which is on disk then.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn add(mut self, line: &HistoryLine) -> Result<(), Failure> {
        let cannot = |cause: &dyn std::fmt::Display| {
            Failure::internal(format!("cannot add to {}: {cause}", self.path.display()))
        };
        let mut text = serde_json::to_vec(line).map_err(|error| cannot(&error))?;
        text.push(b'\n');
        self.file.write_all(&text).and_then(|()| self.file.sync_data()).map_err(|cause| cannot(&cause))
    }
}

/// What is in a history, the oldest first; a last line that a kill tore is left out.
///
/// # Errors
/// If it cannot be read or is not of this tool.
pub fn read(path: &Path) -> Result<Vec<HistoryLine>, Failure> {
    let cannot = |cause: &dyn std::fmt::Display| {
        Failure::usage(format!("cannot read the history {}: {cause}", path.display()))
    };
    let kind = std::fs::metadata(path).map_err(|cause| cannot(&cause))?;
    if !kind.is_file() {
        return Err(cannot(&"it is not a file"));
    }
    let bytes = std::fs::read(path).map_err(|cause| cannot(&cause))?;
    let (whole, rest) =
        bytes.split_at(bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1));
    let mut lines = parse(whole, &path.display().to_string())?;
    match serde_json::from_slice(rest) {
        Ok(line) => lines.push(line),
        Err(_) if BEGIN.starts_with(rest) || rest.starts_with(BEGIN) => {}
        Err(error) => return Err(cannot(&format!("its last line: {error}"))),
    }
    Ok(lines)
}

/// The lines of a history; `name` is what people know it by.
///
/// # Errors
/// If one is of another version, or is none.
pub fn parse(bytes: &[u8], name: &str) -> Result<Vec<HistoryLine>, Failure> {
    #[derive(Deserialize)]
    struct Head {
        schema: String,
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Failure::usage(format!("{name}: {error}; it was changed or is not of this tool")))?;
    let parsed = (1..).zip(text.lines()).map(|(number, line)| {
        let wrong = |why: &dyn std::fmt::Display| {
            Failure::usage(format!("{name}, line {number}: {why}; it was changed or is not of this tool"))
        };
        let head: Head = serde_json::from_str(line).map_err(|error| wrong(&error))?;
        if head.schema != HISTORY_SCHEMA {
            return Err(Failure::usage(format!(
                "{name}, line {number}: it is of the form `{}`, which this version does not know: use the one that wrote it",
                head.schema
            )));
        }
        serde_json::from_str(line).map_err(|error| wrong(&error))
    });
    parsed.collect()
}
