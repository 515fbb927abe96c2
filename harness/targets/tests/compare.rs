//! Two DynamoDB tables compared: every difference is noticed and located, in whatever memory.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use lifeboat_sandbox::Sandbox;
use lifeboat_targets::LOCK_TAG;
use lifeboat_targets::dynamodb::{
    CompareOptions, DifferentItem, Dynamo, ItemDifference, Mark, TableComparison, compare_tables,
};
use support::{Item, admin, create, dynamo, n, put_all, s, sandbox, sdk};

/// A source and a copy.
struct Pair {
    sandbox: Sandbox,
    client: Client,
    dynamo: Dynamo,
}

fn item(number: u32) -> Item {
    Item::from([
        ("pk".to_owned(), s(format!("customer-{}", number % 40))),
        ("sk".to_owned(), n(number)),
        ("amount".to_owned(), n(f64::from(number) / 4.0)),
        ("note".to_owned(), s(format!("note {}", number * 7))),
    ])
}

fn key(number: u32) -> (&'static str, String, &'static str, String) {
    ("pk", format!("customer-{}", number % 40), "sk", number.to_string())
}

fn key_text(number: u32) -> String {
    format!("pk = \"customer-{}\", sk = {number}", number % 40)
}

impl Pair {
    /// Both with the same items.
    async fn of(items: u32) -> Self {
        let sandbox = sandbox().await;
        let client = sdk(&sandbox.endpoint());
        for table in ["source", "copy"] {
            create(&client, table).await;
        }
        put_all(&client, "source", (0..items).map(item)).await;
        // Another order of writing, and another spelling of each number.
        let spelled = (0..items).rev().map(|number| {
            let mut item = item(number);
            item.insert("sk".to_owned(), n(format!("{number}.0")));
            item
        });
        put_all(&client, "copy", spelled).await;
        let dynamo = dynamo(&sandbox.endpoint()).await;
        Self { sandbox, client, dynamo }
    }

    async fn delete(&self, table: &str, number: u32) {
        let (pk, customer, sk, number) = key(number);
        let call = self.client.delete_item().table_name(table).key(pk, s(customer)).key(sk, n(number));
        call.send().await.unwrap();
    }

    async fn compare(&self, options: &CompareOptions) -> TableComparison {
        compare_tables(&self.dynamo, "source", "copy", options).await.unwrap()
    }

    /// Tells the sandbox a lie.
    fn tell(&self, lie: &str) {
        admin(&self.sandbox.endpoint(), "POST", "lies", lie);
    }

    async fn stop(self) {
        self.sandbox.shutdown().await.unwrap();
    }
}

fn example(number: u32, difference: ItemDifference) -> DifferentItem {
    DifferentItem { key: key_text(number), difference }
}

fn changed() -> ItemDifference {
    ItemDifference::Changed { attributes: Vec::new() }
}

