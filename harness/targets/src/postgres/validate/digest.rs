//! The digest of a table: rows counted and hashed inside the database, whatever their order.
//!
//! Each row's hash seeds another hash before they are summed: the record hash alone is linear across columns and does
//! not notice a value that was swapped between two rows. The sum is a numeric, so it does not overflow, and unlike
//! exclusive-or it counts a row that is there twice. It is no cryptographic digest: it notices accidents and defects, and
//! does not withstand somebody who chooses rows so that their sums agree.

use super::TableShape;
use crate::postgres::{PgError, Session};

/// The digest of a table or of a part of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TableDigest {
    /// How many rows.
    pub rows: u64,
    /// The sum of their hashes, decimal.
    pub sum: String,
}

/// Pins the settings that text forms depend on.
///
/// # Errors
/// [`PgError`].
pub async fn pin_settings(session: &Session) -> Result<(), PgError> {
    let pins = "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, MDY'; SET IntervalStyle = 'postgres'; \
                SET extra_float_digits = 3; SET bytea_output = 'hex'; SET xmloption = 'content'; SET lc_monetary = 'C'; \
                SET search_path = pg_catalog";
    Ok(session.client().batch_execute(pins).await?)
}

/// The hash of one row, as an expression over a table's columns.
pub(super) fn row_hash(shape: &TableShape, version: u32) -> String {
    let columns: Vec<&str> = shape.columns.iter().map(|column| column.exact.as_str()).collect();
    let row = if columns.is_empty() { "ROW(0)".to_owned() } else { format!("ROW({})", columns.join(", ")) };
    if version >= 140_000 {
        format!("hashint4extended(0, hash_record_extended({row}, 0))")
    } else {
        format!("hashint4extended(0, hashtextextended({row}::text COLLATE \"C\", 0))")
    }
}

/// The digest of a table, or of its rows for which `filter` holds: an SQL condition over the columns, with its values as
/// text parameters. `version` is the server's `server_version_num`; two servers are compared by the older one's form.
///
/// # Errors
/// [`PgError`].
pub async fn table_digest(
    session: &Session,
    shape: &TableShape,
    version: u32,
    filter: Option<(&str, &[String])>,
) -> Result<TableDigest, PgError> {
    let (condition, values) =
        filter.map_or((String::new(), &[][..]), |(sql, values)| (format!(" WHERE {sql}"), values));
    let query = format!(
        "SELECT count(*), coalesce(sum({}), 0)::text FROM {}{condition}",
        row_hash(shape, version),
        shape.quoted()
    );
    let parameters: Vec<&(dyn tokio_postgres::types::ToSql + Sync)> =
        values.iter().map(|value| value as &(dyn tokio_postgres::types::ToSql + Sync)).collect();
    let row = session.client().query_one(&query, &parameters).await?;
    Ok(TableDigest { rows: u64::try_from(row.get::<_, i64>(0)).unwrap_or_default(), sum: row.get(1) })
}
