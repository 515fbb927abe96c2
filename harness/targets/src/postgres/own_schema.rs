//! The schema of a drill's own: the only place of a database that a drill writes to.

use std::time::Duration;

use lifeboat_engine::StepError;
use lifeboat_model::{ServerRef, UndoAction, UndoEnd, short_hash};

use super::{PgError, Server, Session};

/// How long a connection for schema work may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// What the name of every schema of a drill begins with.
pub const OWN_SCHEMAS: &str = "lifeboat_";

/// The schema of one drill.
#[derive(Debug, Clone)]
pub struct OwnSchema {
    name: String,
    comment: String,
}

impl OwnSchema {
    /// The schema of a drill, named after the run and the drill's place in it.
    pub fn new(run_id: &str, drill: &str) -> Self {
        let stem: String =
            drill.chars().filter(char::is_ascii_alphanumeric).take(12).collect::<String>().to_lowercase();
        let run = run_id.replace('-', "_");
        let name = format!("{OWN_SCHEMAS}{run}_{stem}{:08x}", short_hash(drill));
        let comment = format!("made by lifeboat for run {run_id}; safe to drop");
        Self { name, comment }
    }

    /// Its name: lower-case letters, digits and underscores.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The comment that it carries.
    pub fn comment(&self) -> &str {
        &self.comment
    }

    /// What takes its creation back; `application_name` is what that of the creating session begins with.
    pub fn undo(&self, server: &ServerRef, application_name: String) -> UndoAction {
        UndoAction::DropSchema {
            application_name,
            server: server.clone(),
            schema: self.name.clone(),
            comment: self.comment.clone(),
        }
    }

    /// Creates the schema with one table in one transaction that waits for no lock longer than two seconds.
    ///
    /// # Errors
    /// `Failed` where the server refused; `Indeterminate` without an answer.
    pub async fn create(
        &self,
        server: &Server,
        application_name: &str,
        table: &str,
        columns: &str,
    ) -> Result<(), StepError> {
        let (schema, comment) = (&self.name, self.comment.replace('\'', "''"));
        let at = server.address();
        let cannot = |error: &PgError| format!("cannot create schema `{schema}` at {at}: {error}");
        let connected = server.connect(application_name, CONNECT_LIMIT).await;
        let session = connected.map_err(|error| StepError::Failed(cannot(&error)))?;
        let statement = format!(
            "BEGIN; SET LOCAL lock_timeout = '2s'; CREATE SCHEMA {schema}; COMMENT ON SCHEMA {schema} IS '{comment}'; \
             CREATE TABLE {schema}.{table} ({columns}); COMMIT"
        );
        let done = session.client().batch_execute(&statement).await.map_err(PgError::from);
        session.close().await;
        done.map_err(|error| {
            let text = cannot(&error);
            if error.is_refusal() { StepError::Failed(text) } else { StepError::Indeterminate(text) }
        })
    }
}

/// The schemas of drills in the database of a session, by their names and comments. A backup that was taken during a drill has
/// its schema as well.
pub(super) async fn schemas_of_drills(session: &Session) -> Result<Vec<String>, PgError> {
    let query = "SELECT nspname::text FROM pg_catalog.pg_namespace \
                 WHERE nspname ~ '^lifeboat_[0-9]{8}_[0-9]{6}_[0-9a-f]{6}_[a-z0-9]{8,20}$' \
                   AND obj_description(oid, 'pg_namespace') ~ '^made by lifeboat for run [-0-9a-f]+; safe to drop$'";
    let rows = session.client().query(query, &[]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Drops a schema of a drill's own, if it is there and carries the comment. What a stranger put into it is not dropped
/// with it: then the schema stays and the error says so.
///
/// # Errors
/// A sentence.
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
    // The name was made by `OwnSchema::new` and is quoted all the same: it comes from a file here.
    let quoted = format!("\"{}\"", schema.replace('"', "\"\""));
    let statement = format!(
        "BEGIN; SET LOCAL lock_timeout = '5s'; DROP TABLE IF EXISTS {quoted}.ledger, {quoted}.canary; \
         DROP SCHEMA {quoted}; COMMIT"
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
            let name = OwnSchema::new("20261120-110203-a1b2c3", drill).name().to_owned();
            assert!(name.len() <= 63, "{name}");
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'), "{name}");
        }
        let one = OwnSchema::new("r", "a-b");
        let two = OwnSchema::new("r", "ab");
        assert_ne!(one.name(), two.name());
    }
}
