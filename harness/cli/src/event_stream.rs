//! The event stream of `run --json`: the journal's lines on standard output as they come to be in the file, between a line
//! with the version and one with the verdict.
//!
//! A thread of its own writes them: a reader that does not read holds up nothing of the run, which only waits for it at its
//! very end, and no longer than until a signal. What such a reader misses meanwhile is in the journal's file, and comes from
//! there. Where standard output cannot be written, as on a full disk, the stream ends and the run goes on.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;
use std::sync::mpsc;

use lifeboat_engine::Journal;
use lifeboat_model::{EVENTS_SCHEMA, ExitCode, RunJudged, RunRecord, StreamHead};
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinHandle;

use crate::failure::Failure;
use crate::print::{self, errln};
use crate::signals::Hurry;

/// The stream of one run.
#[derive(Default)]
pub struct EventStream {
    under_way: Option<UnderWay>,
    judged: Option<RunJudged>,
}

struct UnderWay {
    /// Says how far the journal has come.
    looks: JoinHandle<()>,
    /// Writes so far.
    writes: JoinHandle<bool>,
}

impl EventStream {
    /// Begins it with its first line.
    pub fn begin(&mut self, journal: &Journal, path: &Path) -> Result<(), Failure> {
        let file = File::open(path)
            .map_err(|error| Failure::internal(format!("cannot read {}: {error}", path.display())))?;
        let mut events = journal.watch();
        let (come, far) = mpsc::channel();
        let looks = tokio::spawn(async move {
            loop {
                match events.recv().await {
                    Ok(event) if come.send(event.seq).is_ok() => {}
                    // The next one says how far it has come by then.
                    Err(RecvError::Lagged(_)) => {}
                    Ok(_) | Err(RecvError::Closed) => break,
                }
            }
        });
        let writes = tokio::task::spawn_blocking(move || went_well(write(file, &far)));
        self.under_way = Some(UnderWay { looks, writes });
        Ok(())
    }

    /// What the run came to; from here on the stream has a last line.
    pub fn judged(&mut self, record: &RunRecord, dir: &Path) {
        self.judged = Some(RunJudged::of(record, dir.display().to_string()));
    }

    /// Ends it, once nothing more is written to the journal, with its last line: `code` is what the command leaves with. Gives
    /// whether all of it was written.
    pub async fn end(self, code: ExitCode, hurry: &Hurry) -> bool {
        let Some(UnderWay { looks, writes }) = self.under_way else { return true };
        looks.abort();
        let last = self.judged.map(|judged| RunJudged { exit_code: code.into(), ..judged });
        let ending = async {
            let written = writes.await.unwrap_or(false);
            // It may have to wait for its reader like the others.
            let last = move || last.is_none_or(|last| went_well(line(&last)));
            written && tokio::task::spawn_blocking(last).await.unwrap_or(false)
        };
        let Some(written) = hurry.soon_after(ending).await else {
            errln!(
                "lifeboat: a signal ended it: not all of the event stream was read; the journal has what is missing"
            );
            return false;
        };
        written
    }
}

/// Writes the lines of a journal up to each number that comes, and at the end what is left.
fn write(file: File, far: &mpsc::Receiver<u64>) -> io::Result<()> {
    line(&StreamHead { schema: EVENTS_SCHEMA.into(), tool_version: env!("CARGO_PKG_VERSION").into() })?;
    let mut lines = Lines { file: BufReader::new(file), begun: Vec::new() };
    let mut written = 0;
    while let Ok(seq) = far.recv() {
        // No further: one that is not on disk yet may be taken out again.
        while written < seq && lines.next()? {
            written += 1;
        }
    }
    while lines.next()? {}
    Ok(())
}

/// Whether it was written; the first error ends the stream and is said.
fn went_well(written: io::Result<()>) -> bool {
    if let Err(error) = &written {
        errln!(
            "lifeboat: the event stream ends here: standard output cannot be written: {error}; the run does not hang on it, and \
             its journal has what is missing"
        );
    }
    written.is_ok()
}

/// The whole lines of a file that is still written.
struct Lines {
    file: BufReader<File>,
    /// What of a line was there when it was last looked at.
    begun: Vec<u8>,
}

impl Lines {
    /// Writes the next line, if it is whole.
    fn next(&mut self) -> io::Result<bool> {
        match self.file.read_until(b'\n', &mut self.begun) {
            Ok(_) if self.begun.ends_with(b"\n") => {
                print::json(String::from_utf8_lossy(&self.begun).trim_end())?;
                self.begun.clear();
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}

fn line(value: &impl Serialize) -> io::Result<()> {
    print::json(&serde_json::to_string(value)?)
}
