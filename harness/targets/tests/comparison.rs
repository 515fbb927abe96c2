//! The benchmark of the comparison: a million items of 400 bytes on either side, beside a bare scan of the same tables.
//! The sandbox runs as a process of its own, so that the memory is the harness's alone. It takes minutes and wants a
//! release build: `cargo test --release -p lifeboat-targets --test comparison -- --ignored --nocapture million`.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]

mod support;

use std::io::{BufRead as _, BufReader, Lines, Read as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use futures_util::future::try_join_all;
use lifeboat_engine::wait_for;
use lifeboat_targets::dynamodb::{CompareOptions, ItemDifference, compare_tables};
use support::{Item, active, create, dynamo, n, put_all, s, sandbox, sdk};

const ITEMS: u32 = 1_000_000;
const WRITERS: u32 = 4;
const SEGMENTS: u32 = 2;
const SERVE: &str = "LIFEBOAT_BENCHMARK_SERVES";

/// 400 bytes as AWS counts them: names of 2, 2, 7 and 4 bytes, values of 11, 4, 2 and 368.
fn item(number: u32) -> Item {
    Item::from([
        ("pk".to_owned(), s(format!("item{number:07}"))),
        ("sk".to_owned(), n(100_000 + number % 900_000)),
        ("version".to_owned(), n(1)),
        ("data".to_owned(), s(format!("{:0>368}", u64::from(number) * 31))),
    ])
}

/// The sandbox's process: this program again, until its input closes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "only what the benchmark starts"]
async fn serve() {
    assert!(std::env::var_os(SERVE).is_some(), "this is no test: the benchmark runs it");
    let sandbox = sandbox().await;
    println!("endpoint {}", sandbox.endpoint());
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await.unwrap().unwrap();
    sandbox.shutdown().await.unwrap();
}

struct Served {
    process: Child,
    /// Kept open: it may say more.
    _output: Lines<BufReader<ChildStdout>>,
    endpoint: String,
}

impl Served {
    fn start() -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "serve", "--nocapture"])
            .env(SERVE, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let line = lines.find_map(|line| Some(line.ok()?.split_once("endpoint ")?.1.to_owned()));
        Self { process, _output: lines, endpoint: line.unwrap() }
    }

    fn stop(mut self) {
        drop(self.process.stdin.take());
        assert!(self.process.wait().unwrap().success());
    }
}

/// At most so many megabytes of this process so far.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim_matches(|c: char| !c.is_ascii_digit()).parse::<u64>().unwrap() / 1024
}

/// Both tables at the same time, as the comparison reads them, through the same SDK, and nothing done with the items.
async fn bare_scan(client: &Client) -> (u64, Duration) {
    let began = Instant::now();
    let tasks = ["source", "copy"].into_iter().flat_map(|table| {
        (0..SEGMENTS).map(move |segment| {
            let client = client.clone();
            tokio::spawn(async move {
                let (mut items, mut start) = (0, None);
                loop {
                    let call = client
                        .scan()
                        .table_name(table)
                        .segment(i32::try_from(segment).unwrap())
                        .total_segments(i32::try_from(SEGMENTS).unwrap())
                        .consistent_read(true)
                        .set_exclusive_start_key(start);
                    let page = call.send().await.unwrap();
                    items += u64::try_from(page.items().len()).unwrap();
                    start = page.last_evaluated_key;
                    if start.is_none() {
                        return items;
                    }
                }
            })
        })
    });
    let items = try_join_all(tasks).await.unwrap().into_iter().sum();
    (items, began.elapsed())
}

async fn fill(client: &Client) {
    create(client, "source").await;
    let writers = (0..WRITERS).map(|writer| {
        let client = client.clone();
        tokio::spawn(async move {
            let mine = (0..ITEMS).filter(move |number| number % WRITERS == writer).map(item);
            put_all(&client, "source", mine).await;
        })
    });
    try_join_all(writers).await.unwrap();
    let made = client.create_backup().table_name("source").backup_name("all").send().await.unwrap();
    let backup = made.backup_details.unwrap().backup_arn;
    let every = Duration::from_millis(50);
    let restore = || async {
        let asked = client.restore_table_from_backup().backup_arn(&backup).target_table_name("copy");
        asked.send().await.map_err(|error| format!("{error:?}"))
    };
    wait_for("the restore to begin", every, Duration::from_secs(60), restore).await.unwrap();
    active(client, "copy").await;
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn rate(items: u64, took: f64) -> f64 {
    items as f64 / took
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a benchmark: minutes of a release build"]
async fn a_million_items_on_either_side() {
    let served = Served::start();
    let client = sdk(&served.endpoint);
    let began = Instant::now();
    fill(&client).await;
    println!("filled in {:.1} s, at most {} MB", began.elapsed().as_secs_f64(), peak());
    let dynamo = dynamo(&served.endpoint).await;
    let options = CompareOptions { segments: SEGMENTS, ..CompareOptions::default() };
    let mut ratios = Vec::new();
    for round in 1..=3 {
        let (items, took) = bare_scan(&client).await;
        let bare = rate(items, took.as_secs_f64());
        let found = compare_tables(&dynamo, "source", "copy", &options).await.unwrap();
        assert!(found.is_equal(), "{found:?}");
        assert_eq!((found.items_source, found.items_copy), (u64::from(ITEMS), u64::from(ITEMS)));
        let compared = rate(found.items_source + found.items_copy, found.seconds);
        let ratio = compared / bare;
        println!("{round}: bare scan {bare:.0} items/s, compared {compared:.0} items/s, ratio {ratio:.2}");
        ratios.push(ratio);
    }
    let mut changed = item(777_777);
    changed.insert("version".to_owned(), n(2));
    put_all(&client, "copy", [changed]).await;
    let found = compare_tables(&dynamo, "source", "copy", &options).await.unwrap();
    println!("one changed item of a million: {:.1} s, {} readings", found.seconds, found.readings);
    assert_eq!((found.differences, found.examples.len()), (1, 1), "{found:?}");
    assert_eq!(found.examples[0].difference, ItemDifference::Changed { attributes: Vec::new() });
    println!("at most {} MB of the harness", peak());
    served.stop();
    ratios.sort_by(f64::total_cmp);
    assert!(peak() < 200, "{} MB", peak());
    assert!(ratios[1] >= 0.8, "compared at {ratios:?} of a bare scan");
}
