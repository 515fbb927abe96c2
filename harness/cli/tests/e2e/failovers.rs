//! Benchmark: many forced failovers in a row, the reported interval against the sandbox's ground truth.

use std::time::Duration;

use serde_json::Value;

use crate::support::{External, Lab, ORDERS_SEED, Run, failover_plan};

/// How many; `LIFEBOAT_FAILOVERS` sets another number.
const FAILOVERS: usize = 100;

/// What is reported may exceed the truth by this much in the median.
const MEDIAN_SLACK: Duration = Duration::from_millis(50);

/// The sandbox's own failover, native and fast, takes at most this long in the median, and never the five seconds for
/// which a standby may hang that asks for WAL too seldom.
const MEDIAN_TRUTH: Duration = Duration::from_millis(60);
const NO_HANG: Duration = Duration::from_secs(4);

struct Seen {
    lower: f64,
    upper: f64,
    truth: f64,
}

/// One run of the drill; the interval that it reports, and the truth.
fn failover(lab: &Lab, sandbox: &External, number: usize) -> Seen {
    let run = Run::start_in(lab, sandbox, &failover_plan(""), &format!("run-{number}"), &[]);
    let (ended, record) = run.finish(Duration::from_secs(120));
    ended.expect_code(0);
    let rto = &record.drill()["measurements"]["rto"];
    let truth = sandbox.admin("GET", "truth/orders", "");
    let outages = truth.as_array().expect("a list of failovers");
    assert_eq!(outages.len(), number + 1, "one failover for each run");
    Seen {
        lower: rto["lower_s"].as_f64().expect("a lower bound"),
        upper: rto["upper_s"].as_f64().expect("an upper bound"),
        truth: outages.last().and_then(|outage: &Value| outage["outage_us"].as_f64()).expect("a truth") / 1e6,
    }
}

fn quantile(values: impl Iterator<Item = f64>, q: f64) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * q) as usize]
}

fn many(runtime: &str, count: usize) -> Vec<Seen> {
    let lab = Lab::new();
    let sandbox = External::start_on(&lab, ORDERS_SEED, runtime);
    let seen: Vec<Seen> = (0..count).map(|number| failover(&lab, &sandbox, number)).collect();
    sandbox.stop(&lab);
    let ms = |value: f64| value * 1e3;
    let line = |what: &str, of: fn(&Seen) -> f64| {
        let q = |q: f64| ms(quantile(seen.iter().map(of), q));
        println!("{what:34} median {:7.1} ms   p95 {:7.1} ms   max {:7.1} ms", q(0.5), q(0.95), q(1.0));
    };
    println!("{count} forced failovers, {runtime}, profile fast, probed every 10 ms");
    line("  ground truth", |seen| seen.truth);
    line("  reported lower bound", |seen| seen.lower);
    line("  reported upper bound", |seen| seen.upper);
    line("  upper bound above the truth", |seen| seen.upper - seen.truth);
    let outside = seen.iter().filter(|seen| seen.truth < seen.lower || seen.truth > seen.upper).count();
    println!("  intervals without the truth        {outside}");
    for seen in &seen {
        let (lower, upper, truth) = (seen.lower, seen.upper, seen.truth);
        assert!(lower <= truth && truth <= upper, "the truth {truth} s is not in {lower} s … {upper} s");
    }
    seen
}

#[test]
#[ignore = "a benchmark: 100 runs of several seconds each, on a machine that does nothing else"]
fn a_hundred_failovers_hold_the_truth() {
    let count = std::env::var("LIFEBOAT_FAILOVERS").ok().and_then(|n| n.parse().ok()).unwrap_or(FAILOVERS);
    let seen = many("native", count);
    let truth = quantile(seen.iter().map(|seen| seen.truth), 0.5);
    let longest = quantile(seen.iter().map(|seen| seen.truth), 1.0);
    let slack = quantile(seen.iter().map(|seen| seen.upper - seen.truth), 0.5);
    assert!(slack <= MEDIAN_SLACK.as_secs_f64(), "{slack} s above the truth in the median");
    assert!(truth <= MEDIAN_TRUTH.as_secs_f64(), "the sandbox's failover takes {truth} s in the median");
    assert!(longest < NO_HANG.as_secs_f64(), "a failover of the sandbox hung for {longest} s");
}

#[test]
#[ignore = "a benchmark: many runs of several seconds each; needs docker and the image"]
fn failovers_in_docker_hold_the_truth() {
    many("docker", 20);
}
