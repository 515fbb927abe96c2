//! Ctrl-C and SIGTERM: the first unwinds, the second stops there. After the run's end the first cuts short what still
//! follows, and the second stops there as well.

use std::path::{Path, PathBuf};
use std::time::Duration;

use lifeboat_engine::{Journal, read_events};
use lifeboat_model::{EventKind, ExitCode, pending_undos};
use lifeboat_reports::clean_line;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::failure::Failure;
use crate::print::errln;

/// The next Ctrl-C or SIGTERM, by its name.
pub struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    /// Takes both over from here on.
    pub fn take() -> Result<Self, Failure> {
        let take =
            |kind| signal(kind).map_err(|error| Failure::internal(format!("cannot watch signals: {error}")));
        Ok(Self { interrupt: take(SignalKind::interrupt())?, terminate: take(SignalKind::terminate())? })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "Ctrl-C",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}

/// How long the line about the first signal may take to be on disk before what is pending is read without it.
const SYNCING: Duration = Duration::from_secs(1);

/// How long the journal may then take to be read before the first words come without what is pending: they have to come
/// within two seconds, whatever the disk does.
const READING: Duration = Duration::from_millis(500);

/// How long it may take at the second signal, which waits for nothing else.
const LAST_READING: Duration = Duration::from_millis(1_500);

/// Unwinds the run at the first signal, and ends the process at the second. Both times it says what is still to be taken
/// back, and what finishes that. The returned task is aborted once the run has ended: what comes later is not part of it.
pub fn unwind_on_signal(
    mut signals: Signals,
    cancel: CancellationToken,
    journal: Journal,
    dir: PathBuf,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let by = signals.next().await;
        // Handed over before the drills are told: what ends them has to stand before their ends.
        let written = journal.write(EventKind::Interrupted { by: by.into() });
        cancel.cancel();
        let finishes = dir.display();
        // Beside the words, which must not keep a second signal from being seen.
        let words = async {
            let _ = timeout(SYNCING, written).await;
            let reading = pending(&dir);
            tokio::pin!(reading);
            let what = timeout(READING, &mut reading).await;
            errln!(
                "lifeboat: {by}: taking back what was done{}\nlifeboat: a second one stops there; if this is cut off, \
                 `lifeboat undo {finishes}` finishes it",
                what.as_deref().unwrap_or("; the disk is slow to say what that is")
            );
            if what.is_err() {
                errln!("lifeboat: {by}: what was done{}", reading.await);
            }
            std::future::pending::<()>().await;
        };
        let by = tokio::select! {
            by = signals.next() => by,
            () = words => return,
        };
        let left = timeout(LAST_READING, pending(&dir)).await;
        let left =
            left.unwrap_or_else(|_| "; what that leaves cannot be read: the disk does not answer".into());
        errln!("lifeboat: {by} again: stopped{left}\nlifeboat: to finish: lifeboat undo {finishes}");
        std::process::exit(i32::from(u8::from(ExitCode::Interrupted)));
    })
}

/// What a signal leaves to each thing that follows a run's end: what is as good as done is not lost.
const HURRIED: Duration = Duration::from_secs(2);

/// What follows a run's end, to the process's own: notices, signature, history, a reader of the event stream. The first signal
/// cuts it short, the second ends the process.
#[derive(Default)]
pub struct Hurry(CancellationToken);

impl Hurry {
    /// Watches for signals from the run's end on; `dir` is the folder of its files.
    pub fn watch(&self, mut signals: Signals, dir: PathBuf) {
        let hurry = self.0.clone();
        tokio::spawn(async move {
            let by = signals.next().await;
            hurry.cancel();
            errln!(
                "lifeboat: {by}: the run has ended, and what follows it is cut short; a second one stops there"
            );
            let by = signals.next().await;
            errln!(
                "lifeboat: {by} again: stopped; what the run made may be incomplete, and `lifeboat judge {}` says what it \
                 came to",
                dir.display()
            );
            std::process::exit(i32::from(u8::from(ExitCode::Interrupted)));
        });
    }

    /// Until a signal comes; nothing then.
    pub async fn until<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.0.run_until_cancelled(work).await
    }

    /// The same, with moments more after the signal.
    pub async fn soon_after<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::pin!(work);
        match self.until(&mut work).await {
            Some(done) => Some(done),
            None => timeout(HURRIED, work).await.ok(),
        }
    }
}

/// What the journal of a run that goes on says is to be taken back, the end of a sentence and a line for each.
async fn pending(dir: &Path) -> String {
    let path = dir.join("journal.jsonl");
    let reading = tokio::task::spawn_blocking(move || read_events(&path));
    let events = match reading.await {
        Ok(Ok(events)) => events,
        Ok(Err(error)) => return format!("; what that is cannot be read: {error}"),
        Err(_) => return "; what that is cannot be read".into(),
    };
    match pending_undos(&events) {
        undos if undos.is_empty() => "; nothing is pending".into(),
        undos => undos.iter().fold(", still pending:".into(), |text, undo| {
            format!("{text}\n  {}: {}", clean_line(&undo.drill), clean_line(&undo.action.describe()))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_as_good_as_done_is_not_lost_and_what_hangs_is_not_waited_for() {
        let hurry = Hurry::default();
        assert_eq!(hurry.soon_after(std::future::ready(1)).await, Some(1));
        hurry.0.cancel();
        assert_eq!(hurry.until(std::future::ready(2)).await, None);
        assert_eq!(hurry.soon_after(std::future::ready(3)).await, Some(3));
        let began = std::time::Instant::now();
        assert_eq!(hurry.soon_after(std::future::pending::<()>()).await, None);
        assert!(began.elapsed() >= HURRIED);
    }
}
