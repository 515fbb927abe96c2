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

/// Whether nobody but the drill has written since: if so how that is known, else what was seen. `alone`: every session of
/// others has ended since, and has handed in its counters with that.
pub async fn none_by_others(
    session: &Session,
    since: &WriteState,
    alone: bool,
) -> Result<Result<String, String>, PgError> {
    let now = state(session).await?;
    let foreign = now.next_transaction - since.next_transaction - OWN_TRANSACTIONS;
    if foreign <= 0 {
        return Ok(Ok("no transaction but the drill's own has written since the moment".into()));
    }
    let settled =
        wait_for("counters that are handed in", Duration::from_millis(250), HANDED_IN_WITHIN * 2, || async {
            match state(session).await {
                Ok(now) if now.counters != since.counters => Ok(Ok(true)),
                Ok(_) if alone => Ok(Ok(false)),
                Ok(_) => match may_be_late(session).await {
                    Ok(true) => Err("another session was busy a moment ago"),
                    settled => Ok(settled.map(|_| false)),
                },
                Err(error) => Ok(Err(error)),
            }
        });
    let told = |written: bool| match written {
        true => Err(format!(
            "{foreign} transactions of others have begun since the moment, and tables were written"
        )),
        false => Ok(format!(
            "{foreign} transactions of others have begun since the moment, and no table of this database was written"
        )),
    };
    match settled.await {
        Ok(written) => written.map(told),
        Err(error) => {
            Ok(Err(format!("{foreign} transactions of others have begun since the moment: {error}")))
        }
    }
}

/// Whether another session of this database may still have counters to hand in.
async fn may_be_late(session: &Session) -> Result<bool, PgError> {
    let query = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() \
                   AND pid <> pg_backend_pid() AND backend_type = 'client backend' \
                   AND (state_change IS NULL OR state_change > clock_timestamp() - make_interval(secs => $1)))";
    Ok(session.client().query_one(query, &[&HANDED_IN_WITHIN.as_secs_f64()]).await?.get(0))
}
