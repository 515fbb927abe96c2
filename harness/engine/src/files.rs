//! The files of a run in its folder.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use lifeboat_model::{Event, FileDigest, FormatError, LedgerLine, PlanDocument, check_journal_format};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// Why a file of a run cannot be read or written.
#[derive(Debug, Error)]
pub enum FilesError {
    /// The system's answer.
    #[error("cannot {act} {path}: {cause}")]
    Io {
        /// `read`, `write` or `create`.
        act: &'static str,
        /// The file.
        path: String,
        /// The system's error.
        cause: std::io::Error,
    },
    /// A line that is not what it should be.
    #[error("{path}, line {line}: {cause}; the file was changed or is not of this tool")]
    Line {
        /// The file.
        path: String,
        /// The line's number, from 1.
        line: usize,
        /// What is wrong with it.
        cause: serde_json::Error,
    },
    /// A journal whose format this version does not read.
    #[error("{path}: {error}")]
    Format {
        /// The file.
        path: String,
        /// What is wrong with it.
        error: FormatError,
    },
    /// A folder that is in use.
    #[error("{0} is not empty; give another folder with --out, or none for a new one under lifeboat-runs/")]
    NotEmpty(String),
}

impl FilesError {
    fn io(act: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.display().to_string();
        move |cause| Self::Io { act, path, cause }
    }
}

/// The lines of the history that a run's record keeps of earlier ones.
pub const EARLIER_RUNS: &str = "earlier.json";

/// A run's folder.
#[derive(Debug, Clone)]
pub struct RunFiles {
    dir: PathBuf,
}

impl RunFiles {
    /// Makes the folder of a new run. It may exist if it is empty.
    ///
    /// # Errors
    /// If it cannot be made, or is not empty.
    pub fn create(dir: &Path) -> Result<Self, FilesError> {
        fs::create_dir_all(dir).map_err(FilesError::io("create", dir))?;
        let mut entries = fs::read_dir(dir).map_err(FilesError::io("read", dir))?;
        if entries.next().is_some() {
            return Err(FilesError::NotEmpty(dir.display().to_string()));
        }
        Ok(Self { dir: dir.into() })
    }

    /// The folder of a run that was.
    pub fn of(dir: &Path) -> Self {
        Self { dir: dir.into() }
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The path of one of its files.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Writes a file as indented JSON, whole or not at all.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), FilesError> {
        let path = self.path(name);
        let mut bytes = serde_json::to_vec_pretty(value)
            .map_err(|error| FilesError::io("write", &path)(std::io::Error::other(error)))?;
        bytes.push(b'\n');
        self.write(name, &bytes)
    }

    /// Writes a file, whole or not at all.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), FilesError> {
        let path = self.path(name);
        let draft = self.path(&format!(".{name}.draft"));
        let written = fs::write(&draft, bytes).and_then(|()| fs::rename(&draft, &path));
        written.map_err(|cause| {
            let _ = fs::remove_file(&draft);
            FilesError::io("write", &path)(cause)
        })
    }

    /// Reads a JSON file.
    ///
    /// # Errors
    /// If it is not there or not what it should be.
    pub fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<T, FilesError> {
        let path = self.path(name);
        let bytes = fs::read(&path).map_err(FilesError::io("read", &path))?;
        serde_json::from_slice(&bytes).map_err(|cause| FilesError::Line {
            path: path.display().to_string(),
            line: cause.line(),
            cause,
        })
    }

    /// The plan as it was written.
    ///
    /// # Errors
    /// If it is not there or not what it should be.
    pub fn plan(&self) -> Result<PlanDocument, FilesError> {
        self.read_json("plan.json")
    }

    /// The digest of one of its files.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn digest(&self, name: &str) -> Result<FileDigest, FilesError> {
        let path = self.path(name);
        let mut file = fs::File::open(&path).map_err(FilesError::io("read", &path))?;
        let (mut hash, mut bytes, mut buffer) = (Sha256::new(), 0_u64, vec![0; 64 * 1024]);
        loop {
            let read = file.read(&mut buffer).map_err(FilesError::io("read", &path))?;
            if read == 0 {
                break;
            }
            hash.update(&buffer[..read]);
            bytes += read as u64;
        }
        let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(FileDigest { name: name.into(), sha256, bytes })
    }
}

/// Reads a journal of any version of this major. A last line that was torn by a kill is left out.
///
/// # Errors
/// If the file is not there, is of a newer major version, or another line is not what it should be.
pub fn read_events(path: &Path) -> Result<Vec<Event>, FilesError> {
    check_head(path)?;
    read_lines(path)
}

/// Looks at the format before anything else: the lines of a newer major version may have any form.
fn check_head(path: &Path) -> Result<(), FilesError> {
    #[derive(Deserialize)]
    struct Head {
        format: String,
        #[serde(default)]
        tool_version: String,
    }
    let file = fs::File::open(path).map_err(FilesError::io("read", path))?;
    let mut line = Vec::new();
    BufReader::new(file).read_until(b'\n', &mut line).map_err(FilesError::io("read", path))?;
    // A line that says no format is not the head of a journal, which its readers say.
    let Ok(head) = serde_json::from_slice::<Head>(&line) else { return Ok(()) };
    check_journal_format(&head.format, &head.tool_version)
        .map_err(|error| FilesError::Format { path: path.display().to_string(), error })
}

/// Reads a ledger. A last line that was torn by a kill is left out.
///
/// # Errors
/// If the file is not there or another line is not what it should be.
pub fn read_ledger(path: &Path) -> Result<Vec<LedgerLine>, FilesError> {
    read_lines(path)
}

fn read_lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, FilesError> {
    let file = fs::File::open(path).map_err(FilesError::io("read", path))?;
    let mut reader = BufReader::new(file);
    let (mut lines, mut line, mut number) = (Vec::new(), Vec::new(), 0);
    loop {
        line.clear();
        number += 1;
        let read = reader.read_until(b'\n', &mut line).map_err(FilesError::io("read", path))?;
        // A line counts from its line feed on: without it, the writer died in it.
        if read == 0 || line.last() != Some(&b'\n') {
            return Ok(lines);
        }
        let value = serde_json::from_slice(&line).map_err(|cause| FilesError::Line {
            path: path.display().to_string(),
            line: number,
            cause,
        })?;
        lines.push(value);
    }
}
