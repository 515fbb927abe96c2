//! The ledger's writer: every attempt, buffered.
//!
//! It does not guarantee that a line is on disk before [`Ledger::finish`]: after a kill, attempts are missing at its
//! end. That is why it is evidence of what was measured and not what undo relies on.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::mpsc;

use lifeboat_model::LedgerLine;
use tokio::sync::oneshot;

enum Order {
    Line(LedgerLine),
    Finish(oneshot::Sender<std::io::Result<u64>>),
}

/// A handle to the ledger's writer; all handles write into one file.
#[derive(Debug, Clone)]
pub struct Ledger {
    orders: mpsc::Sender<Order>,
}

impl Ledger {
    /// Creates the ledger's file.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn create(path: &Path) -> std::io::Result<Self> {
        Self::on(File::create_new(path)?)
    }

    fn on(file: File) -> std::io::Result<Self> {
        let file = BufWriter::new(file);
        let (orders, queue) = mpsc::channel();
        std::thread::Builder::new().name("ledger".into()).spawn(move || write_all(file, &queue))?;
        Ok(Self { orders })
    }

    /// Adds a line.
    pub fn add(&self, line: LedgerLine) {
        // A writer that is gone is reported by `finish`.
        let _ = self.orders.send(Order::Line(line));
    }

    /// Waits until every line that was added is on disk; how many there are. More may be added after.
    ///
    /// # Errors
    /// The first error of any write.
    pub async fn finish(&self) -> std::io::Result<u64> {
        let (done, wait) = oneshot::channel();
        let _ = self.orders.send(Order::Finish(done));
        wait.await.unwrap_or_else(|_| Err(std::io::Error::other("the ledger's writer has ended")))
    }
}

fn write_all(mut file: BufWriter<File>, queue: &mpsc::Receiver<Order>) {
    let mut broken: Option<std::io::Error> = None;
    let mut lines = 0;
    while let Ok(order) = queue.recv() {
        match order {
            Order::Line(line) => {
                if broken.is_none() {
                    broken = append(&mut file, &line).err();
                    lines += 1;
                }
            }
            Order::Finish(done) => {
                if broken.is_none() {
                    broken = file.flush().and_then(|()| file.get_ref().sync_data()).err();
                }
                // Kept: once a line is lost, no later one may be called written.
                let error = broken.as_ref().map(|error| std::io::Error::new(error.kind(), error.to_string()));
                let _ = done.send(error.map_or(Ok(lines), Err));
            }
        }
    }
}

fn append(file: &mut BufWriter<File>, line: &LedgerLine) -> std::io::Result<()> {
    serde_json::to_writer(&mut *file, line)?;
    file.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(seq: u64) -> LedgerLine {
        let stream = lifeboat_model::Stream::Write;
        LedgerLine::Skipped { drill: "d".into(), stream, at: lifeboat_model::Elapsed(seq) }
    }

    #[tokio::test]
    async fn what_was_saved_is_on_disk_and_more_can_follow() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.jsonl");
        let ledger = Ledger::create(&path).unwrap();
        let lines = || std::fs::read_to_string(&path).unwrap().lines().count();
        for count in [1, 2] {
            ledger.add(line(count));
            assert_eq!(ledger.finish().await.unwrap(), count);
            assert_eq!(lines(), usize::try_from(count).unwrap());
        }
    }

    #[tokio::test]
    async fn an_error_stays() {
        let ledger = Ledger::on(File::create("/dev/full").unwrap()).unwrap();
        for _ in 0..2 {
            ledger.add(line(1));
            assert!(ledger.finish().await.is_err());
        }
    }
}
