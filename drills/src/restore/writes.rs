//! Whether anybody but the drill has written to the source since the moment.
//!
//! Every transaction that writes takes a number, so that none was taken by others proves that nobody wrote. Where some
//! were, as by autovacuum, by other databases of the server or by the provider itself, the counters of this database's
//! tables and catalogues decide; they are handed in by sessions up to ten seconds late. Not noticed in that case: large
//! objects whose catalogue is not readable, and values that a sequence gave out without a row being written.

use std::time::Duration;

use lifeboat_engine::wait_for;
use lifeboat_targets::postgres::{OWN_SCHEMAS, PgError, Session, next_transaction};

/// Canaries after the moment, the disaster, and the two canaries around the restore call.
const OWN_TRANSACTIONS: i64 = 5;

/// Sessions hand in their counters within this.
const HANDED_IN_WITHIN: Duration = Duration::from_secs(11);

/// How far a source's writing had come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteState {
    /// The number that the next transaction takes.
    next_transaction: i64,
    /// A digest of the counters and files of all tables but those of drills.
    counters: String,
}

/// How far a source's writing has come.
pub async fn state(session: &Session) -> Result<WriteState, PgError> {
    let query = "SELECT md5(coalesce(string_agg(concat_ws(' ', c.oid, c.relfilenode, pg_stat_get_tuples_inserted(c.oid), \
                   pg_stat_get_tuples_updated(c.oid), pg_stat_get_tuples_deleted(c.oid)), ';' ORDER BY c.oid), '')) \
                 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                 WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' AND n.nspname <> 'pg_toast' \
                   AND NOT starts_with(n.nspname, $1) \
                   AND c.relname NOT IN ('pg_statistic', 'pg_statistic_ext_data', 'pg_stat_statements')";
    let next_transaction = next_transaction(session).await?;
    let counters = session.client().query_one(query, &[&OWN_SCHEMAS]).await?.get(0);
    Ok(WriteState { next_transaction, counters })
}

/// Whether nobody but the drill has written since: if so how that is known, else what was seen.
pub async fn none_by_others(
    session: &Session,
    since: &WriteState,
) -> Result<Result<String, String>, PgError> {
    let now = state(session).await?;
    let foreign = now.next_transaction - since.next_transaction - OWN_TRANSACTIONS;
    if foreign <= 0 {
        return Ok(Ok("no transaction but the drill's own has written since the moment".into()));
    }
    // Whoever wrote has handed in what it did by then; a failed look ends the wait at once.
    let changed =
        wait_for("a table that was written", Duration::from_millis(500), HANDED_IN_WITHIN, || async {
            match state(session).await {
                Ok(now) if now.counters == since.counters => Err("none"),
                settled => Ok(settled),
            }
        });
    match changed.await {
        Ok(settled) => settled.map(|_| {
            Err(format!(
                "{foreign} transactions of others have begun since the moment, and tables were written"
            ))
        }),
        Err(_) => Ok(Ok(format!(
            "{foreign} transactions of others have begun since the moment, and no table of this database was written"
        ))),
    }
}
