//! The canary table of a drill that restores: rows that say from which moment a copy is.

use std::collections::BTreeMap;
use std::time::Duration;

use lifeboat_engine::StepError;
use lifeboat_model::{ServerRef, UndoAction};
use time::OffsetDateTime;

use super::{OwnSchema, PgError, Server, Session};

/// How long a connection for a canary may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// The canary rows that a server holds: note by number. `None`: it has no such table.
pub type Canaries = Option<BTreeMap<i32, String>>;

/// The canary table of one drill.
#[derive(Debug, Clone)]
pub struct CanaryTable {
    schema: OwnSchema,
}

impl CanaryTable {
    /// The table of a drill, in a schema of its own.
    pub fn new(run_id: &str, drill: &str) -> Self {
        Self { schema: OwnSchema::new(run_id, drill) }
    }

    /// The schema's name.
    pub fn schema(&self) -> &str {
        self.schema.name()
    }

    /// What takes its creation back; `application_name` is what that of the creating session begins with.
    pub fn undo(&self, server: &ServerRef, application_name: String) -> UndoAction {
        self.schema.undo(server, application_name)
    }

    /// Creates schema and table.
    ///
    /// # Errors
    /// `Failed` where the server refused; `Indeterminate` without an answer.
    pub async fn create(&self, server: &Server, application_name: &str) -> Result<(), StepError> {
        let columns = "id integer PRIMARY KEY, note text NOT NULL";
        self.schema.create(server, application_name, "canary", columns).await
    }

    /// Commits one canary.
    ///
    /// # Errors
    /// [`PgError`].
    pub async fn insert(&self, session: &Session, id: i32, note: &str) -> Result<(), PgError> {
        let statement = format!("INSERT INTO {}.canary (id, note) VALUES ($1, $2)", self.schema());
        session.client().execute(&statement, &[&id, &note]).await?;
        Ok(())
    }

    /// The disaster: deletes some canaries and overwrites others, in one transaction.
    ///
    /// # Errors
    /// [`PgError`].
    pub async fn destroy(
        &self,
        session: &Session,
        deleted: &[i32],
        overwritten: &[i32],
    ) -> Result<(), PgError> {
        let schema = self.schema();
        let statement = format!(
            "WITH gone AS (DELETE FROM {schema}.canary WHERE id = ANY($1)) \
             UPDATE {schema}.canary SET note = 'destroyed' WHERE id = ANY($2)"
        );
        session.client().execute(&statement, &[&deleted, &overwritten]).await?;
        Ok(())
    }

    /// The canaries that a server holds.
    ///
    /// # Errors
    /// [`PgError`].
    pub async fn read(&self, server: &Server, application_name: &str) -> Result<Canaries, PgError> {
        let session = server.connect(application_name, CONNECT_LIMIT).await?;
        let query = format!("SELECT id, note FROM {}.canary", self.schema());
        let rows = session.client().query(&query, &[]).await.map_err(PgError::from);
        session.close().await;
        match rows {
            Ok(rows) => Ok(Some(rows.iter().map(|row| (row.get(0), row.get(1))).collect())),
            // Undefined table, undefined schema.
            Err(error) if matches!(error.code.as_deref(), Some("42P01" | "3F000")) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The server's clock now, which is later than the commit of whatever it acknowledged before.
///
/// # Errors
/// [`PgError`].
pub async fn server_clock(session: &Session) -> Result<OffsetDateTime, PgError> {
    let query = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
    let micros: i64 = session.client().query_one(query, &[]).await?.get(0);
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000).map_err(|error| PgError {
        fatal: false,
        ..PgError::no_answer(format!("its clock is out of range: {error}"))
    })
}
