//! The digest of a table: rows counted and hashed inside the database, whatever their order.
//!
//! Each row's hash seeds another hash before they are summed: the record hash alone is linear across columns and does
//! not notice a value that was swapped between two rows. The sum is a numeric, so it does not overflow, and unlike
//! exclusive-or it counts a row that is there twice. It is no cryptographic digest: it notices accidents and defects, and
//! does not withstand somebody who chooses rows so that their sums agree.

use std::ops::AddAssign;

use tokio_postgres::types::ToSql;

use super::TableShape;
use crate::postgres::{PgError, Session};

/// The digest of a table or of a part of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct TableDigest {
    /// How many rows.
    pub rows: u64,
    /// The sum of their hashes.
    pub sum: i128,
}

impl AddAssign for TableDigest {
    fn add_assign(&mut self, other: Self) {
        self.rows += other.rows;
        self.sum += other.sum;
    }
}

/// Which rows of a table: conditions that all hold, and the values that they name as `$1`, `$2`, … in text form.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    conditions: Vec<String>,
    values: Vec<String>,
}

impl Filter {
    /// One condition and its values.
    pub fn new(condition: String, values: Vec<String>) -> Self {
        Self { conditions: vec![condition], values }
    }

    /// Narrowed by a condition without values.
    #[must_use]
    pub fn and(&self, condition: String) -> Self {
        let mut narrower = self.clone();
        narrower.conditions.push(condition);
        narrower
    }

    /// As an SQL clause; empty where every row is meant.
    pub(super) fn clause(&self) -> String {
        match self.conditions.is_empty() {
            true => String::new(),
            false => format!(" WHERE {}", self.conditions.join(" AND ")),
        }
    }

    pub(super) fn values(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
    }
}

/// The hash of one row, as an expression over a table's columns.
pub(super) fn row_hash(shape: &TableShape, version: u32) -> String {
    hash_of(shape.columns.iter().map(|column| column.exact.as_str()), version)
}

/// The hash of the primary key, as an expression; of the whole row where there is none.
pub(super) fn key_hash(shape: &TableShape, version: u32) -> String {
    if shape.key.is_empty() {
        return row_hash(shape, version);
    }
    let key = shape.key_columns().map(|column| column.exact.as_str());
    hash_of(key, version)
}

fn hash_of<'a>(parts: impl Iterator<Item = &'a str>, version: u32) -> String {
    let mut row = parts.collect::<Vec<_>>().join(", ");
    if row.is_empty() {
        row = "0".into();
    }
    if version >= 140_000 {
        format!("hashint4extended(0, hash_record_extended(ROW({row}), 0))")
    } else {
        format!("hashint4extended(0, hashtextextended(ROW({row})::text COLLATE \"C\", 0))")
    }
}

/// The digest of a table's rows, those of tables that inherit from it not among them. `version` is the server's
/// `server_version_num`; two servers are compared by the older one's form.
///
/// # Errors
/// [`PgError`].
pub async fn table_digest(
    session: &Session,
    shape: &TableShape,
    version: u32,
    filter: &Filter,
) -> Result<TableDigest, PgError> {
    let query = format!(
        "SELECT count(*), coalesce(sum({}), 0)::text FROM ONLY {}{}",
        row_hash(shape, version),
        shape.quoted(),
        filter.clause()
    );
    let row = session.client().query_one(&query, &filter.values()).await?;
    Ok(TableDigest { rows: count(row.get(0)), sum: sum(row.get(1)) })
}

/// A count as PostgreSQL gives it.
pub(super) fn count(found: i64) -> u64 {
    u64::try_from(found).unwrap_or_default()
}

/// A sum of hashes: at most 2^64 of 63 bits.
pub(super) fn sum(text: &str) -> i128 {
    text.parse().unwrap_or_default()
}