fn sorted(mut examples: Vec<DifferentItem>) -> Vec<DifferentItem> {
    examples.sort_by(|left, right| left.key.cmp(&right.key));
    examples
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_tables_are_equal_and_each_difference_is_named_by_its_key() {
    let pair = Pair::of(3000).await;
    let options = CompareOptions::default();
    let equal = pair.compare(&options).await;
    assert!(equal.is_equal() && equal.examples.is_empty(), "{equal:?}");
    assert_eq!((equal.items_source, equal.items_copy, equal.readings, equal.sampled), (3000, 3000, 1, None));

    pair.delete("copy", 17).await;
    pair.delete("source", 18).await;
    let mut other = item(19);
    other.insert("amount".to_owned(), n("4.76"));
    put_all(&pair.client, "copy", [other]).await;
    // Swapped between two items: nothing is lost, nothing is new.
    let (mut left, mut right) = (item(100), item(200));
    let (note, other) = (left["note"].clone(), right["note"].clone());
    left.insert("note".to_owned(), other);
    right.insert("note".to_owned(), note);
    put_all(&pair.client, "copy", [left, right]).await;

    let found = pair.compare(&options).await;
    assert!(!found.is_equal() && found.complete, "{found:?}");
    assert_eq!(
        (found.differences, found.unsettled, found.items_source, found.items_copy),
        (5, 0, 2999, 2999)
    );
    let expected = [
        example(17, ItemDifference::Missing),
        example(18, ItemDifference::Extra),
        example(19, changed()),
        example(100, changed()),
        example(200, changed()),
    ];
    let said = serde_json::to_string(&found).unwrap();
    assert!(!said.contains("note") && !said.contains("amount"), "{said}");
    assert_eq!(sorted(found.examples), sorted(expected.to_vec()));

    let shown = pair.compare(&CompareOptions { show_values: true, ..options }).await;
    let attributes = vec!["amount: 4.75 in the source, 4.76 in the copy".to_owned()];
    assert!(shown.examples.contains(&example(19, ItemDifference::Changed { attributes })), "{shown:?}");
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn little_memory_takes_more_readings_and_finds_the_same() {
    let pair = Pair::of(3000).await;
    for number in 0..400 {
        pair.delete("copy", number * 7).await;
    }
    let small = CompareOptions { memory_bytes: 100_000, segments: 3, ..CompareOptions::default() };
    let found = pair.compare(&small).await;
    assert_eq!((found.differences, found.unsettled, found.complete), (400, 0, true), "{found:?}");
    assert!(found.readings > 2, "{found:?}");
    assert_eq!(found.examples.len(), 20);
    assert!(found.examples.iter().all(|example| example.difference == ItemDifference::Missing));
    let roomy = pair.compare(&CompareOptions::default()).await;
    assert_eq!((roomy.differences, roomy.readings), (400, 2));

    // Too little to find all within the readings: said, and not taken for few.
    let tiny = pair.compare(&CompareOptions { memory_bytes: 4_000, ..CompareOptions::default() }).await;
    assert!(!tiny.complete && !tiny.is_equal() && tiny.differences < 400, "{tiny:?}");
    assert!(tiny.differences > 0 && !tiny.examples.is_empty(), "{tiny:?}");
    pair.stop().await;
}

/// The lock comes and goes with the run; every other tag is the table's own and may get lost.
#[tokio::test(flavor = "multi_thread")]
async fn the_settings_of_a_table_have_every_tag_but_the_lock() {
    let pair = Pair::of(0).await;
    let table = pair.dynamo.describe("source").await.unwrap();
    let others = ["team", "lifeboat:drill", "lifeboat:lock-of-another-tool", "lifeboat", "my:lifeboat:lock"];
    let others: BTreeMap<String, String> = others.map(|key| (key.to_owned(), "x".to_owned())).into();
    let mut tags = others.clone();
    tags.insert(LOCK_TAG.to_owned(), "20260101-000000-0a1b2c until 2026-01-02T00:00:00Z".to_owned());
    pair.dynamo.set_tags(&table.arn, &tags).await.unwrap();
    assert_eq!(pair.dynamo.tags(&table.arn).await.unwrap(), tags);
    let settings = pair.dynamo.settings(&table).await.unwrap();
    assert_eq!(settings.tags, others);
    let copy = pair.dynamo.describe("copy").await.unwrap();
    let lost = settings.missing_in(&pair.dynamo.settings(&copy).await.unwrap());
    let lost: Vec<String> = lost.into_iter().map(|(name, ..)| name).collect();
    assert_eq!(lost, others.keys().map(|key| format!("tag {key}")).collect::<Vec<_>>());
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn throttling_and_server_errors_only_take_time() {
    let pair = Pair::of(200).await;
    pair.tell(r#"{"lie":"throttling","count":12,"action":"Scan"}"#);
    let found = pair.compare(&CompareOptions::default()).await;
    assert!(found.is_equal(), "{found:?}");
    assert_eq!((found.throttled, found.items_source), (12, 200));
    pair.tell(r#"{"lie":"http-5xx","count":3,"action":"Scan"}"#);
    let found = pair.compare(&CompareOptions::default()).await;
    assert!(found.is_equal(), "{found:?}");
    assert_eq!(found.throttled, 3);
    let retries = pair.dynamo.aws().retries();
    assert_eq!(retries.values().sum::<u64>(), 15, "{retries:?}");

    // For as long as it may take, and not for ever.
    pair.tell(r#"{"lie":"throttling","count":1000000,"action":"Scan"}"#);
    let options = CompareOptions { limit: Duration::from_millis(500), ..CompareOptions::default() };
    let error = compare_tables(&pair.dynamo, "source", "copy", &options).await.unwrap_err();
    assert_eq!(error.code, "limit");
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_looks_both_ways_and_says_how_large_it_is() {
    let pair = Pair::of(2000).await;
    let options = CompareOptions { sample: Some(300), ..CompareOptions::default() };
    let equal = pair.compare(&options).await;
    assert!(equal.is_equal(), "{equal:?}");
    assert_eq!(equal.sampled, Some(equal.items_source + equal.items_copy));
    assert!(
        (300..=400).contains(&equal.items_source) && (300..=400).contains(&equal.items_copy),
        "{equal:?}"
    );

    // More than there is: all of it, and so every difference, each once.
    pair.delete("copy", 17).await;
    pair.delete("source", 18).await;
    let mut other = item(19);
    other.insert("amount".to_owned(), n(0));
    put_all(&pair.client, "copy", [other]).await;
    let all = CompareOptions { sample: Some(3_000), ..CompareOptions::default() };
    let found = pair.compare(&all).await;
    assert_eq!((found.items_source, found.items_copy, found.differences), (1999, 1999, 3), "{found:?}");
    let expected =
        [example(17, ItemDifference::Missing), example(18, ItemDifference::Extra), example(19, changed())];
    assert_eq!(sorted(found.examples), sorted(expected.to_vec()));
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn marked_items_are_left_out_on_both_sides() {
    let pair = Pair::of(100).await;
    let mut canary = item(5000);
    canary.insert("lifeboat_run".to_owned(), s("run"));
    put_all(&pair.client, "source", [canary]).await;
    let mark = |run: &str| Some(Mark { attribute: "lifeboat_run".into(), run: run.into() });
    let options = CompareOptions { ignore: mark("run"), ..CompareOptions::default() };
    let without = pair.compare(&options).await;
    assert!(without.is_equal(), "{without:?}");
    assert_eq!((without.items_source, without.items_copy, without.ignored), (100, 100, 1));
    // What another run has marked is an item like any other.
    for ignore in [None, mark("another run")] {
        let with = pair.compare(&CompareOptions { ignore, ..CompareOptions::default() }).await;
        assert_eq!(with.examples, [example(5000, ItemDifference::Missing)]);
    }
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_cannot_be_compared_are_refused() {
    let pair = Pair::of(1).await;
    let options = CompareOptions::default();
    let error = compare_tables(&pair.dynamo, "source", "nothing", &options).await.unwrap_err();
    assert_eq!(error.code, "ResourceNotFoundException");
    pair.stop().await;
}
