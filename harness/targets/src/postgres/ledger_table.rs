//! The ledger table in its own schema: the only thing that a drill writes into a database.

use std::time::Duration;

use lifeboat_engine::StepError;
use lifeboat_model::{ReadBack, ServerRef, UndoAction, UndoEnd, short_hash};

use super::{PgError, Server, Session};

/// How long a connection for schema work may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// The ledger table of one drill.
#[derive(Debug, Clone)]
pub struct LedgerTable {
    schema: String,
    comment: String,
}

impl LedgerTable {
    /// The table of a drill: its schema is named after the run and the drill's place in it.
    pub fn new(run_id: &str, drill: &str) -> Self {
        let stem: String =
            drill.chars().filter(char::is_ascii_alphanumeric).take(12).collect::<String>().to_lowercase();
        let schema = format!("lifeboat_{}_{stem}{:08x}", run_id.replace('-', "_"), short_hash(drill));
        let comment = format!("made by lifeboat for run {run_id}; safe to drop");
        Self { schema, comment }
    }

    /// The schema's name: lower-case letters, digits and underscores.
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// What takes its creation back; `application_name` is what that of the creating session begins with.
    pub fn undo(&self, server: &ServerRef, application_name: String) -> UndoAction {
        UndoAction::DropSchema {
            application_name,
            server: server.clone(),
            schema: self.schema.clone(),
            comment: self.comment.clone(),
        }
    }

    /// The statement that inserts one row. Both values are numbers.
    pub fn insert(&self, writer: u32, seq: u64) -> String {
        format!("INSERT INTO {}.ledger (writer, seq) VALUES ({writer}, {seq})", self.schema)
    }

    /// Creates schema and table in one transaction that waits for no lock longer than two seconds.
    ///
    /// # Errors
    /// `Failed` where the server refused; `Indeterminate` without an answer.
    pub async fn create(&self, server: &Server, application_name: &str) -> Result<(), StepError> {
        let (schema, comment) = (&self.schema, self.comment.replace('\'', "''"));
        let at = server.address();
        let cannot = |error: &PgError| format!("cannot create schema `{schema}` at {at}: {error}");
        let connected = server.connect(application_name, CONNECT_LIMIT).await;
        let session = connected.map_err(|error| StepError::Failed(cannot(&error)))?;
        // No primary key: a row that is there twice is something to find.
        let statement = format!(
            "BEGIN; SET LOCAL lock_timeout = '2s'; CREATE SCHEMA {schema}; COMMENT ON SCHEMA {schema} IS '{comment}'; \
             CREATE TABLE {schema}.ledger (writer integer NOT NULL, seq bigint NOT NULL, \
             at timestamptz NOT NULL DEFAULT clock_timestamp()); COMMIT"
        );
        let done = session.client().batch_execute(&statement).await.map_err(PgError::from);
        session.close().await;
        done.map_err(|error| {
            let text = cannot(&error);
            if error.is_refusal() { StepError::Failed(text) } else { StepError::Indeterminate(text) }
        })
    }

    /// Every row, writer by writer.
    ///
    /// # Errors
    /// [`PgError`].
    pub async fn read_back(&self, server: &Server, application_name: &str) -> Result<Vec<ReadBack>, PgError> {
        let session = server.connect(application_name, CONNECT_LIMIT).await?;
        let query = format!("SELECT writer, seq FROM {}.ledger ORDER BY writer, seq", self.schema);
        let rows = session.client().query(&query, &[]).await?;
        session.close().await;
        let pairs: Vec<(u32, u64)> = rows
            .iter()
            .map(|row| {
                let (writer, seq): (i32, i64) = (row.get(0), row.get(1));
                (u32::try_from(writer).unwrap_or(u32::MAX), u64::try_from(seq).unwrap_or(u64::MAX))
            })
            .collect();
        Ok(pairs
            .chunk_by(|left, right| left.0 == right.0)
            .map(|rows| ReadBack::pack(rows[0].0, rows.iter().map(|(_, seq)| *seq)))
            .collect())
    }
}

/// Drops a schema of a drill's own, if it is there and carries the comment. What a stranger put into it is not dropped
/// with it: then the schema stays and the error says so.
pub(crate) async fn drop_schema(
    session: &Session,
    schema: &str,
    comment: &str,
) -> Result<(UndoEnd, String), String> {
    let text = |error: PgError| format!("cannot drop schema `{schema}`: {error}");
    let found = session
        .client()
        .query_opt(
            "SELECT obj_description(oid, 'pg_namespace') FROM pg_catalog.pg_namespace WHERE nspname = $1",
            &[&schema],
        )
        .await
        .map_err(|error| text(error.into()))?;
    let Some(row) = found else { return Ok((UndoEnd::NotNeeded, format!("schema `{schema}` is not there"))) };
    let carried: Option<String> = row.get(0);
    if carried.as_deref() != Some(comment) {
        return Err(format!("schema `{schema}` does not carry this run's comment and was left alone"));
    }
    // The name was made by `LedgerTable::new` and is quoted all the same: it comes from a file here.
    let quoted = format!("\"{}\"", schema.replace('"', "\"\""));
    let statement = format!(
        "BEGIN; SET LOCAL lock_timeout = '5s'; DROP TABLE IF EXISTS {quoted}.ledger; DROP SCHEMA {quoted}; COMMIT"
    );
    session.client().batch_execute(&statement).await.map_err(|error| text(error.into()))?;
    Ok((UndoEnd::Undone, format!("schema `{schema}` dropped")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schema_names_need_no_quotes_whatever_the_drill_is_called() {
        for drill in ["orders-failover", "🚀", "a\"; DROP TABLE x; --", "", &"x".repeat(500)] {
            let name = LedgerTable::new("20261120-110203-a1b2c3", drill).schema().to_owned();
            assert!(name.len() <= 63, "{name}");
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'), "{name}");
        }
        let one = LedgerTable::new("r", "a-b");
        let two = LedgerTable::new("r", "ab");
        assert_ne!(one.schema(), two.schema());
    }
}
