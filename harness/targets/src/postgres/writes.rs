//! Whether anybody but the drill has written to a server since a moment.
//!
//! Every transaction that writes takes a number, so that none was taken by others, and none of those that had theirs has
//! been committed, proves that nobody wrote. Where some were, as by autovacuum, by other databases of the server or by the
//! provider itself, the counters of this database's tables and catalogues decide; they are handed in by sessions up to ten
//! seconds late. Neither numbers nor counters prove anything beyond a crash or a failover: both may have begun again.
//! Not noticed where the counters decide: large objects whose catalogue is not readable, and values that a sequence gave out
//! without a row being written. Of other databases it is seen only that they were written, by whomever.

use std::time::Duration;

use lifeboat_engine::wait_for;
use lifeboat_model::WriteState;
use serde::{Deserialize, Serialize};

use super::{OWN_SCHEMAS, PgError, Session};

/// Sessions hand in their counters within this.
const HANDED_IN_WITHIN: Duration = Duration::from_secs(11);

/// Whether somebody wrote: a sentence that says how it is known, or what is in the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Told {
    /// Nobody did.
    Nobody(String),
    /// Somebody did.
    Somebody(String),
    /// It cannot be told.
    Unclear(String),
}

/// How far a server's writing has come.
///
/// # Errors
/// [`PgError`].
pub async fn write_state(session: &Session) -> Result<WriteState, PgError> {
    // A snapshot ends at the latest transaction that has ended. Whoever has a number and has not ended holds a lock on it,
    // of 32 bits; clients have a user, autovacuum has none, and a prepared transaction belongs to no session.
    let numbers = "WITH s AS (SELECT txid_snapshot_xmax(txid_current_snapshot()) AS ended), \
                   running AS (SELECT l.virtualtransaction AS owner, coalesce(a.datname, p.database) AS database, \
                       ended - 2147483648 \
                         + (l.transactionid::text::bigint - (ended & 4294967295) + 6442450944) % 4294967296 AS number \
                     FROM s CROSS JOIN pg_locks l \
                     LEFT JOIN pg_stat_activity a ON a.pid = l.pid AND a.usesysid IS NOT NULL \
                     LEFT JOIN pg_prepared_xacts p ON p.transaction::text = l.transactionid::text \
                     WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock' AND l.granted) \
                   SELECT greatest(ended, 1 + (SELECT max(number) FROM running)), \
                     ARRAY(SELECT min(number) FROM running WHERE database = current_database() \
                       GROUP BY owner ORDER BY 1), \
                     ARRAY(SELECT min(number) FROM running WHERE database NOT IN (current_database(), 'rdsadmin') \
                       GROUP BY owner ORDER BY 1) FROM s";
    let tables = "SELECT md5(coalesce(string_agg(concat_ws(' ', c.oid, c.relfilenode, pg_stat_get_tuples_inserted(c.oid), \
                    pg_stat_get_tuples_updated(c.oid), pg_stat_get_tuples_deleted(c.oid)), ';' ORDER BY c.oid), '')) \
                  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                  WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' AND n.nspname <> 'pg_toast' \
                    AND NOT starts_with(n.nspname, $1) \
                    AND c.relname NOT IN ('pg_statistic', 'pg_statistic_ext_data', 'pg_stat_statements')";
    // Nobody's clients are in the templates, and rdsadmin is Amazon's own.
    let others = "SELECT md5(coalesce(string_agg(concat_ws(' ', datname, tup_inserted, tup_updated, tup_deleted), ';' \
                    ORDER BY datname), '')) \
                  FROM pg_stat_database \
                  WHERE datname <> ALL (ARRAY[current_database(), 'template0', 'template1', 'rdsadmin'])";
    // The counters begin anew with an unclean start, which renews the first time, and where somebody resets those of the
    // database, which renews the second. A promoted standby has counters of its own, and another timeline.
    let epoch = "SELECT CASE WHEN current_setting('track_counts')::bool THEN concat_ws(' ', \
                     coalesce((SELECT extract(epoch FROM stats_reset)::text FROM pg_stat_bgwriter), '-'), \
                     coalesce((SELECT extract(epoch FROM stats_reset)::text FROM pg_stat_database \
                       WHERE datname = current_database()), '-'), \
                     CASE WHEN pg_is_in_recovery() THEN '-' \
                       ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END) END";
    let client = session.client();
    let row = client.query_one(numbers, &[]).await?;
    Ok(WriteState {
        next_transaction: row.get(0),
        open: row.get(1),
        elsewhere: row.get(2),
        tables: client.query_one(tables, &[&OWN_SCHEMAS]).await?.get(0),
        others: client.query_one(others, &[]).await?.get(0),
        epoch: client.query_one(epoch, &[]).await?.get(0),
    })
}

/// The same of a server that nobody should be working on: whoever has just left has handed in what he wrote before. One
/// who stays is waited for no longer than he may keep it.
///
/// # Errors
/// [`PgError`].
pub async fn settled_write_state(session: &Session) -> Result<WriteState, PgError> {
    // The provider's own sessions come and go all the time.
    let query = "SELECT count(*) FROM pg_stat_activity \
                 WHERE pid <> pg_backend_pid() AND backend_type = 'client backend' AND datname <> 'rdsadmin'";
    let left = wait_for("sessions to hand in", Duration::from_millis(20), HANDED_IN_WITHIN, || async {
        match session.client().query_one(query, &[]).await {
            Ok(row) if row.get::<_, i64>(0) == 0 => Ok(()),
            Ok(row) => Err(format!("{} sessions", row.get::<_, i64>(0))),
            Err(error) => Err(error.to_string()),
        }
    });
    // Whatever it says: a session that is still there may write from now on as well.
    let _ = left.await;
    write_state(session).await
}

