//! The comparison of two tables from end to end.
//!
//! Guaranteed: on two tables that nobody writes to, any difference is noticed and, within [`MOST_READINGS`], located.
//! Not guaranteed: anything about a table that is written to meanwhile, except that what changed between two readings is
//! reported as unsettled and not as equal.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::try_join;
use tokio::time::{Instant, timeout};

use super::buckets::{Buckets, position};
use super::example::{SHOWN, example};
use super::locate::{Found, Reading};
use super::pair::{Pair, Side};
use super::{CompareOptions, TableComparison, sample};
use crate::dynamodb::Dynamo;
use crate::dynamodb::item_digest::{Digested, Digester, Item};
use crate::dynamodb::scan::Reader;
use crate::{AwsError, Effect};

/// Both tables are read at most so often: a comparison that finds more has found enough.
const MOST_READINGS: u32 = 10;

/// Compares a copy of a table with its source, item by item.
///
/// # Errors
/// [`AwsError`] of a read that stayed in error; code `keys-differ` if the two have not the same key, `limit` if it took
/// longer than it may.
pub async fn compare_tables(
    dynamo: &Dynamo,
    source: &str,
    copy: &str,
    options: &CompareOptions,
) -> Result<TableComparison, AwsError> {
    let began = Instant::now();
    let compared = timeout(options.limit, compare(dynamo, source, copy, options)).await;
    let mut found = compared.unwrap_or_else(|_| {
        let seconds = options.limit.as_secs();
        Err(refused(
            "limit",
            format!(
                "comparing `{copy}` with `{source}` took longer than {seconds} s; allow more time, or compare a sample"
            ),
        ))
    })?;
    found.seconds = began.elapsed().as_secs_f64();
    Ok(found)
}

fn refused(code: &str, message: String) -> AwsError {
    AwsError { call: "Scan", code: code.into(), message, effect: Effect::None }
}

async fn compare(
    dynamo: &Dynamo,
    source: &str,
    copy: &str,
    options: &CompareOptions,
) -> Result<TableComparison, AwsError> {
    let readers = (Reader::new(dynamo, source), Reader::new(dynamo, copy));
    let (key, key_of_copy) = try_join(readers.0.key(), readers.1.key()).await?;
    if key != key_of_copy {
        let (key, other) = (key.join(", "), key_of_copy.join(", "));
        let message = format!("the key of `{source}` is ({key}), that of `{copy}` ({other})");
        return Err(refused("keys-differ", message));
    }
    let pair = Pair {
        source: readers.0,
        copy: readers.1,
        digester: Digester::new(&key),
        key: key.into(),
        ignore: options.ignore.clone(),
    };
    let mut result = match options.sample {
        Some(size) => sample::compare(&pair, size, options).await?,
        None => compare_all(&pair, options).await?,
    };
    result.throttled = pair.source.throttled() + pair.copy.throttled();
    Ok(result)
}

async fn compare_all(pair: &Pair, options: &CompareOptions) -> Result<TableComparison, AwsError> {
    let counts = Arc::new([AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0)]);
    let buckets = Arc::new(Buckets::within(options.memory_bytes));
    let take = {
        let (counts, buckets, pair) = (Arc::clone(&counts), Arc::clone(&buckets), pair.clone());
        let mut digester = pair.digester.clone();
        move |side: Side, items: Vec<Item>| {
            let counted = items.iter().filter(|item| pair.counts(item));
            let page: Vec<Digested> = counted.map(|item| digester.of(item)).collect::<Result<_, _>>()?;
            buckets.add(side, &page);
            let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
            let (all, counted) = (number(items.len()), number(page.len()));
            let [source, copy, ignored] = &*counts;
            let count = if side == Side::Source { source } else { copy };
            count.fetch_add(counted, Ordering::Relaxed);
            ignored.fetch_add(all - counted, Ordering::Relaxed);
            Ok(())
        }
    };
    pair.read(options.segments, take).await?;
    let [items_source, items_copy, ignored] = [0, 1, 2].map(|at: usize| counts[at].load(Ordering::Relaxed));
    let mut result = TableComparison {
        items_source,
        items_copy,
        ignored,
        complete: true,
        readings: 1,
        ..TableComparison::default()
    };
    // The readers have ended, and with them their shares.
    if let Some(buckets) = Arc::into_inner(buckets) {
        locate(pair, options, buckets, &mut result).await?;
    }
    Ok(result)
}

/// Finds the items in the buckets that differ.
async fn locate(
    pair: &Pair,
    options: &CompareOptions,
    buckets: Buckets,
    result: &mut TableComparison,
) -> Result<(), AwsError> {
    let Some(differing) = buckets.differing() else { return Ok(()) };
    let mut unexplained = differing.clone();
    let differing = Arc::new(differing);
    let budget = options.memory_bytes.saturating_sub(2 * differing.bytes());
    let mut examples: Vec<Found> = Vec::new();
    let mut next = Some(0);
    while let Some(first) = next {
        if result.readings >= MOST_READINGS {
            result.complete = false;
            break;
        }
        let reading = Arc::new(Mutex::new(Reading::from(first, budget)));
        let take = {
            let (reading, differing, pair) = (Arc::clone(&reading), Arc::clone(&differing), pair.clone());
            let mut digester = pair.digester.clone();
            move |side: Side, items: Vec<Item>| {
                for item in items.iter().filter(|item| pair.counts(item)) {
                    let digested = digester.of(item)?;
                    if differing.contains(position(digested.key)) {
                        guard(&reading).add(side, digested, item, &pair.key);
                    }
                }
                Ok(())
            }
        };
        pair.read(options.segments, take).await?;
        result.readings += 1;
        let reading = std::mem::replace(&mut *guard(&reading), Reading::from(0, 0));
        let (found, rest) = reading.end();
        result.differences += u64::try_from(found.len()).unwrap_or(u64::MAX);
        for (key, found) in found {
            unexplained.explain(position(key));
            if examples.len() < SHOWN {
                examples.push(found);
            }
        }
        next = rest;
    }
    if result.complete {
        result.unsettled = unexplained.count();
    }
    for found in examples {
        result.examples.push(example(pair, found, options.show_values).await?);
    }
    Ok(())
}

fn guard(reading: &Mutex<Reading>) -> MutexGuard<'_, Reading> {
    reading.lock().unwrap_or_else(PoisonError::into_inner)
}
