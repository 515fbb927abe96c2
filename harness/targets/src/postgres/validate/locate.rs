//! Where two tables differ: by bisection over the primary key, down to the rows.

use std::collections::BTreeMap;

use futures_util::future::try_join;
use tokio_postgres::types::ToSql;

use super::digest::row_hash;
use super::shape::quote;
use super::{TableDigest, TableShape, table_digest};
use crate::postgres::{PgError, Session};

/// Ranges of at most this many rows are read row by row.
const LEAF: u64 = 1_000;

/// One side of a comparison: a session whose settings are pinned.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// The session.
    pub session: &'a Session,
    /// The server's `server_version_num`.
    pub version: u32,
}

/// A row that differs, by its key's columns as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DifferentRow {
    /// Only the left side has it.
    OnlyLeft(Vec<String>),
    /// Only the right side has it.
    OnlyRight(Vec<String>),
    /// Both have it, with different values.
    Changed(Vec<String>),
}

/// How two tables differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The left side's digest.
    pub left: TableDigest,
    /// The right side's.
    pub right: TableDigest,
    /// The rows, up to the number asked for; empty where the table has no primary key to find them by.
    pub rows: Vec<DifferentRow>,
}

/// A range of keys: after `from`, up to and with `to`.
#[derive(Debug, Clone, Default)]
struct Range {
    from: Option<Vec<String>>,
    to: Option<Vec<String>>,
}

/// Compares a table on two servers, each read once and at the same time, and on a difference finds at most `most` rows of
/// it. Both have to have the columns of `shape`.
///
/// # Errors
/// [`PgError`] of either side.
pub async fn locate(
    left: Side<'_>,
    right: Side<'_>,
    shape: &TableShape,
    most: usize,
) -> Result<Option<Difference>, PgError> {
    let version = left.version.min(right.version);
    let whole = Range::default();
    let (of_left, of_right) = digests(left, right, shape, version, &whole).await?;
    if of_left == of_right {
        return Ok(None);
    }
    let mut rows = Vec::new();
    let mut open = vec![(whole, of_left.rows.max(of_right.rows))];
    while let Some((range, count)) = open.pop() {
        if shape.key.is_empty() || rows.len() >= most {
            break;
        }
        if count <= LEAF {
            rows.extend(leaf(left, right, shape, version, &range).await?);
            continue;
        }
        // The longer side's middle key splits both.
        let middle = middle(left, right, shape, &range, count).await?;
        let Some(middle) = middle.filter(|middle| range.to.as_ref() != Some(middle)) else {
            // It cannot be split any more.
            rows.extend(leaf(left, right, shape, version, &range).await?);
            continue;
        };
        let lower = Range { from: range.from.clone(), to: Some(middle.clone()) };
        let upper = Range { from: Some(middle), to: range.to.clone() };
        for half in [upper, lower] {
            let (l, r) = digests(left, right, shape, version, &half).await?;
            if l != r {
                open.push((half, l.rows.max(r.rows)));
            }
        }
    }
    rows.truncate(most);
    Ok(Some(Difference { left: of_left, right: of_right, rows }))
}

async fn digests(
    left: Side<'_>,
    right: Side<'_>,
    shape: &TableShape,
    version: u32,
    range: &Range,
) -> Result<(TableDigest, TableDigest), PgError> {
    let (sql, values) = condition(shape, range);
    let filter = (!sql.is_empty()).then_some((sql.as_str(), values.as_slice()));
    try_join(
        table_digest(left.session, shape, version, filter),
        table_digest(right.session, shape, version, filter),
    )
    .await
}

/// The range as a condition, and its values.
fn condition(shape: &TableShape, range: &Range) -> (String, Vec<String>) {
    let key: Vec<String> = shape.key.iter().map(|name| quote(name)).collect();
    let (mut parts, mut values) = (Vec::new(), Vec::new());
    for (bound, operator) in [(&range.from, ">"), (&range.to, "<=")] {
        let Some(bound) = bound else { continue };
        let marks: Vec<String> = shape
            .key
            .iter()
            .enumerate()
            .map(|(place, name)| format!("${}::text::{}", values.len() + place + 1, type_of(shape, name)))
            .collect();
        parts.push(format!("({}) {operator} ({})", key.join(", "), marks.join(", ")));
        values.extend(bound.iter().cloned());
    }
    (parts.join(" AND "), values)
}

fn type_of<'a>(shape: &'a TableShape, name: &str) -> &'a str {
    shape.columns.iter().find(|column| column.name == name).map_or("text", |column| column.type_name.as_str())
}

/// The key in the middle of a range that has more than one row, on the side that has more of them.
async fn middle(
    left: Side<'_>,
    right: Side<'_>,
    shape: &TableShape,
    range: &Range,
    count: u64,
) -> Result<Option<Vec<String>>, PgError> {
    let (sql, values) = condition(shape, range);
    let filter = if sql.is_empty() { String::new() } else { format!("WHERE {sql}") };
    let key: Vec<String> = shape.key.iter().map(|name| quote(name)).collect();
    let texts: Vec<String> = key.iter().map(|name| format!("t.{name}::text")).collect();
    // With the table's name, for without it `ORDER BY id` would sort by the text that is selected under that name.
    let order: Vec<String> = key.iter().map(|name| format!("t.{name}")).collect();
    let query = format!(
        "SELECT {} FROM {} AS t {filter} ORDER BY {} OFFSET {} LIMIT 1",
        texts.join(", "),
        shape.quoted(),
        order.join(", "),
        (count / 2).saturating_sub(1)
    );
    for side in [left, right] {
        if let Some(row) = side.session.client().query_opt(&query, &parameters(&values)).await? {
            return Ok(Some((0..key.len()).map(|place| row.get(place)).collect()));
        }
    }
    Ok(None)
}

fn parameters(values: &[String]) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

async fn leaf(
    left: Side<'_>,
    right: Side<'_>,
    shape: &TableShape,
    version: u32,
    range: &Range,
) -> Result<Vec<DifferentRow>, PgError> {
    let read = |side| rows(side, shape, version, range);
    let (of_left, mut of_right) = try_join(read(left), read(right)).await?;
    let mut found = Vec::new();
    for (key, hash) in of_left {
        match of_right.remove(&key) {
            None => found.push(DifferentRow::OnlyLeft(key)),
            Some(other) if other != hash => found.push(DifferentRow::Changed(key)),
            Some(_) => {}
        }
    }
    found.extend(of_right.into_keys().map(DifferentRow::OnlyRight));
    Ok(found)
}

/// Key and hash of every row of a range.
async fn rows(
    side: Side<'_>,
    shape: &TableShape,
    version: u32,
    range: &Range,
) -> Result<BTreeMap<Vec<String>, i64>, PgError> {
    let (sql, values) = condition(shape, range);
    let filter = if sql.is_empty() { String::new() } else { format!("WHERE {sql}") };
    let texts: Vec<String> = shape.key.iter().map(|name| format!("{}::text", quote(name))).collect();
    let query =
        format!("SELECT {}, {} FROM {} {filter}", texts.join(", "), row_hash(shape, version), shape.quoted());
    let found = side.session.client().query(&query, &parameters(&values)).await?;
    let keys = shape.key.len();
    Ok(found.iter().map(|row| ((0..keys).map(|place| row.get(place)).collect(), row.get(keys))).collect())
}
