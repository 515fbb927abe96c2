//! `lifeboat history --fail-on-regression`: a history whose last run took longer, as a CI job looks at it.

use serde_json::{Value, json};

use crate::credentials::MINUTE;
use crate::support::{Ended, Lab, Process};

/// A history of runs of the drill `failover` that took so many seconds at least, and a tenth more at most.
fn history(lab: &Lab, took: &[f64]) {
    let line = |(number, took): (usize, &f64)| -> Value {
        json!({
            "schema": "lifeboat.history/1",
            "run_id": format!("2026112{number}-020000-0a0b0c"),
            "started_at": format!("2026-11-2{number}T02:00:00Z"),
            "duration_s": 30.0,
            "environment": "staging",
            "simulated": true,
            "verdict": "passed",
            "restoration": "clean",
            "tool_version": "0.1.0",
            "plan_sha256": "00".repeat(32),
            "record_sha256": "11".repeat(32),
            "drills": [{
                "name": "failover",
                "scenario": "rds-failover",
                "target": "orders",
                "verdict": "passed",
                "restoration": "clean",
                "rto": { "lower_s": took, "upper_s": took * 1.1 },
            }],
        })
    };
    let lines: String = took.iter().enumerate().map(|run| format!("{}\n", line(run))).collect();
    lab.write("history.jsonl", &lines);
}

fn shown(lab: &Lab, more: &[&str]) -> Ended {
    let mut command = lab.lifeboat();
    command.args(["history", "history.jsonl"]).args(more);
    Process::start(lab, &mut command).wait(MINUTE)
}

#[test]
fn a_drill_that_got_slower_fails_where_that_is_asked() {
    let lab = Lab::new();
    history(&lab, &[10.0, 10.0, 10.0, 14.0]);
    // 14 s at least, where those before took 11 s at most: by 27 %.
    shown(&lab, &[]).expect_code(0);
    shown(&lab, &["--fail-on-regression", "30%"]).expect_code(0);
    let slower = shown(&lab, &["--fail-on-regression", "20%"]);
    slower.expect_code(100).expect_stderr(&["slower than is allowed: failover"]);
    assert!(slower.stdout.contains("4 runs, 4 passed"), "{slower}");

    // One run alone that was slow, and is not the last.
    history(&lab, &[10.0, 10.0, 14.0, 10.0]);
    shown(&lab, &["--fail-on-regression", "20%"]).expect_code(0);
    // Of two before it cannot be told, which fails nothing.
    history(&lab, &[10.0, 10.0, 14.0]);
    shown(&lab, &["--fail-on-regression", "20%"]).expect_code(0);
    shown(&lab, &["--fail-on-regression", "much"]).expect_code(2).expect_stderr(&["20%"]);
}
