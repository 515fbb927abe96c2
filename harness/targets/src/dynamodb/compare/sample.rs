//! A sample of tables too large to read twice: pages from random segments of each table, and their counterparts by key in
//! the other.
//!
//! Not guaranteed: that every item is drawn with the same likelihood. Of a segment, the first items come first; a
//! partition key with many items is seen by its first ones.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::try_join;
use rand::RngExt as _;
use rand::seq::SliceRandom as _;
use tokio::task::JoinSet;

use super::example::{SHOWN, example};
use super::locate::{Found, Seen};
use super::pair::{Pair, Side};
use super::{CompareOptions, TableComparison};
use crate::AwsError;
use crate::dynamodb::item_digest::{Digester, Item};
use crate::dynamodb::scan::{Reader, Segment, joined, key_of};

/// Items of a segment that are drawn at once.
const DRAWN: i32 = 25;

/// What is left to draw from one table, and what was found.
#[derive(Debug, Default)]
struct Draw {
    left: u64,
    segments: VecDeque<(Segment, Option<Item>)>,
    drawn: u64,
    ignored: u64,
    different: Vec<(u128, Found)>,
}

/// Draws about `size` items from each table and compares them with the other's.
pub(super) async fn compare(
    pair: &Pair,
    size: u64,
    options: &CompareOptions,
) -> Result<TableComparison, AwsError> {
    let of_source = draw(pair, Side::Source, size, options.segments);
    let of_copy = draw(pair, Side::Copy, size, options.segments);
    let (source, copy) = try_join(of_source, of_copy).await?;
    let mut seen = HashSet::new();
    let mut different: Vec<_> = source.different.into_iter().chain(copy.different).collect();
    // An item that was drawn on both sides is one difference.
    different.retain(|(key, _)| seen.insert(*key));
    let mut result = TableComparison {
        items_source: source.drawn,
        items_copy: copy.drawn,
        ignored: source.ignored + copy.ignored,
        differences: u64::try_from(different.len()).unwrap_or(u64::MAX),
        complete: true,
        sampled: Some(source.drawn + copy.drawn),
        ..TableComparison::default()
    };
    for (_, found) in different.into_iter().take(SHOWN) {
        result.examples.push(example(pair, found, options.show_values).await?);
    }
    Ok(result)
}

async fn draw(pair: &Pair, side: Side, size: u64, workers: u32) -> Result<Draw, AwsError> {
    let draw = Draw { left: size, segments: segments(size), ..Draw::default() };
    let draw = Arc::new(Mutex::new(draw));
    let mut drawing = JoinSet::new();
    for _ in 0..workers.max(1) {
        drawing.spawn(work(pair.clone(), side, Arc::clone(&draw)));
    }
    joined(drawing).await?;
    Ok(std::mem::take(&mut *guard(&draw)))
}

/// More segments than are needed, by a random factor so that their borders differ from run to run, in random order.
fn segments(size: u64) -> VecDeque<(Segment, Option<Item>)> {
    let mut random = rand::rng();
    let needed = i32::try_from(size.div_ceil(25)).unwrap_or(i32::MAX).clamp(1, 250_000);
    let of = random.random_range(needed..=4 * needed);
    let mut all: Vec<_> = (0..of).map(|number| (Segment { number, of }, None)).collect();
    all.shuffle(&mut random);
    all.into()
}

fn guard(draw: &Mutex<Draw>) -> std::sync::MutexGuard<'_, Draw> {
    draw.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn work(pair: Pair, side: Side, draw: Arc<Mutex<Draw>>) -> Result<(), AwsError> {
    let (here, there) = match side {
        Side::Source => (&pair.source, &pair.copy),
        Side::Copy => (&pair.copy, &pair.source),
    };
    let mut digester = pair.digester.clone();
    loop {
        let (segment, start, limit) = {
            let mut draw = guard(&draw);
            if draw.left == 0 {
                return Ok(());
            }
            let Some((segment, start)) = draw.segments.pop_front() else { return Ok(()) };
            (segment, start, i32::try_from(draw.left).unwrap_or(DRAWN).min(DRAWN))
        };
        let mut page = here.page(segment, start.as_ref(), Some(limit)).await?;
        let mut items = page.items.take().unwrap_or_default();
        let all = items.len();
        items.retain(|item| pair.counts(item));
        let next = page.last_evaluated_key.take().filter(|key| !key.is_empty());
        let different = look_up(&pair, there, side, &items, &mut digester).await?;
        let mut draw = guard(&draw);
        let (all, counted) = (u64::try_from(all).unwrap_or(0), u64::try_from(items.len()).unwrap_or(0));
        draw.left = draw.left.saturating_sub(counted);
        draw.drawn += counted;
        draw.ignored += all - counted;
        draw.different.extend(different);
        // What is left of a segment comes after all the others' turns.
        if next.is_some() {
            draw.segments.push_back((segment, next));
        }
    }
}

/// Those of a side's items that are not the same in the other table.
async fn look_up(
    pair: &Pair,
    there: &Reader,
    side: Side,
    items: &[Item],
    digester: &mut Digester,
) -> Result<Vec<(u128, Found)>, AwsError> {
    let keys = items.iter().map(|item| key_of(item, &pair.key)).collect();
    let mut others = std::collections::HashMap::new();
    for other in there.get(keys).await? {
        let digested = digester.of(&other)?;
        others.insert(digested.key, digested.item);
    }
    let mut different = Vec::new();
    for item in items {
        let digested = digester.of(item)?;
        let seen = match others.get(&digested.key) {
            Some(other) if *other == digested.item => continue,
            Some(_) => Seen::Different,
            None => Seen::On(side, digested.item),
        };
        different.push((digested.key, Found { seen, key: key_of(item, &pair.key) }));
    }
    Ok(different)
}
