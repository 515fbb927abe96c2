//! The structure of the copy's B-tree indexes, by the extension `amcheck` where the copy has it.

use tokio::time::{Instant, timeout_at};

use super::DataFinding;
use crate::postgres::{PgError, Session};

/// Checks every valid B-tree index, and that it has an entry for each row of its table. The session must not be in a
/// transaction. `None` where the extension is not installed, or is not for this role.
pub(super) async fn check_indexes(
    session: &Session,
    ignored: &[String],
    deadline: Instant,
) -> Result<Option<Vec<DataFinding>>, PgError> {
    let installed = session
        .client()
        .query_opt(
            "SELECT quote_ident(n.nspname) FROM pg_extension x JOIN pg_namespace n ON n.oid = x.extnamespace \
             JOIN pg_proc p ON p.pronamespace = n.oid AND p.proname = 'bt_index_check' AND p.pronargs = 2 \
             WHERE x.extname = 'amcheck' AND has_schema_privilege(n.oid, 'USAGE') \
               AND has_function_privilege(p.oid, 'EXECUTE')",
            &[],
        )
        .await?;
    let Some(schema) = installed.map(|row| row.get::<_, String>(0)) else { return Ok(None) };
    let indexes = session
        .client()
        .query(
            "SELECT format('%I.%I', n.nspname, c.relname), c.oid FROM pg_class c \
             JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_am a ON a.oid = c.relam \
             JOIN pg_index x ON x.indexrelid = c.oid \
             WHERE a.amname = 'btree' AND c.relkind = 'i' AND c.relpersistence = 'p' AND x.indisvalid AND x.indisready \
               AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND n.nspname <> ALL ($1) ORDER BY 1",
            &[&ignored],
        )
        .await?;
    let check = format!("SELECT {schema}.bt_index_check(index => $1::oid::regclass, heapallindexed => true)");
    let (mut found, mut good) = (Vec::new(), 0);
    for row in indexes {
        let (name, oid): (String, u32) = (row.get(0), row.get(1));
        let subject = format!("index {name}");
        let checked = timeout_at(deadline, session.client().execute(&check, &[&oid])).await;
        match checked.map(|checked| checked.map_err(PgError::from)) {
            Ok(Ok(_)) => good += 1,
            // data_corrupted, index_corrupted
            Ok(Err(error)) if matches!(error.code.as_deref(), Some("XX001" | "XX002")) => {
                found.push(DataFinding::different(
                    subject,
                    format!("is corrupt, amcheck says: {}", error.text),
                ));
            }
            Ok(Err(error)) => {
                found.push(DataFinding::cannot_tell(subject, format!("could not be checked: {error}")));
            }
            Err(_) => {
                found.push(DataFinding::cannot_tell(subject, "could not be checked: the time is over"));
                break;
            }
        }
    }
    if found.is_empty() {
        found.push(DataFinding::same("indexes", format!("amcheck found no fault in {good}")));
    }
    Ok(Some(found))
}
