//! The rows of two sides held against each other, one by one.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::digest::{Filter, row_hash};
use super::shape::quote;
use super::{Pair, Side, TableShape};
use crate::postgres::PgError;

/// A row that differs. It is named by its key's columns as text, or where the table has no key by its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DifferentRow {
    /// Only the left side has it.
    OnlyLeft(Vec<String>),
    /// Only the right side has it.
    OnlyRight(Vec<String>),
    /// Both have it, with different values.
    Changed(Vec<String>),
    /// At least one side has it more than once.
    Repeated {
        /// Which.
        row: Vec<String>,
        /// How often the left side has it.
        left: usize,
        /// How often the right side.
        right: usize,
    },
}

impl DifferentRow {
    /// The key, or the hash.
    pub fn name(&self) -> &[String] {
        match self {
            Self::OnlyLeft(row) | Self::OnlyRight(row) | Self::Changed(row) | Self::Repeated { row, .. } => {
                row
            }
        }
    }
}

/// Rows by name, with the hash of each that has it.
pub(super) type Rows = BTreeMap<Vec<String>, Vec<i64>>;

/// Reads name and hash of the rows of both sides.
pub(super) async fn read_both(
    pair: Pair<'_>,
    shape: &TableShape,
    filter: &Filter,
) -> Result<(Rows, Rows), PgError> {
    pair.both(async |side: Side<'_>| read(side, shape, pair.version(), filter).await).await
}

async fn read(side: Side<'_>, shape: &TableShape, version: u32, filter: &Filter) -> Result<Rows, PgError> {
    let texts: Vec<String> = shape.key.iter().map(|name| format!("{}::text", quote(name))).collect();
    let query = format!(
        "SELECT {}, ARRAY[{}]::text[] FROM ONLY {}{}",
        row_hash(shape, version),
        texts.join(", "),
        shape.quoted(),
        filter.clause()
    );
    let mut rows = Rows::new();
    for row in side.session.client().query(&query, &filter.values()).await? {
        let hash: i64 = row.get(0);
        // Corrupt data may have NULL in a key.
        let key: Vec<Option<String>> = row.get(1);
        let mut name: Vec<String> =
            key.into_iter().map(|part| part.unwrap_or_else(|| "NULL".into())).collect();
        if name.is_empty() {
            name.push(hash.to_string());
        }
        rows.entry(name).or_default().push(hash);
    }
    Ok(rows)
}

/// The rows that differ, in the order of their names.
pub(super) fn differences(left: Rows, mut right: Rows, keyed: bool) -> Vec<DifferentRow> {
    let mut found = Vec::new();
    for (name, mut of_left) in left {
        let mut of_right = right.remove(&name).unwrap_or_default();
        of_left.sort_unstable();
        of_right.sort_unstable();
        if of_left != of_right {
            found.push(difference(name, of_left.len(), of_right.len(), keyed));
        }
    }
    found.extend(right.into_iter().map(|(name, hashes)| difference(name, 0, hashes.len(), keyed)));
    found.sort_by(|a, b| in_order(a.name(), b.name()));
    found
}

fn difference(row: Vec<String>, left: usize, right: usize, keyed: bool) -> DifferentRow {
    match (left, right) {
        (1, 0) => DifferentRow::OnlyLeft(row),
        (0, 1) => DifferentRow::OnlyRight(row),
        (1, 1) if keyed => DifferentRow::Changed(row),
        _ => DifferentRow::Repeated { row, left, right },
    }
}

/// Numbers by value, other text by its letters.
fn in_order(a: &[String], b: &[String]) -> Ordering {
    for (a, b) in a.iter().zip(b) {
        let order = match (a.parse::<i128>(), b.parse::<i128>()) {
            (Ok(a), Ok(b)) => a.cmp(&b),
            _ => a.cmp(b),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    Ordering::Equal
}
