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
    Finish(oneshot::Sender<std::io::Result<()>>),
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
        let file = BufWriter::new(File::create_new(path)?);
        let (orders, queue) = mpsc::channel();
        std::thread::Builder::new().name("ledger".into()).spawn(move || write_all(file, &queue))?;
        Ok(Self { orders })
    }

    /// Adds a line.
    pub fn add(&self, line: LedgerLine) {
        // A writer that is gone is reported by `finish`.
        let _ = self.orders.send(Order::Line(line));
    }

    /// Waits until every line that was added is on disk.
    ///
    /// # Errors
    /// The first error of any write.
    pub async fn finish(&self) -> std::io::Result<()> {
        let (done, wait) = oneshot::channel();
        let _ = self.orders.send(Order::Finish(done));
        wait.await.unwrap_or_else(|_| Err(std::io::Error::other("the ledger's writer has ended")))
    }
}

fn write_all(mut file: BufWriter<File>, queue: &mpsc::Receiver<Order>) {
    let mut broken: Option<std::io::Error> = None;
    while let Ok(order) = queue.recv() {
        match order {
            Order::Line(line) => {
                if broken.is_none() {
                    broken = append(&mut file, &line).err();
                }
            }
            Order::Finish(done) => {
                let flushed = match broken.take() {
                    Some(error) => Err(error),
                    None => file.flush().and_then(|()| file.get_ref().sync_data()),
                };
                let _ = done.send(flushed);
            }
        }
    }
}

fn append(file: &mut BufWriter<File>, line: &LedgerLine) -> std::io::Result<()> {
    serde_json::to_writer(&mut *file, line)?;
    file.write_all(b"\n")
}
