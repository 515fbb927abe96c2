//! Whether two tables are the same, and where they differ.
//!
//! A large table is read in parts of its file, and where the parts differ is bisected further: a copy made by a physical
//! restore has its rows at the same places. The rows outside the parts that differ are the same on both sides, wherever
//! they lie, so that the rows inside tell all. Where too much differs for that, as in a copy made by a logical restore,
//! the rows are split by the hash of their key.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use futures_util::future::join_all;

use super::digest::{Filter, count, key_hash, row_hash, sum};
use super::rows::{DifferentRow, Rows, differences, read_both};
use super::{Pair, Side, TableDigest, TableShape, table_digest};
use crate::postgres::PgError;

/// So many rows are read one by one.
const FEW_ROWS: u64 = 20_000;
/// A part that differs is split into so many.
const PARTS: u64 = 64;
/// No part of a file is smaller, in pages.
const SMALLEST: u64 = 8;
/// Smaller tables are read in one query, in pages.
const WORTH_PARTS: u64 = 2_048;
/// Rows are split by hash into at most so many buckets: this bounds the server's memory.
const MOST_BUCKETS: u64 = 65_536;
/// TID range scans came with PostgreSQL 14.
const RANGE_SCANS: u32 = 140_000;

/// How two tables compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// The left side's digest.
    pub left: TableDigest,
    /// The right side's.
    pub right: TableDigest,
    /// Every row that was found to differ.
    pub rows: Vec<DifferentRow>,
    /// Whether these are all of them; where very many differ, only a part is looked for.
    pub all: bool,
}

impl Comparison {
    /// Whether both sides hold the same rows.
    pub fn is_same(&self) -> bool {
        self.left == self.right
    }
}

/// Pages of a file: from, and up to but without.
#[derive(Debug, Clone, Copy)]
struct Part {
    from: u64,
    to: Option<u64>,
}

impl Part {
    fn narrow(self, filter: &Filter) -> Filter {
        if let (0, None) = (self.from, self.to) {
            return filter.clone();
        }
        let end = self.to.map(|to| format!(" AND ctid < '({to},0)'::tid")).unwrap_or_default();
        filter.and(format!("ctid >= '({},0)'::tid{end}", self.from))
    }

    /// In equal pieces, the last one as open as the part itself. `pages` is the length of the file.
    fn split(self, pages: u64) -> Vec<Self> {
        let end = self.to.unwrap_or(pages).max(self.from + 1);
        let step = (end - self.from).div_ceil(PARTS).max(SMALLEST);
        let starts: Vec<u64> =
            (self.from..end).step_by(usize::try_from(step).unwrap_or(usize::MAX)).collect();
        let piece =
            |place: usize| Self { from: starts[place], to: starts.get(place + 1).copied().or(self.to) };
        (0..starts.len()).map(piece).collect()
    }

    fn length(self, pages: u64) -> u64 {
        self.to.unwrap_or(pages).saturating_sub(self.from)
    }
}

/// A part whose digests differ.
struct Different {
    part: Part,
    rows: u64,
}

/// Compares a table's rows on two servers, both read at the same time and by every pair at once, and finds the rows that
/// differ. Each pair has to see the same data, and both sides have to have the columns of `shape`.
///
/// # Errors
/// [`PgError`] of either side.
pub async fn compare(pairs: &[Pair<'_>], shape: &TableShape, filter: &Filter) -> Result<Comparison, PgError> {
    let Some(pair) = pairs.first() else {
        return Err(PgError::no_answer("there is no session to read with"));
    };
    let whole = Part { from: 0, to: None };
    let ranges = pair.version() >= RANGE_SCANS;
    let pages = if ranges { pages(*pair, shape).await? } else { 0 };
    let parts = if pages < WORTH_PARTS { vec![whole] } else { whole.split(pages) };
    let digests = digest_parts(pairs, shape, filter, &parts).await?;
    let (mut left, mut right) = (TableDigest::default(), TableDigest::default());
    for (_, of_left, of_right) in &digests {
        left += *of_left;
        right += *of_right;
    }
    if left == right {
        return Ok(Comparison { left, right, rows: Vec::new(), all: true });
    }
    let (rows, all) = if ranges {
        let found = bisect(pairs, shape, filter, pages, different(digests)).await?;
        match found {
            Some(rows) => (rows, true),
            None => by_hash(*pair, shape, filter, left.rows.max(right.rows)).await?,
        }
    } else {
        by_hash(*pair, shape, filter, left.rows.max(right.rows)).await?
    };
    Ok(Comparison { left, right, rows, all })
}

/// The length of the longer file.
async fn pages(pair: Pair<'_>, shape: &TableShape) -> Result<u64, PgError> {
    let table = shape.quoted();
    let of = async |side: Side<'_>| {
        let query = "SELECT pg_relation_size($1::text::regclass) / current_setting('block_size')::int8";
        let row = side.session.client().query_one(query, &[&table]).await?;
        Ok::<_, PgError>(count(row.get(0)))
    };
    let (left, right) = pair.both(of).await?;
    Ok(left.max(right))
}

