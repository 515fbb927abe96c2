//! Ctrl-C and SIGTERM: the first unwinds, the second stops there.

use lifeboat_engine::Journal;
use lifeboat_model::EventKind;
use tokio::signal::unix::{SignalKind, signal};
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

/// Unwinds the run at the first signal, and ends the process at the second.
pub fn unwind_on_signal(
    mut signals: Signals,
    cancel: CancellationToken,
    journal: Journal,
    dir: std::path::PathBuf,
) {
    tokio::spawn(async move {
        let by = signals.next().await;
        errln!(
            "lifeboat: {by}: taking back what was done; a second one stops here, and then `lifeboat undo {}` finishes it",
            dir.display()
        );
        journal.note(EventKind::Interrupted { by: by.into() });
        cancel.cancel();
        let by = signals.next().await;
        errln!("lifeboat: {by} again: stopped; to finish: lifeboat undo {}", dir.display());
        std::process::exit(i32::from(u8::from(lifeboat_model::ExitCode::Interrupted)));
    });
}
