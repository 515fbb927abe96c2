//! The held connections of a stream, at most one for each slot.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{PgError, Server, Session};

/// How long a server gets to end a session that was given up.
const GIVE_UP_LIMIT: Duration = Duration::from_secs(1);

/// The held connections of a stream. One is taken out for an attempt and put back only after an acknowledgement, so
/// that a failed or dropped attempt leaves the slot empty and the next one opens another.
#[derive(Clone)]
pub struct Connections {
    server: Server,
    application_name: String,
    limit: Duration,
    slots: Arc<Vec<Slot>>,
}

#[derive(Default)]
struct Slot {
    held: Mutex<Option<Session>>,
    /// A session that was given up and has not ended yet. Until then the slot opens no other, so that a server that
    /// hangs in a statement does not collect sessions.
    lingers: AtomicBool,
}

/// A session that is in use. If this is dropped before it was put back or ended, as at a deadline, the session is given
/// up.
pub struct InUse {
    session: Option<Session>,
    connections: Connections,
    slot: u32,
}

impl Connections {
    /// Empty slots.
    pub fn new(server: Server, application_name: String, slots: u32, limit: Duration) -> Self {
        let slots = (0..slots).map(|_| Slot::default()).collect();
        Self { server, application_name, limit, slots: Arc::new(slots) }
    }

    /// Whether a slot may make an attempt.
    pub fn is_ready(&self, slot: u32) -> bool {
        !self.slots[slot as usize].lingers.load(Ordering::Acquire)
    }

    /// Takes the slot's connection, or opens one.
    ///
    /// # Errors
    /// [`PgError`] of the new connection.
    pub async fn take(&self, slot: u32) -> Result<InUse, PgError> {
        let held = self.slots[slot as usize].held.lock().unwrap_or_else(PoisonError::into_inner).take();
        let session = match held {
            Some(session) => session,
            None => self.server.connect(&self.application_name, self.limit).await?,
        };
        Ok(InUse { session: Some(session), connections: self.clone(), slot })
    }
}

impl InUse {
    /// The session, for as long as it was neither put back nor ended.
    pub fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// Keeps the session for the slot's next attempt: it has answered.
    pub fn put_back(mut self) {
        let slot = &self.connections.slots[self.slot as usize];
        *slot.held.lock().unwrap_or_else(PoisonError::into_inner) = self.session.take();
    }

    /// Drops the session: it has answered with an error, or is closed.
    pub fn end(mut self) {
        self.session = None;
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        let Some(session) = self.session.take() else { return };
        let (connections, slot) = (self.connections.clone(), self.slot as usize);
        connections.slots[slot].lingers.store(true, Ordering::Release);
        tokio::spawn(async move {
            session.give_up(GIVE_UP_LIMIT).await;
            connections.slots[slot].lingers.store(false, Ordering::Release);
        });
    }
}
