//! Records for the tests.

#![allow(dead_code, reason = "each test program uses some of it")]

use std::path::{Path, PathBuf};

use lifeboat_model::{
    CheckRecord, DrillRecord, EnvironmentRecord, HistoryLine, Judgement, Measured, Measurements, Objectives,
    PlanReference, Restoration, Rto, RunRecord, Span, Tool, Verdict,
};
use time::macros::datetime;

/// The interpreter with the tests' packages.
pub fn python() -> PathBuf {
    std::env::var_os("LIFEBOAT_PYTHON").map_or_else(
        || {
            let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv/bin/python");
            assert!(made.exists(), "there is no {}: ci/test.sh makes it", made.display());
            made
        },
        PathBuf::from,
    )
}

/// A real run of the sandbox, as it was written.
pub fn kept() -> RunRecord {
    serde_json::from_str(include_str!("../old/record-1.json")).expect("a record")
}

/// A record whose history had eleven like runs of each of its drills: some failed, one was skipped, one saw no end, and the
/// objective was lowered in their midst. Three more are not like it.
pub fn with_history(mut record: RunRecord) -> RunRecord {
    let now = HistoryLine::of(&record, "00".into(), None);
    let earlier = |number: u32| {
        let mut line = now.clone();
        line.run_id = format!("run-{number}");
        line.started_at -= time::Duration::days(30) * (12 - number);
        line.plan_sha256 = "11".into();
        for drill in &mut line.drills {
            let lower_s = 0.4 + 0.05 * f64::from(number % 4);
            drill.rto = Some(Span { lower_s, upper_s: Some(lower_s + 0.08) });
            drill.rto_objective_s = Some(if number < 6 { 1.5 } else { 1.0 });
            drill.engine = Some("postgres 15.4".into());
            match number {
                3 | 9 => {
                    drill.verdict = Verdict::Failed;
                    drill.rto = Some(Span { lower_s: 1.61, upper_s: Some(1.74) });
                    drill.missed = vec!["rto".into()];
                }
                5 => (drill.verdict, drill.rto) = (Verdict::Skipped, None),
                8 => {
                    drill.verdict = Verdict::Failed;
                    drill.rto = Some(Span { lower_s: 1.2, upper_s: None });
                }
                _ => {}
            }
        }
        line
    };
    record.earlier = (1..12).map(earlier).collect();
    let mut unlike = [earlier(1), earlier(2), earlier(3)];
    unlike[0].simulated = !now.simulated;
    unlike[1].environment.push_str("-other");
    unlike[2].drills.iter_mut().for_each(|drill| drill.target.push_str("-other"));
    for (line, name) in unlike.iter_mut().zip(["unlike-1", "unlike-2", "unlike-3"]) {
        line.run_id = name.into();
    }
    record.earlier.extend(unlike);
    record
}

/// A record whose verdict follows from its drills.
pub fn with(mut record: RunRecord) -> RunRecord {
    record.verdict = Verdict::of_run(record.drills.iter().map(|drill| drill.verdict));
    record.restoration =
        record.drills.iter().map(|drill| drill.restoration).max().unwrap_or(Restoration::Clean);
    record
}

fn drill(name: &str, verdict: Verdict, judgement: Judgement) -> DrillRecord {
    DrillRecord {
        name: name.into(),
        scenario: "rds-failover".into(),
        target: "orders".into(),
        verdict,
        reason: format!("because it is {}", verdict.name()),
        restoration: Restoration::Clean,
        residue: Vec::new(),
        identity: None,
        hypothesis: String::new(),
        controls: Vec::new(),
        objectives: Objectives { rto_s: Some(120.0), rpo_s: None },
        options: serde_json::Value::Null,
        measurements: Measurements {
            rto: Measured::Value(Rto {
                lower_s: 0.311_234_9,
                upper_s: Some(0.330_456_7),
                probe_interval_s: 0.01,
                probe_gap_p99_s: None,
                failures: 31,
                definition: "the time without acknowledged inserts".into(),
            }),
            ..Measurements::default()
        },
        streams: Default::default(),
        proof: Vec::new(),
        checks: vec![
            CheckRecord { name: "rto".into(), outcome: judgement, message: "a message about the RTO".into() },
            CheckRecord {
                name: "rpo".into(),
                outcome: Judgement::Unasked,
                message: "the plan sets none".into(),
            },
        ],
        steps: Vec::new(),
        undos: Vec::new(),
        created: Vec::new(),
        observations: Default::default(),
        timeline: Vec::new(),
        lanes: Vec::new(),
    }
}

fn run(drills: Vec<DrillRecord>) -> RunRecord {
    RunRecord {
        schema: "lifeboat.record/1".into(),
        run_id: "20261120-110203-a1b2c3".into(),
        tool: Tool { name: "lifeboat".into(), version: "0.0.0".into(), sha256: None },
        plan: PlanReference { source: "plan.toml".into(), sha256: "00".into(), variables: Vec::new() },
        clock: "monotonic".into(),
        started_at: datetime!(2026-11-20 11:02:03 UTC),
        ended_at: datetime!(2026-11-20 11:02:10 UTC),
        duration_s: 7.0,
        complete: true,
        operator: None,
        interrupted_by: None,
        stopped_by: None,
        clock_steps: Vec::new(),
        notices: Vec::new(),
        environment: EnvironmentRecord {
            name: "sandbox".into(),
            provider: "sandbox".into(),
            region: "us-east-1".into(),
            account: None,
            endpoint: None,
            runtime: Some("native".into()),
            simulated: true,
            production: false,
            change_ticket: None,
        },
        controls: Vec::new(),
        verdict: Verdict::of_run(drills.iter().map(|drill| drill.verdict)),
        restoration: drills.iter().map(|drill| drill.restoration).max().unwrap_or(Restoration::Clean),
        drills,
        earlier: Vec::new(),
        files: Vec::new(),
        exit_code: 0,
    }
}

/// A run of one drill.
pub fn one_of(drill: DrillRecord) -> RunRecord {
    run(vec![drill])
}

/// One drill of each verdict, and one that left something behind.
pub fn one_of_each() -> RunRecord {
    let mut aborted = drill("aborted", Verdict::Aborted, Judgement::Inconclusive);
    aborted.measurements.rto = Measured::not("the drill ended before it");
    let mut skipped = drill("skipped", Verdict::Skipped, Judgement::Passed);
    skipped.checks.clear();
    let mut residue = drill("residue", Verdict::Passed, Judgement::Passed);
    residue.restoration = Restoration::Residue;
    residue.residue = vec!["not done: drop schema `lifeboat_x` on `orders` (connection refused)".into()];
    run(vec![
        drill("passed", Verdict::Passed, Judgement::Passed),
        drill("failed", Verdict::Failed, Judgement::Failed),
        drill("errored", Verdict::Errored, Judgement::Inconclusive),
        drill("invalid", Verdict::Invalid, Judgement::Invalid),
        drill("inconclusive", Verdict::Inconclusive, Judgement::Inconclusive),
        aborted,
        skipped,
        residue,
    ])
}
