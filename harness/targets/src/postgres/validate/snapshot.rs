//! One snapshot of a server, seen by several sessions.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::{Side, pin_settings};
use crate::postgres::{PgError, Server, Session};

/// A lock is waited for no longer than this.
const LOCK_WITHIN: Duration = Duration::from_secs(5);
/// A session is there within this, or the server counts as unreachable.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// Sessions in READ ONLY transactions that all see the same data.
pub(super) struct Snapshot {
    sessions: Vec<Session>,
    id: String,
    version: u32,
}

impl Snapshot {
    /// Opens `count` sessions, at least one. The first one exports its snapshot to the others.
    pub(super) async fn open(
        server: &Server,
        application_name: &str,
        count: usize,
        deadline: Instant,
    ) -> Result<Self, PgError> {
        let first = plain(server, application_name, deadline).await?;
        pin_settings(&first).await?;
        first.client().batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        let row = first
            .client()
            .query_one("SELECT pg_export_snapshot(), current_setting('server_version_num')::int4", &[])
            .await?;
        let (id, version): (String, i32) = (row.get(0), row.get(1));
        let mut snapshot =
            Self { sessions: vec![first], id, version: u32::try_from(version).unwrap_or_default() };
        while snapshot.sessions.len() < count {
            let next = plain(server, application_name, deadline).await?;
            pin_settings(&next).await?;
            snapshot.join(&next).await?;
            snapshot.sessions.push(next);
        }
        Ok(snapshot)
    }

    /// Begins a READ ONLY transaction on another session that sees the same data.
    pub(super) async fn join(&self, session: &Session) -> Result<(), PgError> {
        let begin = format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT '{}'",
            self.id.replace('\'', "")
        );
        Ok(session.client().batch_execute(&begin).await?)
    }

    /// The first session.
    pub(super) fn side(&self) -> Side<'_> {
        self.sides()[0]
    }

    /// All of them.
    pub(super) fn sides(&self) -> Vec<Side<'_>> {
        self.sessions.iter().map(|session| Side { session, version: self.version }).collect()
    }

    /// Ends the sessions.
    pub(super) async fn close(self) {
        for session in self.sessions {
            // One that owes an answer would hold its locks until it has given it.
            session.give_up(CONNECT_WITHIN).await;
        }
    }
}

/// A session that waits for no lock and for no statement longer than it should.
pub(super) async fn plain(
    server: &Server,
    application_name: &str,
    deadline: Instant,
) -> Result<Session, PgError> {
    let left = deadline.saturating_duration_since(Instant::now());
    let session = server.connect(application_name, CONNECT_WITHIN.min(left)).await?;
    // A limit of 0 would be none. Transactions that wait for their turn are meant to; the server's own limits for those
    // would end the snapshot.
    let limits = format!(
        "SET statement_timeout = {}; SET lock_timeout = {}; SET idle_in_transaction_session_timeout = 0; SET jit = off; \
         SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN ('transaction_timeout', 'idle_session_timeout')",
        left.as_millis().max(1),
        LOCK_WITHIN.as_millis()
    );
    session.client().batch_execute(&limits).await?;
    Ok(session)
}

/// Does something on sessions that are inside transactions: an error leaves the transactions usable, and locks are let go
/// of at the end.
///
/// Where there is no answer by the deadline, the sessions cannot be used any more.
pub(super) async fn apart<T>(
    sessions: &[&Session],
    deadline: Instant,
    work: impl Future<Output = Result<T, PgError>>,
) -> Result<T, PgError> {
    // The server's own limit comes first, and says what it was.
    let deadline = deadline + Duration::from_secs(2);
    let steps = async {
        for session in sessions {
            session.client().batch_execute("SAVEPOINT apart").await?;
        }
        let done = work.await;
        for session in sessions {
            let back =
                session.client().batch_execute("ROLLBACK TO SAVEPOINT apart; RELEASE SAVEPOINT apart").await;
            if done.is_ok() {
                back?;
            }
        }
        done
    };
    match timeout_at(deadline, steps).await {
        Ok(done) => done,
        Err(_) => Err(PgError::no_answer("the time for the validation is over")),
    }
}