/// Whether anybody but the drill has written since, which has written `own` transactions itself. `alone`: every session
/// of others has ended since, and has handed in its counters with that; what they prepared may still be committed.
///
/// # Errors
/// [`PgError`].
pub async fn written_since(
    session: &Session,
    since: &WriteState,
    own: i64,
    alone: bool,
) -> Result<Told, PgError> {
    let now = write_state(session).await?;
    if let Some(why) = not_to_be_compared(since, &now) {
        return Ok(Told::Unclear(why.into()));
    }
    let begun = now.next_transaction - since.next_transaction - own;
    let ended = committed(session, &since.open).await?;
    let elsewhere = committed(session, &since.elsewhere).await?;
    if begun <= 0 && ended == 0 {
        return Ok(if elsewhere > 0 {
            Told::Unclear(format!(
                "{elsewhere} transactions in other databases of the server that were open at the moment have ended since"
            ))
        } else if let Some(why) = still_open(session, &now, alone).await? {
            Told::Unclear(why)
        } else {
            Told::Nobody("no transaction but the drill's own has written since the moment".into())
        });
    }
    let of_others = match (begun, ended) {
        (1.., 0) => format!("{begun} transactions of others have begun since the moment"),
        (1.., _) => format!(
            "{begun} transactions of others have begun and {ended} that were open have ended since the moment"
        ),
        _ => format!("{ended} transactions of others that were open at the moment have ended since"),
    };
    if since.epoch.is_none() || now.epoch.is_none() {
        let why = "and whether they wrote is not counted (track_counts), or was not at the moment";
        return Ok(Told::Unclear(format!("{of_others}, {why}")));
    }
    let settled =
        wait_for("counters that are handed in", Duration::from_millis(250), HANDED_IN_WITHIN * 2, || async {
            match write_state(session).await {
                Ok(now) if now.tables != since.tables || alone => Ok(Ok(now)),
                Ok(now) => match may_be_late(session).await {
                    Ok(true) => Err("another session was busy a moment ago"),
                    settled => Ok(settled.map(|_| now)),
                },
                Err(error) => Ok(Err(error)),
            }
        });
    let now = match settled.await {
        Ok(now) => now?,
        Err(error) => return Ok(Told::Unclear(format!("{of_others}: {error}"))),
    };
    Ok(if now.tables != since.tables {
        Told::Somebody(format!("{of_others}, and tables were written"))
    } else if now.others != since.others || elsewhere > 0 {
        Told::Unclear(format!(
            "{of_others}, and databases of the server were written that this role's connection does not look into"
        ))
    } else if let Some(why) = still_open(session, &now, alone).await? {
        Told::Unclear(why)
    } else {
        Told::Nobody(format!("{of_others}, and no table of this database was written"))
    })
}

/// Why the numbers and counters of two moments say nothing about what was between them. Where one of them is of no known
/// epoch, only the counters do not.
fn not_to_be_compared(since: &WriteState, now: &WriteState) -> Option<&'static str> {
    if now.next_transaction < since.next_transaction {
        return Some("the server's transactions have gone back behind those of the moment: it has lost some");
    }
    let same = since.epoch.as_ref().zip(now.epoch.as_ref()).is_none_or(|(then, now)| then == now);
    (!same).then_some(
        "the server has crashed or failed over since the moment, or its statistics were reset, so that its transactions \
         and counters cannot be compared",
    )
}

/// What may have been written and may still be committed.
async fn still_open(session: &Session, now: &WriteState, alone: bool) -> Result<Option<String>, PgError> {
    let open = match alone {
        // They outlive their sessions, and restarts.
        true => session.client().query_one("SELECT count(*) FROM pg_prepared_xacts", &[]).await?.get(0),
        false => i64::try_from(now.open.len() + now.elsewhere.len()).unwrap_or(i64::MAX),
    };
    let text = format!("{open} transactions are open that may have written since the moment; end them");
    Ok((open > 0).then_some(text))
}

/// How many of these transactions have been committed.
async fn committed(session: &Session, open: &[i64]) -> Result<i64, PgError> {
    if open.is_empty() {
        return Ok(0);
    }
    // Of one that is too old it is not known any more.
    let query = "SELECT count(*) FROM unnest($1::bigint[]) AS x \
                 WHERE coalesce(txid_status(x), 'committed') = 'committed'";
    Ok(session.client().query_one(query, &[&open]).await?.get(0))
}

/// Whether another session of this database may still have counters to hand in.
async fn may_be_late(session: &Session) -> Result<bool, PgError> {
    let query = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() \
                   AND pid <> pg_backend_pid() AND backend_type = 'client backend' \
                   AND (state_change IS NULL OR state_change > clock_timestamp() - make_interval(secs => $1)))";
    Ok(session.client().query_one(query, &[&HANDED_IN_WITHIN.as_secs_f64()]).await?.get(0))
}
