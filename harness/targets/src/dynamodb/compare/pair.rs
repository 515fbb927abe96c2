//! The two tables of a comparison, read at the same time.

use std::sync::Arc;

use futures_util::future::try_join;

use crate::AwsError;
use crate::dynamodb::Mark;
use crate::dynamodb::item_digest::{Digester, Item};
use crate::dynamodb::scan::Reader;

/// Which of the two tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Source,
    Copy,
}

/// The two tables, and what is left out.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    pub source: Reader,
    pub copy: Reader,
    pub key: Arc<[String]>,
    /// To be cloned: the buckets of one reading are looked up by the digests of the next.
    pub digester: Digester,
    pub ignore: Option<Mark>,
}

impl Pair {
    pub(super) fn counts(&self, item: &Item) -> bool {
        self.ignore.as_ref().is_none_or(|mark| !mark.is_on(item))
    }

    /// Reads both from end to end at the same time. Each page is given to a copy of `take` with its side.
    pub(super) async fn read<F>(&self, segments: u32, take: F) -> Result<(), AwsError>
    where
        F: FnMut(Side, Vec<Item>) -> Result<(), AwsError> + Clone + Send + 'static,
    {
        let of = |side| {
            let mut take = take.clone();
            move |items| take(side, items)
        };
        let source = self.source.scan(segments, of(Side::Source));
        let copy = self.copy.scan(segments, of(Side::Copy));
        try_join(source, copy).await.map(drop)
    }
}
