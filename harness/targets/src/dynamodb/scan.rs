//! Reading a table: by parallel scans, page by page, strongly consistent, at a pace that the table bears.

use std::sync::Arc;

use aws_sdk_dynamodb::operation::scan::ScanOutput;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Dynamo;
use super::item_digest::Item;
use super::pace::Pace;
use crate::{AwsError, Effect};

/// One table as a comparison reads it. Clones share their pace.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    dynamo: Dynamo,
    table: String,
    pace: Arc<Pace>,
}

/// A part of a table: segment `number` of `of`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment {
    pub number: i32,
    pub of: i32,
}

impl Reader {
    pub(super) fn new(dynamo: &Dynamo, table: &str) -> Self {
        Self { dynamo: dynamo.clone(), table: table.to_owned(), pace: Arc::new(Pace::new()) }
    }

    /// How many reads were made again.
    pub(super) fn throttled(&self) -> u64 {
        self.pace.throttled()
    }

    /// The attributes of the key, the partition's first.
    pub(super) async fn key(&self) -> Result<Vec<String>, AwsError> {
        let key = self.dynamo.describe(&self.table).await?.key;
        Ok([Some(key.partition), key.sort].into_iter().flatten().collect())
    }

    /// One page of a segment.
    pub(super) async fn page(
        &self,
        segment: Segment,
        start: Option<&Item>,
        limit: Option<i32>,
    ) -> Result<ScanOutput, AwsError> {
        let client = self.dynamo.client();
        let call = || async {
            let call = client
                .scan()
                .table_name(&self.table)
                .segment(segment.number)
                .total_segments(segment.of)
                .consistent_read(true)
                .set_limit(limit)
                .set_exclusive_start_key(start.cloned());
            call.send().await.map_err(|error| AwsError::of("Scan", &error))
        };
        self.pace.read(self.dynamo.aws(), call).await
    }

    /// Reads all of it, `segments` at once, and gives each page to a copy of `take` that the segment has to itself.
    pub(super) async fn scan<F>(&self, segments: u32, take: F) -> Result<(), AwsError>
    where
        F: FnMut(Vec<Item>) -> Result<(), AwsError> + Clone + Send + 'static,
    {
        let of = i32::try_from(segments.clamp(1, 1_000_000)).unwrap_or(1);
        let mut reading = JoinSet::new();
        for number in 0..of {
            let (reader, mut take) = (self.clone(), take.clone());
            reading.spawn(async move {
                let mut start: Option<Item> = None;
                loop {
                    let mut page = reader.page(Segment { number, of }, start.as_ref(), None).await?;
                    take(page.items.take().unwrap_or_default())?;
                    start = page.last_evaluated_key.take().filter(|key| !key.is_empty());
                    if start.is_none() {
                        return Ok(());
                    }
                }
            });
        }
        joined(reading).await
    }

    /// The items of these keys that are there, in any order; at most 100 keys.
    pub(super) async fn get(&self, keys: Vec<Item>) -> Result<Vec<Item>, AwsError> {
        let client = self.dynamo.client();
        let mut left = keys;
        let mut found = Vec::new();
        while !left.is_empty() {
            let began = Instant::now();
            let call = || async {
                let asked = KeysAndAttributes::builder().set_keys(Some(left.clone())).consistent_read(true);
                let asked = asked.build().map_err(|error| AwsError {
                    call: "BatchGetItem",
                    code: "not-sent".into(),
                    message: error.to_string(),
                    effect: Effect::None,
                })?;
                let sent = client.batch_get_item().request_items(&self.table, asked).send().await;
                sent.map_err(|error| AwsError::of("BatchGetItem", &error))
            };
            let mut answer = self.pace.read(self.dynamo.aws(), call).await?;
            // It answers the only table that it was asked about, by its name or its ARN.
            found.extend(answer.responses.take().unwrap_or_default().into_values().flatten());
            let unprocessed = answer.unprocessed_keys.take().unwrap_or_default();
            left = unprocessed.into_values().flat_map(|keys| keys.keys).collect();
            if !left.is_empty() {
                self.pace.slower(began);
            }
        }
        Ok(found)
    }
}

/// Waits for all; the first error ends the others.
pub(super) async fn joined(mut tasks: JoinSet<Result<(), AwsError>>) -> Result<(), AwsError> {
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok(outcome) => outcome?,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(error) => {
                    return Err(AwsError {
                        call: "Scan",
                        code: "ended".into(),
                        message: format!("a reader was ended: {error}"),
                        effect: Effect::None,
                    });
                }
            },
        }
    }
    Ok(())
}

/// The part of an item that is its key.
pub(super) fn key_of(item: &Item, names: &[String]) -> Item {
    names.iter().filter_map(|name| Some((name.clone(), item.get(name)?.clone()))).collect()
}

/// A value as a person reads it, on one line.
pub(super) fn value_text(value: &AttributeValue) -> String {
    let list = |members: Vec<String>, open: char, close: char| format!("{open}{}{close}", members.join(", "));
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    match value {
        AttributeValue::S(text) => format!("{text:?}"),
        AttributeValue::N(number) => number.escape_debug().to_string(),
        AttributeValue::B(bytes) => format!("0x{}", hex(bytes.as_ref())),
        AttributeValue::Bool(value) => value.to_string(),
        AttributeValue::Null(_) => "null".to_owned(),
        AttributeValue::L(members) => list(members.iter().map(value_text).collect(), '[', ']'),
        AttributeValue::M(members) => {
            let mut shown: Vec<String> =
                members.iter().map(|(name, value)| format!("{name:?}: {}", value_text(value))).collect();
            shown.sort_unstable();
            list(shown, '{', '}')
        }
        AttributeValue::Ss(members) => {
            list(members.iter().map(|text| format!("{text:?}")).collect(), '<', '>')
        }
        AttributeValue::Ns(members) => {
            list(members.iter().map(|number| number.escape_debug().to_string()).collect(), '<', '>')
        }
        AttributeValue::Bs(members) => {
            list(members.iter().map(|bytes| format!("0x{}", hex(bytes.as_ref()))).collect(), '<', '>')
        }
        _ => "(of a type that is not known here)".to_owned(),
    }
}
