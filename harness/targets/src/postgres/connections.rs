//! The held connections of a stream, one for each slot.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{PgError, Server, Session};

/// The held connections of a stream. One is taken out for an attempt and put back only after an acknowledgement, so
/// that a failed or dropped attempt leaves the slot empty and the next one opens another.
#[derive(Clone)]
pub struct Connections {
    server: Server,
    application_name: String,
    limit: Duration,
    slots: Arc<Vec<Mutex<Option<Session>>>>,
}

impl Connections {
    /// Empty slots.
    pub fn new(server: Server, application_name: String, slots: u32, limit: Duration) -> Self {
        let slots = (0..slots).map(|_| Mutex::new(None)).collect();
        Self { server, application_name, limit, slots: Arc::new(slots) }
    }

    /// Takes the slot's connection, or opens one.
    ///
    /// # Errors
    /// [`PgError`] of the new connection.
    pub async fn take(&self, slot: u32) -> Result<Session, PgError> {
        let held = self.slots[slot as usize].lock().unwrap_or_else(PoisonError::into_inner).take();
        match held {
            Some(session) => Ok(session),
            None => self.server.connect(&self.application_name, self.limit).await,
        }
    }

    /// Puts a connection that answered back.
    pub fn put(&self, slot: u32, session: Session) {
        *self.slots[slot as usize].lock().unwrap_or_else(PoisonError::into_inner) = Some(session);
    }

    /// The server.
    pub fn server(&self) -> &Server {
        &self.server
    }
}