/// The digests of every part, on every pair at once.
async fn digest_parts(
    pairs: &[Pair<'_>],
    shape: &TableShape,
    filter: &Filter,
    parts: &[Part],
) -> Result<Vec<(Part, TableDigest, TableDigest)>, PgError> {
    let queue = Mutex::new(parts.iter().copied());
    let next = || queue.lock().ok().and_then(|mut queue| queue.next());
    let work = async |pair: &Pair<'_>| {
        let version = pair.version();
        let mut done = Vec::new();
        while let Some(part) = next() {
            let filter = part.narrow(filter);
            let read = async |side: Side<'_>| table_digest(side.session, shape, version, &filter).await;
            let (left, right) = pair.both(read).await?;
            done.push((part, left, right));
        }
        Ok::<_, PgError>(done)
    };
    let done = join_all(pairs.iter().map(work)).await;
    done.into_iter().collect::<Result<Vec<_>, _>>().map(|done| done.into_iter().flatten().collect())
}

fn different(digests: Vec<(Part, TableDigest, TableDigest)>) -> Vec<Different> {
    let found = digests.into_iter().filter(|(_, left, right)| left != right);
    found.map(|(part, left, right)| Different { part, rows: left.rows.max(right.rows) }).collect()
}

/// Splits the parts that differ until their rows are few. `None` where the differences are all over the table.
async fn bisect(
    pairs: &[Pair<'_>],
    shape: &TableShape,
    filter: &Filter,
    pages: u64,
    mut open: Vec<Different>,
) -> Result<Option<Vec<DifferentRow>>, PgError> {
    let length = |open: &[Different]| open.iter().map(|found| found.part.length(pages)).sum::<u64>();
    let mut before = pages.max(1);
    while open.iter().map(|found| found.rows).sum::<u64>() > FEW_ROWS {
        let now = length(&open);
        if now > before / 4 {
            return Ok(None);
        }
        before = now;
        let parts: Vec<Part> = open.iter().flat_map(|found| found.part.split(pages)).collect();
        if parts.len() == open.len() {
            return Ok(None);
        }
        open = different(digest_parts(pairs, shape, filter, &parts).await?);
    }
    let (mut left, mut right) = (Rows::new(), Rows::new());
    for found in &open {
        let filter = found.part.narrow(filter);
        let (of_left, of_right) = read_both(pairs[0], shape, &filter).await?;
        for (all, part) in [(&mut left, of_left), (&mut right, of_right)] {
            for (name, hashes) in part {
                all.entry(name).or_default().extend(hashes);
            }
        }
    }
    Ok(Some(differences(left, right, !shape.key.is_empty())))
}

/// Splits the rows by the hash of their key, and reads buckets that differ until their rows are enough. Also says whether
/// all of them were read.
async fn by_hash(
    pair: Pair<'_>,
    shape: &TableShape,
    filter: &Filter,
    rows: u64,
) -> Result<(Vec<DifferentRow>, bool), PgError> {
    let version = pair.version();
    let buckets = (rows / 1_000).next_power_of_two().clamp(1, MOST_BUCKETS);
    let bucket = format!("({} & {})", key_hash(shape, version), buckets - 1);
    let (mut chosen, mut sum_of_rows, mut all) = (Vec::new(), 0, true);
    if buckets > 1 {
        let query = format!(
            "SELECT {bucket}, count(*), sum({})::text FROM ONLY {}{} GROUP BY 1",
            row_hash(shape, version),
            shape.quoted(),
            filter.clause()
        );
        let read = async |side: Side<'_>| {
            // The number of groups is overestimated by far; sorting all rows is what that would lead to.
            let client = side.session.client();
            client.batch_execute("SET enable_sort = off").await?;
            let found = client.query(&query, &filter.values()).await;
            // After an error inside a transaction this fails too, and the setting goes back with the transaction.
            let _ = client.batch_execute("SET enable_sort = on").await;
            let digest =
                |row: &tokio_postgres::Row| TableDigest { rows: count(row.get(1)), sum: sum(row.get(2)) };
            let entry = |row: &tokio_postgres::Row| (row.get::<_, i64>(0), digest(row));
            Ok::<_, PgError>(found?.iter().map(entry).collect::<BTreeMap<_, _>>())
        };
        let (left, right) = pair.both(read).await?;
        let names: BTreeSet<i64> = left.keys().chain(right.keys()).copied().collect();
        for name in names.into_iter().filter(|name| left.get(name) != right.get(name)) {
            if sum_of_rows > FEW_ROWS {
                all = false;
                break;
            }
            sum_of_rows +=
                [&left, &right].iter().filter_map(|side| side.get(&name)).map(|d| d.rows).max().unwrap_or(0);
            chosen.push(name.to_string());
        }
    }
    let filter = match buckets {
        1 => filter.clone(),
        _ => filter.and(format!("{bucket} IN ({})", chosen.join(", "))),
    };
    let (left, right) = read_both(pair, shape, &filter).await?;
    Ok((differences(left, right, !shape.key.is_empty()), all))
}
