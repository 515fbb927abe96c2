//! What a step is given to work with.

use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};

use lifeboat_model::{
    Elapsed, EventKind, LedgerLine, Made, PendingUndo, ReadBack, TargetIdentity, UndoAction, UndoEnd,
};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::{Clock, Journal, Ledger, Probes, StepError};

/// What a step is given to work with: the run's clock, its journal and ledger, and the drill's probes.
#[derive(Clone)]
pub struct Context {
    pub(crate) drill: String,
    pub(crate) clock: Clock,
    pub(crate) journal: Journal,
    pub(crate) ledger: Ledger,
    pub(crate) probes: Probes,
    pub(crate) cancel: CancellationToken,
    /// What is to be taken back at the end, in the order in which it was planned, that of the running step included.
    pub(crate) undos: Arc<Mutex<Vec<PendingUndo>>>,
}

impl Context {
    /// The run's monotonic time.
    pub fn now(&self) -> Elapsed {
        self.clock.now()
    }

    /// The drill's probes and other tasks, which the engine stops before it takes anything back.
    pub fn probes(&self) -> &Probes {
        &self.probes
    }

    /// Fires when the drill has to end.
    pub fn cancelled(&self) -> CancellationToken {
        self.cancel.clone()
    }

    /// Marks this moment for the measurements.
    pub fn mark(&self, mark: &str) {
        self.journal.note(EventKind::Marked { drill: self.drill.clone(), mark: mark.into() });
    }

    /// Keeps something that was seen; a later value of the same name replaces it.
    pub fn observe(&self, name: &str, value: impl Serialize) {
        let value = serde_json::to_value(value)
            .unwrap_or_else(|error| serde_json::Value::String(format!("cannot be written: {error}")));
        self.journal.note(EventKind::Observed { drill: self.drill.clone(), name: name.into(), value });
    }

    /// Keeps what was read back of one writer.
    pub fn read_back(&self, rows: ReadBack) {
        self.ledger.add(LedgerLine::ReadBack { drill: self.drill.clone(), rows });
    }

    /// Waits until the ledger is on disk up to here, so that what a step says of it holds in the record of a run that is
    /// killed after.
    ///
    /// # Errors
    /// If the ledger cannot be written.
    pub async fn save_ledger(&self) -> Result<(), StepError> {
        let saved = self.ledger.finish().await;
        saved.map(drop).map_err(|error| StepError::Indeterminate(format!("cannot write the ledger: {error}")))
    }

    /// Journals what the target is, on disk before anything is done to it.
    ///
    /// # Errors
    /// If the journal cannot be written.
    pub async fn identified(&self, identity: TargetIdentity) -> Result<(), StepError> {
        let kind = EventKind::TargetIdentified { drill: self.drill.clone(), identity };
        self.journal.write(kind).await.map_err(StepError::failed)
    }

    /// Keeps on purpose what these actions would take back: they are journalled as not needed and will not run.
    ///
    /// # Errors
    /// If the journal cannot be written; they run then.
    pub async fn keep(&self, which: impl Fn(&UndoAction) -> bool, why: &str) -> Result<(), StepError> {
        let kept: Vec<PendingUndo> = {
            let mut undos = self.undos.lock().unwrap_or_else(PoisonError::into_inner);
            undos.extract_if(.., |pending| which(&pending.action)).collect()
        };
        for pending in kept {
            let (drill, undo) = (pending.drill.clone(), pending.undo);
            let (outcome, message) = (UndoEnd::NotNeeded, Some(why.to_owned()));
            let written = self.journal.write(EventKind::UndoEnded { drill, undo, outcome, message }).await;
            if let Err(error) = written {
                self.undos.lock().unwrap_or_else(PoisonError::into_inner).push(pending);
                return Err(StepError::indeterminate(error));
            }
        }
        Ok(())
    }

    /// Journals what an act made, on disk before this returns: the undo of that act, the last of those asked for, works on
    /// that alone from here on. It may be this step's own.
    ///
    /// # Errors
    /// If the journal cannot be written, or no such undo is planned; what was made is there all the same.
    pub async fn bind(&self, which: impl Fn(&UndoAction) -> bool, made: Made) -> Result<(), StepError> {
        let bound = {
            let mut undos = self.undos.lock().unwrap_or_else(PoisonError::into_inner);
            let planned = undos.iter_mut().rev().find(|pending| which(&pending.action));
            planned.map(|pending| {
                pending.made = Some(made.clone());
                (pending.drill.clone(), pending.undo)
            })
        };
        let Some((drill, undo)) = bound else {
            return Err(StepError::Indeterminate(format!("nothing is planned that takes {} back", made.id)));
        };
        let line = EventKind::UndoBound { drill, undo, made };
        self.journal.write(line).await.map_err(StepError::indeterminate)
    }

    /// Journals something that was created in the world.
    ///
    /// # Errors
    /// If the journal cannot be written; the thing exists all the same.
    pub async fn created(&self, what: &str, id: impl Display) -> Result<(), StepError> {
        let kind = EventKind::Created { drill: self.drill.clone(), what: what.into(), id: id.to_string() };
        self.journal.write(kind).await.map_err(StepError::indeterminate)
    }
}
