//! The ledger table of a drill that writes all the time.

use std::time::Duration;

use lifeboat_engine::StepError;
use lifeboat_model::{ReadBack, ServerRef, UndoAction};

use super::{OwnSchema, PgError, Server};

/// How long a connection for the reading may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// The ledger table of one drill.
#[derive(Debug, Clone)]
pub struct LedgerTable {
    schema: OwnSchema,
}

impl LedgerTable {
    /// The table of a drill: its schema is named after the run and the drill's place in it.
    pub fn new(run_id: &str, drill: &str) -> Self {
        Self { schema: OwnSchema::new(run_id, drill) }
    }

    /// The schema's name: lower-case letters, digits and underscores.
    pub fn schema(&self) -> &str {
        self.schema.name()
    }

    /// What takes its creation back; `application_name` is what that of the creating session begins with.
    pub fn undo(&self, server: &ServerRef, application_name: String) -> UndoAction {
        self.schema.undo(server, application_name)
    }

    /// The statement that inserts one row. Both values are numbers.
    pub fn insert(&self, writer: u32, seq: u64) -> String {
        format!("INSERT INTO {}.ledger (writer, seq) VALUES ({writer}, {seq})", self.schema())
    }

    /// Creates schema and table in one transaction that waits for no lock longer than two seconds.
    ///
    /// # Errors
    /// `Failed` where the server refused; `Indeterminate` without an answer.
    pub async fn create(&self, server: &Server, application_name: &str) -> Result<(), StepError> {
        // No primary key: a row that is there twice is something to find.
        let columns = "writer integer NOT NULL, seq bigint NOT NULL, \
                       at timestamptz NOT NULL DEFAULT clock_timestamp()";
        self.schema.create(server, application_name, "ledger", columns).await
    }

    /// Every row, writer by writer.
    ///
    /// # Errors
    /// [`PgError`].
    pub async fn read_back(&self, server: &Server, application_name: &str) -> Result<Vec<ReadBack>, PgError> {
        let session = server.connect(application_name, CONNECT_LIMIT).await?;
        let query = format!("SELECT writer, seq FROM {}.ledger ORDER BY writer, seq", self.schema());
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
