//! The history of runs, wherever it is.

use std::path::PathBuf;

use lifeboat_model::HistoryLine;
use lifeboat_reports::Link;

use crate::failure::Failure;
use crate::history_bucket::{BucketHistory, ReadHistory};
use crate::history_file::{self, HeldFile};
use crate::history_place::HistoryPlace;
use crate::stores::Stores;

/// A history.
pub enum History {
    /// A file, which need not be there yet.
    File(PathBuf),
    /// In a bucket.
    Bucket(Box<BucketHistory>),
}

/// A history that was read to add a line to it.
pub enum Held<'a> {
    /// Nobody else adds to it meanwhile.
    File(HeldFile),
    /// Others may add to it meanwhile.
    Bucket(ReadHistory<'a>),
}

impl History {
    /// The one there; nothing of it is read yet.
    pub async fn open(place: &HistoryPlace, stores: &Stores) -> Self {
        match place {
            HistoryPlace::File(path) => Self::File(path.clone()),
            HistoryPlace::Bucket(place) => Self::Bucket(Box::new(BucketHistory::open(stores, place).await)),
        }
    }

    /// What is in it, the oldest first.
    ///
    /// # Errors
    /// If it cannot be read or is not of this tool.
    pub async fn read(&self) -> Result<Vec<HistoryLine>, Failure> {
        match self {
            Self::File(path) => history_file::read(path),
            Self::Bucket(history) => history.read().await,
        }
    }

    /// What is in it by now, for a run that will be added: one that is not there yet is made then.
    ///
    /// # Errors
    /// As [`History::read`].
    pub async fn so_far(&self) -> Result<Vec<HistoryLine>, Failure> {
        match self {
            Self::File(path) if !path.exists() => Ok(Vec::new()),
            _ => self.read().await,
        }
    }

    /// Reads it, to add a line to it.
    ///
    /// # Errors
    /// If it cannot be had or is not of this tool.
    pub async fn hold(&self) -> Result<Held<'_>, Failure> {
        match self {
            Self::File(path) => HeldFile::hold(path).await.map(Held::File),
            Self::Bucket(history) => history.hold().await.map(Held::Bucket),
        }
    }
}

impl Held<'_> {
    fn lines(&self) -> &[HistoryLine] {
        match self {
            Self::File(held) => &held.lines,
            Self::Bucket(read) => &read.lines,
        }
    }

    /// The line of a run that is in it, and the last signed statement before that.
    pub fn own(&self, run_id: &str) -> Option<(&HistoryLine, Option<Link>)> {
        let lines = self.lines();
        let place = lines.iter().position(|line| line.run_id == run_id)?;
        Some((&lines[place], last_statement(&lines[..place])))
    }

    /// Whether a run with this statement is in it.
    pub fn names(&self, link: &Link) -> bool {
        self.lines()
            .iter()
            .any(|line| line.run_id == link.run_id && line.statement_sha256.as_ref() == Some(&link.sha256))
    }

    /// The last signed statement in it.
    pub fn last_statement(&self) -> Option<Link> {
        last_statement(self.lines())
    }

    /// Adds a line. Where another was added meanwhile, it is not added, and the history is given as it is now.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn add(self, line: &HistoryLine) -> Result<Option<Self>, Failure> {
        match self {
            Self::File(held) => held.add(line).map(|()| None),
            Self::Bucket(read) => Ok(read.add(line).await?.map(Self::Bucket)),
        }
    }
}

fn last_statement(lines: &[HistoryLine]) -> Option<Link> {
    lines.iter().rev().find_map(|line| {
        let sha256 = line.statement_sha256.clone()?;
        Some(Link { run_id: line.run_id.clone(), sha256 })
    })
}
