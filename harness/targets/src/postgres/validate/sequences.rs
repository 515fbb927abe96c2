//! Whether the copy's sequences would hand out values that its tables have already.

use std::collections::BTreeMap;

use super::snapshot::apart;
use super::{DataFinding, Side};
use crate::postgres::PgError;
use tokio::time::Instant;

/// A sequence and a column that is filled from it.
struct Feeds {
    sequence: String,
    column: String,
    /// Reads the sequence's next value, the column's furthest one, and whether the first has passed the second.
    query: String,
}

/// Holds each sequence that a column owns, or takes its default from, against that column's values.
pub(super) async fn check_sequences(
    source: Option<Side<'_>>,
    copy: Side<'_>,
    ignored: &[String],
    deadline: Instant,
) -> Result<Vec<DataFinding>, PgError> {
    let feeds = feeds(copy, ignored).await?;
    let mut of_source = BTreeMap::new();
    if let Some(source) = source {
        // Only to be asked where the copy's is behind.
        of_source = self::feeds(source, ignored).await?;
    }
    let (mut found, mut good) = (Vec::new(), 0);
    for (name, feed) in feeds {
        let subject = format!("sequence {}", feed.sequence);
        match behind(copy, &feed, deadline).await {
            Err(error) => found.push(DataFinding::cannot_tell(
                subject,
                format!("could not be held against {}: {error}", feed.column),
            )),
            Ok(None) => good += 1,
            Ok(Some(message)) => {
                let there = match (source, of_source.get(&name)) {
                    (Some(source), Some(feed)) => behind(source, feed, deadline).await.ok().flatten(),
                    _ => None,
                };
                found.push(match there {
                    None => DataFinding::different(subject, message),
                    Some(_) => DataFinding::same(subject, format!("{message}, and so is the source's")),
                });
            }
        }
    }
    if found.is_empty() {
        found.push(DataFinding::same("sequences", format!("{good} are ahead of their columns")));
    }
    Ok(found)
}

async fn feeds(side: Side<'_>, ignored: &[String]) -> Result<BTreeMap<String, Feeds>, PgError> {
    let rows = side
        .session
        .client()
        .query(
            "WITH feeds AS ( \
               SELECT d.objid AS sequence, d.refobjid AS relation, d.refobjsubid AS place FROM pg_depend d \
               WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass \
                 AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0 \
               UNION SELECT d.refobjid, a.adrelid, a.adnum FROM pg_attrdef a \
               JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = a.oid \
                 AND d.refclassid = 'pg_class'::regclass) \
             SELECT format('%I.%I', sn.nspname, s.relname), format('%I.%I', rn.nspname, r.relname), \
                    quote_ident(c.attname), q.seqincrement \
             FROM feeds f JOIN pg_sequence q ON q.seqrelid = f.sequence AND NOT q.seqcycle \
             JOIN pg_class s ON s.oid = f.sequence JOIN pg_namespace sn ON sn.oid = s.relnamespace \
             JOIN pg_class r ON r.oid = f.relation AND r.relkind IN ('r', 'p') AND r.relpersistence = 'p' \
             JOIN pg_namespace rn ON rn.oid = r.relnamespace \
             JOIN pg_attribute c ON c.attrelid = r.oid AND c.attnum = f.place AND NOT c.attisdropped \
             JOIN pg_type t ON t.oid = c.atttypid AND t.typcategory = 'N' \
             WHERE s.relkind = 'S' AND rn.nspname !~ '^pg_' AND rn.nspname <> 'information_schema' \
               AND rn.nspname <> ALL ($1)",
            &[&ignored],
        )
        .await?;
    let entry = |row: &tokio_postgres::Row| {
        let (sequence, table, column): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        let increment: i64 = row.get(3);
        let (furthest, passed) = if increment > 0 { ("max", ">") } else { ("min", "<") };
        let query = format!(
            "SELECT next::text, furthest::text, coalesce(next {passed} furthest, true) FROM ( \
               SELECT CASE WHEN is_called THEN last_value::numeric + {increment} ELSE last_value END AS next, \
                 (SELECT {furthest}({column}) FROM {table})::numeric AS furthest FROM {sequence}) s"
        );
        let column = format!("{table}.{column}");
        (format!("{sequence} for {column}"), Feeds { sequence, column, query })
    };
    Ok(rows.iter().map(entry).collect())
}

/// In words, if the sequence is behind.
async fn behind(side: Side<'_>, feed: &Feeds, deadline: Instant) -> Result<Option<String>, PgError> {
    let read = async { Ok(side.session.client().query_one(&feed.query, &[]).await?) };
    let row = apart(&[side.session], deadline, read).await?;
    let (next, furthest): (String, Option<String>) = (row.get(0), row.get(1));
    Ok((!row.get::<_, bool>(2)).then(|| {
        format!(
            "is behind its column: the next value is {next}, {} has {}",
            feed.column,
            furthest.unwrap_or_default()
        )
    }))
}
