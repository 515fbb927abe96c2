//! The history of runs in an S3 bucket, which knows no adding to an object: one object a run, numbered without a gap from 1 on.
//!
//! Of two runs that end at once and take the same number, S3 lets one have it; the other reads what was added and takes the
//! next, with a statement that names the one before. So the objects are one chain, in the order of their numbers. Whoever may
//! delete objects can cut off the last ones unnoticed, as with a file.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use lifeboat_model::HistoryLine;
use lifeboat_reports::clean_line;
use lifeboat_targets::{Bucket, StoreError};

use crate::failure::Failure;
use crate::history_file::parse;
use crate::history_place::BucketPlace;
use crate::stores::Stores;

/// So many objects are read at once.
const AT_ONCE: usize = 32;

/// A history in a bucket.
pub struct BucketHistory {
    bucket: Bucket,
    place: BucketPlace,
}

/// One that was read, to add a line to it.
pub struct ReadHistory<'a> {
    history: &'a BucketHistory,
    /// All of its lines.
    pub lines: Vec<HistoryLine>,
}

impl BucketHistory {
    /// The one there; nothing of it is read yet.
    pub async fn open(stores: &Stores, place: &BucketPlace) -> Self {
        Self { bucket: stores.bucket(&place.bucket).await, place: place.clone() }
    }

    /// What is in it, the oldest first.
    ///
    /// # Errors
    /// If it cannot be read, an object of it is missing, or one is not of this tool.
    pub async fn read(&self) -> Result<Vec<HistoryLine>, Failure> {
        self.lines_after(0).await
    }

    /// Reads it, to add a line.
    ///
    /// # Errors
    /// As [`BucketHistory::read`].
    pub async fn hold(&self) -> Result<ReadHistory<'_>, Failure> {
        Ok(ReadHistory { history: self, lines: self.read().await? })
    }

    async fn lines_after(&self, last: usize) -> Result<Vec<HistoryLine>, Failure> {
        let after = (last > 0).then(|| self.key(last));
        let keys = self.bucket.keys(&self.place.prefix, after.as_deref()).await;
        let keys = keys.map_err(|error| self.cannot("read", &error))?;
        // The folder itself, as the console of AWS makes one.
        let keys = keys.into_iter().filter(|key| *key != self.place.prefix);
        let keys: Vec<String> = keys
            .zip(last + 1..)
            .map(|(key, number)| self.expect(&key, number).map(|()| key))
            .collect::<Result<_, _>>()?;
        let reading = stream::iter(keys.into_iter().map(|key| self.line(key)));
        reading.buffered(AT_ONCE).try_collect().await
    }

    /// The key of the object of this number.
    fn key(&self, number: usize) -> String {
        format!("{}{number:08}.json", self.place.prefix)
    }

    /// Refuses another key than that of this number.
    fn expect(&self, key: &str, number: usize) -> Result<(), Failure> {
        let wanted = self.key(number);
        if *key == wanted {
            return Ok(());
        }
        let name = key.strip_prefix(&self.place.prefix).and_then(|rest| rest.strip_suffix(".json"));
        let numbered = name.is_some_and(|name| name.len() == 8 && name.bytes().all(|b| b.is_ascii_digit()));
        let bucket = &self.place.bucket;
        Err(Failure::usage(if numbered {
            format!(
                "the history {} has no s3://{bucket}/{wanted}, and later ones: it was taken out; put it back, or give another \
                 prefix",
                self.place
            )
        } else {
            format!(
                "the history {} holds s3://{bucket}/{}, which is not of lifeboat; move it away, or give another prefix",
                self.place,
                clean_line(key)
            )
        }))
    }

    async fn line(&self, key: String) -> Result<HistoryLine, Failure> {
        let bytes = self.bucket.read(&key).await.map_err(|error| self.cannot("read", &error))?;
        let name = format!("s3://{}/{key}", self.place.bucket);
        let mut lines = parse(&bytes, &name)?;
        match (lines.pop(), lines.is_empty()) {
            (Some(line), true) => Ok(line),
            _ => Err(Failure::usage(format!(
                "{name}: it has not one line; the object was changed or is not of this tool"
            ))),
        }
    }

    fn cannot(&self, act: &str, error: &StoreError) -> Failure {
        let message = format!("cannot {act} the history {}: {error}", self.place);
        if error.is_passing() { Failure::not_run(message) } else { Failure::usage(message) }
    }
}

impl ReadHistory<'_> {
    /// Adds a line. Where another was added meanwhile, it is not added, and the history is given as it is now.
    ///
    /// # Errors
    /// If it cannot be written, or what was added not be read.
    pub async fn add(mut self, line: &HistoryLine) -> Result<Option<Self>, Failure> {
        let Self { history, lines } = &mut self;
        let mut text = serde_json::to_vec(line).map_err(Failure::internal)?;
        text.push(b'\n');
        let put = history.bucket.put_new(&history.key(lines.len() + 1), &text).await;
        if put.map_err(|error| history.cannot("add to", &error))? {
            return Ok(None);
        }
        lines.extend(history.lines_after(lines.len()).await?);
        Ok(Some(self))
    }
}
