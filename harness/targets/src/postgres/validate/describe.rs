//! A difference in words: how many rows, between which keys, and the first of them.

use super::digest::{Filter, row_hash};
use super::shape::quote;
use super::{Comparison, DifferentRow, Pair, Side, TableShape};
use crate::postgres::PgError;

/// So many rows are named.
const SHOWN: usize = 20;
/// So many letters of a value are shown.
const LETTERS: usize = 80;
/// And of a whole row.
const ROW_LETTERS: usize = 300;

/// What differs; with `show_values` also the values.
pub(super) async fn describe(
    pair: Pair<'_>,
    shape: &TableShape,
    filter: &Filter,
    found: &Comparison,
    show_values: bool,
) -> Result<String, PgError> {
    let mut parts = vec![match found.left.rows == found.right.rows {
        true => format!("the digests of {} rows differ", found.left.rows),
        false => format!("{} rows in the source, {} in the copy", found.left.rows, found.right.rows),
    }];
    let least = if found.all { "" } else { "at least " };
    let differ = if found.rows.len() == 1 { "differs" } else { "differ" };
    let mut count = format!("{least}{} {differ}", rows(found.rows.len()));
    if let (false, [first, .., last]) = (shape.key.is_empty(), found.rows.as_slice()) {
        count = format!("{count}, from {} to {}", key(shape, first.name()), key(shape, last.name()));
    }
    parts.push(count);
    if shape.key.is_empty() && !show_values {
        parts.push("the table has no primary key to name them by".into());
        parts.extend(counted(&found.rows));
    } else {
        for row in found.rows.iter().take(SHOWN) {
            parts.push(one(pair, shape, filter, row, show_values).await?);
        }
        if found.rows.len() > SHOWN {
            parts.push(format!("and {} more", found.rows.len() - SHOWN));
        }
    }
    Ok(parts.join("; "))
}

fn rows(count: usize) -> String {
    if count == 1 { "1 row".into() } else { format!("{count} rows") }
}

fn times(count: usize) -> String {
    match count {
        0 => "not".into(),
        1 => "once".into(),
        2 => "twice".into(),
        more => format!("{more} times"),
    }
}

/// Rows without a name, by what is wrong with them.
fn counted(found: &[DifferentRow]) -> Vec<String> {
    let mut kinds: Vec<(String, usize)> = Vec::new();
    for row in found {
        let what = placed(row);
        match kinds.iter_mut().find(|(kind, _)| *kind == what) {
            Some((_, count)) => *count += 1,
            None => kinds.push((what, 1)),
        }
    }
    kinds.into_iter().map(|(what, count)| format!("{} {what}", rows(count))).collect()
}

/// Where a row is, as a fragment after its name.
fn placed(row: &DifferentRow) -> String {
    match row {
        DifferentRow::OnlyLeft(_) => "missing in the copy".into(),
        DifferentRow::OnlyRight(_) => "in the copy only".into(),
        DifferentRow::Changed(_) => "changed".into(),
        DifferentRow::Repeated { left, right, .. } if left == right => {
            format!("{} on both sides, with different values", times(*left))
        }
        DifferentRow::Repeated { left, right, .. } => {
            format!("{} in the copy, {} in the source", times(*right), times(*left))
        }
    }
}

fn key(shape: &TableShape, values: &[String]) -> String {
    let parts: Vec<String> =
        shape.key.iter().zip(values).map(|(name, value)| format!("{name}={value}")).collect();
    parts.join(", ")
}

async fn one(
    pair: Pair<'_>,
    shape: &TableShape,
    filter: &Filter,
    row: &DifferentRow,
    show_values: bool,
) -> Result<String, PgError> {
    let placed = placed(row);
    if shape.key.is_empty() {
        // Only where values may be shown: read again to find the row by its hash.
        let side = if matches!(row, DifferentRow::OnlyLeft(_)) { pair.left } else { pair.right };
        let hash: i64 = row.name().first().and_then(|hash| hash.parse().ok()).unwrap_or_default();
        let filter = filter.and(format!("{} = {hash}", row_hash(shape, pair.version())));
        let mut text = whole_row(side, shape, &filter).await?;
        if text.is_none() {
            text = whole_row(pair.left, shape, &filter).await?;
        }
        return Ok(format!("{} {placed}", text.unwrap_or_else(|| "a row".into())));
    }
    let name = key(shape, row.name());
    let by_key = by_key(shape, row.name());
    let side = match row {
        DifferentRow::Changed(_) => {
            return Ok(format!("{name} {}", changed(pair, shape, &by_key, show_values).await?));
        }
        DifferentRow::OnlyLeft(_) => pair.left,
        _ => pair.right,
    };
    let values = match show_values {
        true => whole_row(side, shape, &by_key).await?.map(|text| format!(" {text}")).unwrap_or_default(),
        false => String::new(),
    };
    Ok(format!("{name}{values} {placed}"))
}

/// The rows with this key.
fn by_key(shape: &TableShape, values: &[String]) -> Filter {
    let conditions: Vec<String> = shape
        .key_columns()
        .enumerate()
        .map(|(place, column)| {
            format!("{} = ${}::text::{}", quote(&column.name), place + 1, column.type_name)
        })
        .collect();
    Filter::new(conditions.join(" AND "), values.to_vec())
}

async fn whole_row(side: Side<'_>, shape: &TableShape, filter: &Filter) -> Result<Option<String>, PgError> {
    let columns: Vec<String> = shape.columns.iter().map(|column| quote(&column.name)).collect();
    let query = format!(
        "SELECT left(ROW({})::text, {ROW_LETTERS}) FROM ONLY {}{} LIMIT 1",
        columns.join(", "),
        shape.quoted(),
        filter.clause()
    );
    Ok(side.session.client().query_opt(&query, &filter.values()).await?.map(|row| row.get(0)))
}

/// Which columns of a row differ.
async fn changed(
    pair: Pair<'_>,
    shape: &TableShape,
    filter: &Filter,
    show_values: bool,
) -> Result<String, PgError> {
    let hashes: Vec<String> = shape
        .columns
        .iter()
        .map(|column| format!("hashtextextended(({})::text COLLATE \"C\", 0)", column.exact))
        .collect();
    let values: Vec<String> = match show_values {
        true => shape.columns.iter().map(|c| format!("left({}::text, {LETTERS})", quote(&c.name))).collect(),
        false => Vec::new(),
    };
    let query = format!(
        "SELECT ARRAY[{}]::int8[], ARRAY[{}]::text[] FROM ONLY {}{} LIMIT 1",
        hashes.join(", "),
        values.join(", "),
        shape.quoted(),
        filter.clause()
    );
    type Read = (Vec<Option<i64>>, Vec<Option<String>>);
    let read = async |side: Side<'_>| -> Result<Option<Read>, PgError> {
        let row = side.session.client().query_opt(&query, &filter.values()).await?;
        Ok(row.map(|row| (row.get(0), row.get(1))))
    };
    let (Some(left), Some(right)) = pair.both(read).await? else { return Ok("changed".into()) };
    let text = |value: Option<&Option<String>>| match value.cloned().flatten() {
        Some(value) => format!("'{value}'"),
        None => "NULL".into(),
    };
    let parts: Vec<String> = shape
        .columns
        .iter()
        .enumerate()
        .filter(|(place, _)| left.0.get(*place) != right.0.get(*place))
        .map(|(place, column)| match show_values {
            true => {
                format!("{} from {} to {}", column.name, text(left.1.get(place)), text(right.1.get(place)))
            }
            false => column.name.clone(),
        })
        .collect();
    Ok(format!("changed in {}", parts.join(", ")))
}
