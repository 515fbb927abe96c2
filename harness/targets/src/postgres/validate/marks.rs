//! Marks of a source at one moment, by which is seen later what was written since.
//!
//! Three things tell: the tuple counters of a table and its file, the transaction ids of its rows, and the digests of
//! definitions. Sessions hand in their counts up to ten seconds late (before PostgreSQL 15 later still), so rows that were
//! deleted since can go unseen for that long, and rows that were deleted just before can look as if it was since; rows
//! that were inserted or updated are told by their transactions, at once.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tokio::time::{Instant, interval};

use super::definitions::definitions;
use super::settings::pins;
use crate::postgres::{PgError, Session};

/// A session that is idle hands in its counts within ten seconds.
const HANDED_IN_WITHIN: Duration = Duration::from_secs(11);

/// What a source was like at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteMarks {
    /// By `schema.table`, quoted where SQL needs it.
    tables: BTreeMap<String, TableMarks>,
    /// The digest of each definition.
    definitions: BTreeMap<String, String>,
    /// The first transaction id that had not been given out.
    next_transaction: u64,
    /// Those before it that had not ended.
    running: Vec<u64>,
}

/// What changes when a table is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct TableMarks {
    inserted: i64,
    updated: i64,
    deleted: i64,
    /// Its file, which TRUNCATE and rewriting change.
    file: u32,
}

/// The moment that a copy is of, and what the source was like then.
#[derive(Debug, Clone)]
pub struct Since {
    /// The moment.
    pub at: OffsetDateTime,
    /// The source's marks, taken at that moment or a little before. Without them a difference from the source can be what
    /// was written since, and cannot be told from a defect.
    pub marks: Option<WriteMarks>,
}

/// Marks a source. The session must not be in a transaction; its settings stay as they are.
///
/// # Errors
/// [`PgError`].
pub async fn write_marks(session: &Session) -> Result<WriteMarks, PgError> {
    session.client().batch_execute(&format!("BEGIN READ ONLY; {}", pins("SET LOCAL"))).await?;
    let marks = read(session).await;
    session.client().batch_execute("ROLLBACK").await?;
    marks
}

async fn read(session: &Session) -> Result<WriteMarks, PgError> {
    let client = session.client();
    // The snapshot comes first: what is written between the queries counts as written since.
    let row = client
        .query_one(
            "SELECT txid_snapshot_xmax(s)::text, ARRAY(SELECT txid_snapshot_xip(s)::text) \
             FROM txid_current_snapshot() s",
            &[],
        )
        .await?;
    let number = |text: &str| text.parse().unwrap_or_default();
    let next_transaction = number(row.get(0));
    let running = row.get::<_, Vec<String>>(1).iter().map(|text| number(text)).collect();
    let tables = table_marks(session).await?;
    let definitions = definitions(session, &[]).await?;
    let definitions = definitions.into_iter().map(|(subject, entry)| (subject, entry.digest)).collect();
    Ok(WriteMarks { tables, definitions, next_transaction, running })
}

async fn table_marks(session: &Session) -> Result<BTreeMap<String, TableMarks>, PgError> {
    let rows = session
        .client()
        .query(
            "SELECT format('%I.%I', n.nspname, c.relname), pg_stat_get_tuples_inserted(c.oid), \
               pg_stat_get_tuples_updated(c.oid), pg_stat_get_tuples_deleted(c.oid), c.relfilenode \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' \
               AND (n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') \
                 OR c.oid = 'pg_largeobject'::regclass)",
            &[],
        )
        .await?;
    let entries = rows.iter().map(|row| {
        let marks =
            TableMarks { inserted: row.get(1), updated: row.get(2), deleted: row.get(3), file: row.get(4) };
        (row.get(0), marks)
    });
    Ok(entries.collect())
}

impl WriteMarks {
    /// Whether a definition was the same then; false also where there was none.
    pub(super) fn had(&self, subject: &str, digest: &str) -> bool {
        self.definitions.get(subject).is_some_and(|then| then == digest)
    }

    /// Whether there was anything of that name.
    pub(super) fn knew(&self, subject: &str) -> bool {
        self.definitions.contains_key(subject)
    }

    /// A condition on a table's rows that holds for those written since.
    pub(super) fn written_since(&self) -> String {
        // Rows keep 32 bits of the transaction's id; ages compare those across a wraparound.
        let short = |id: &u64| (id & 0xffff_ffff).to_string();
        let running: Vec<String> = self.running.iter().map(|id| format!("'{}'", short(id))).collect();
        let running = match running.is_empty() {
            true => String::new(),
            false => format!(" OR xmin::text IN ({})", running.join(", ")),
        };
        format!("(age(xmin) <= age('{}'::xid){running})", short(&self.next_transaction))
    }

    /// Whether rows of the table were deleted since. Where none were counted, waits until every session must have handed
    /// in its counts. The session must not be in a transaction: it would see the counts of its beginning.
    pub(super) async fn deleted_since(&self, session: &Session, table: &str) -> Result<bool, PgError> {
        let deadline = Instant::now() + HANDED_IN_WITHIN;
        let mut ticks = interval(Duration::from_millis(250));
        loop {
            ticks.tick().await;
            match (self.tables.get(table), table_marks(session).await?.get(table)) {
                (Some(then), Some(now)) if !now.has_lost_rows_since(then) => {}
                _ => return Ok(true),
            }
            if Instant::now() >= deadline || !counts_may_be_late(session).await? {
                return Ok(false);
            }
        }
    }
}

impl TableMarks {
    /// Counters that went back were reset, and say nothing of what was before.
    fn has_lost_rows_since(&self, then: &Self) -> bool {
        self.deleted != then.deleted
            || self.file != then.file
            || self.inserted < then.inserted
            || self.updated < then.updated
    }
}

/// Whether another session than those of the validation has done anything in the last seconds.
async fn counts_may_be_late(session: &Session) -> Result<bool, PgError> {
    let row = session
        .client()
        .query_one(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() \
               AND application_name <> current_setting('application_name') AND backend_type = 'client backend' \
               AND (state_change IS NULL OR state_change > clock_timestamp() - make_interval(secs => $1)))",
            &[&HANDED_IN_WITHIN.as_secs_f64()],
        )
        .await?;
    Ok(row.get(0))
}
