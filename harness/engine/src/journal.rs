//! The journal's writer: append-only, and on disk before the act that a line announces.
//!
//! A thread of its own writes and syncs, so that no probe waits for a disk. Lines keep the order in which they were
//! handed over. It does not guarantee that a line which was handed over with [`Journal::note`] is on disk at any
//! moment before the next [`Journal::write`].

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::mpsc;

use lifeboat_model::{Event, EventKind};
use thiserror::Error;
use tokio::sync::{broadcast, oneshot};

use crate::Clock;

/// Why a line is not in the journal.
#[derive(Debug, Clone, Error)]
#[error("cannot use the journal {path}: {cause}; nothing is done without it")]
pub struct JournalError {
    path: String,
    cause: String,
}

struct Order {
    kind: EventKind,
    at: time::OffsetDateTime,
    elapsed: lifeboat_model::Elapsed,
    durable: Option<oneshot::Sender<Result<(), JournalError>>>,
}

/// A handle to the journal's writer; all handles write into one file.
#[derive(Debug, Clone)]
pub struct Journal {
    orders: mpsc::Sender<Order>,
    clock: Clock,
    path: String,
    watchers: broadcast::Sender<Event>,
}

impl Journal {
    /// Opens a journal for appending; `next` is the number of its next line.
    ///
    /// It is locked against a second writer as long as this process lives. A last line that a kill tore is cut off first,
    /// so that the next one does not run into it.
    ///
    /// # Errors
    /// If the file cannot be opened, or somebody writes it.
    pub fn open(path: &Path, clock: Clock, next: u64) -> Result<Self, JournalError> {
        let name = path.display().to_string();
        let error = |cause: std::io::Error| JournalError { path: name.clone(), cause: cause.to_string() };
        let file = OpenOptions::new().append(true).create(true).open(path).map_err(error)?;
        lock(&file, &name)?;
        cut_torn_line(path, &file).map_err(error)?;
        if let Some(folder) = path.parent() {
            // The file's name has to outlive a power cut as well.
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(error)?;
        }
        let (orders, queue) = mpsc::channel();
        let (watchers, _) = broadcast::channel(4096);
        let (path, tell) = (name.clone(), watchers.clone());
        std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || write_all(file, &queue, next, &path, &tell))
            .map_err(error)?;
        Ok(Self { orders, clock, path: name, watchers })
    }

    /// Makes sure that nobody writes a journal, for as long as the returned file is kept.
    ///
    /// # Errors
    /// If its run goes on.
    pub fn claim(path: &Path) -> Result<File, JournalError> {
        let name = path.display().to_string();
        let file = File::open(path)
            .map_err(|cause| JournalError { path: name.clone(), cause: cause.to_string() })?;
        lock(&file, &name)?;
        Ok(file)
    }

    /// Writes a line and waits until it is on disk. It has its place in the journal from the call on, before the first
    /// wait.
    ///
    /// # Errors
    /// If it could not be written, or any line before it could not.
    pub fn write(&self, kind: EventKind) -> impl Future<Output = Result<(), JournalError>> + Send + use<> {
        let (durable, done) = oneshot::channel();
        self.send(kind, Some(durable));
        let path = self.path.clone();
        async move {
            done.await.unwrap_or_else(|_| Err(JournalError { path, cause: "its writer has ended".into() }))
        }
    }

    /// Writes a line without waiting for the disk. It is stamped with the time of the call.
    pub fn note(&self, kind: EventKind) {
        self.send(kind, None);
    }

    /// The events from now on, as they are written.
    pub fn watch(&self) -> broadcast::Receiver<Event> {
        self.watchers.subscribe()
    }

    fn send(&self, kind: EventKind, durable: Option<oneshot::Sender<Result<(), JournalError>>>) {
        let order = Order { kind, at: self.clock.wall(), elapsed: self.clock.now(), durable };
        // A writer that is gone has dropped the receiver of `durable` as well, which `write` reports.
        let _ = self.orders.send(order);
    }
}

fn cut_torn_line(path: &Path, file: &File) -> std::io::Result<()> {
    let whole = std::fs::read(path)?;
    let end = whole.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    if end < whole.len() { file.set_len(end as u64) } else { Ok(()) }
}

fn lock(file: &File, name: &str) -> Result<(), JournalError> {
    let cause = match file.try_lock() {
        Ok(()) => return Ok(()),
        Err(std::fs::TryLockError::WouldBlock) => {
            "another lifeboat is writing it: its run goes on".to_owned()
        }
        Err(std::fs::TryLockError::Error(error)) => error.to_string(),
    };
    Err(JournalError { path: name.into(), cause })
}

fn write_all(
    mut file: File,
    queue: &mpsc::Receiver<Order>,
    mut next: u64,
    path: &str,
    watchers: &broadcast::Sender<Event>,
) {
    // Once a line is lost, no later one may be called written: the journal would have a hole.
    let mut broken: Option<JournalError> = None;
    while let Ok(order) = queue.recv() {
        let event = Event { seq: next, at: order.at, elapsed: order.elapsed, kind: order.kind };
        next += 1;
        if broken.is_none() {
            let written = append(&mut file, &event, order.durable.is_some());
            broken = written.err().map(|cause| JournalError { path: path.into(), cause: cause.to_string() });
        }
        let _ = watchers.send(event);
        if let Some(durable) = order.durable {
            let _ = durable.send(broken.clone().map_or(Ok(()), Err));
        }
    }
}

/// Writes a line. One that may not be on disk is taken out again, as far as the file lets it: nobody is to read what did not
/// happen for whoever waited for it.
fn append(file: &mut File, event: &Event, sync: bool) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(event)?;
    line.push(b'\n');
    let before = file.metadata()?.len();
    let written = file.write_all(&line).and_then(|()| if sync { file.sync_data() } else { Ok(()) });
    if written.is_err() {
        let _ = file.set_len(before);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_events;

    fn marked(mark: &str) -> EventKind {
        EventKind::Marked { drill: "d".into(), mark: mark.into() }
    }

    #[tokio::test]
    async fn a_torn_last_line_does_not_spoil_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("undo.jsonl");
        Journal::open(&path, Clock::start(), 1).unwrap().write(marked("first")).await.unwrap();
        let mut torn = std::fs::read(&path).unwrap();
        torn.extend(b"{\"seq\":2,\"at\":\"20");
        std::fs::write(&path, torn).unwrap();
        let journal = wait_for_lock(&path).await;
        journal.write(marked("second")).await.unwrap();
        let kinds: Vec<EventKind> = read_events(&path).unwrap().into_iter().map(|event| event.kind).collect();
        assert_eq!(kinds, [marked("first"), marked("second")]);
    }

    /// The first journal's writer lets go of its lock when its thread has ended.
    async fn wait_for_lock(path: &Path) -> Journal {
        let every = std::time::Duration::from_millis(5);
        let limit = std::time::Duration::from_secs(5);
        crate::wait_for("the lock", every, limit, || async { Journal::open(path, Clock::start(), 2) })
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn two_cannot_write_one_journal() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.jsonl");
        let first = Journal::open(&path, Clock::start(), 1).unwrap();
        first.write(marked("one")).await.unwrap();
        let error = Journal::claim(&path).unwrap_err().to_string();
        assert!(error.contains("its run goes on"), "{error}");
    }
}
