//! Every drill on every runtime, with the ready plan and a sandbox of the run's own.

use std::time::Duration;

use rstest::rstest;
use serde_json::Value;

use crate::schemas;
use crate::support::{Lab, Process, Record, Run, junit_problems, repository, without_docker};

/// The drills of the ready plan, in its order.
const DRILLS: [(&str, &str, &str); 7] = [
    ("orders-failover", "rds-failover", "orders"),
    ("plain-exhaustion", "connection-exhaustion", "plain"),
    ("orders-pitr", "rds-pitr", "orders"),
    ("orders-snapshot", "rds-snapshot-restore", "orders"),
    ("carts-pitr", "dynamodb-pitr", "carts"),
    ("carts-backup", "dynamodb-backup-restore", "carts"),
    ("workflow-indexes", "dynamodb-indexes", "workflow-state"),
];

/// Seconds that all seven may take side by side, the sandbox apart.
const WITHIN: f64 = 60.0;

#[rstest]
fn all_drills_pass_side_by_side(#[values("native", "docker")] runtime: &str) {
    if runtime == "docker"
        && let Some(reason) = without_docker()
    {
        println!("skipped: {reason}");
        return;
    }
    let lab = Lab::new();
    let mut command = lab.lifeboat();
    command.arg("run").arg(repository().join("drills/plans/sandbox.toml")).args(["--runtime", runtime]);
    let run = Run::of(&lab, command, "run");
    let dir = run.dir.clone();
    let (ended, record) = run.finish(Duration::from_secs(240));
    ended.expect_code(0);
    assert_eq!(lab.leftovers(), Vec::<String>::new());

    for file in ["plan.json", "journal.jsonl", "ledger.jsonl", "record.json", "verdict.json", "junit.xml"] {
        assert!(dir.join(file).metadata().is_ok_and(|file| file.len() > 0), "{file}");
    }
    is_whole(&record, runtime);
    let drills = record.value["drills"].as_array().expect("drills");
    let text = |drill: &Value, key: &str| drill[key].as_str().expect("a text").to_owned();
    let found: Vec<[String; 3]> =
        drills.iter().map(|drill| ["name", "scenario", "target"].map(|key| text(drill, key))).collect();
    assert_eq!(found, DRILLS.map(|(name, scenario, target)| [name, scenario, target].map(str::to_owned)));
    for drill in drills {
        assert_eq!(
            (&drill["verdict"], &drill["restoration"]),
            (&"passed".into(), &"clean".into()),
            "{ended}"
        );
        match text(drill, "scenario").as_str() {
            "rds-failover" => is_a_failover(drill),
            "connection-exhaustion" => is_an_exhaustion(drill),
            "rds-pitr" | "rds-snapshot-restore" => is_a_restore(drill),
            "dynamodb-indexes" => assert_eq!(drill["undos"], Value::Array(Vec::new())),
            _ => is_a_restore_of_a_table(drill),
        }
    }
    assert_eq!(junit_problems(&dir.join("junit.xml")), "");
    schemas::fits(&dir);
    let took = number(&record.value, "duration_s");
    println!("seven drills on {runtime}: {took:.1} s");
    assert!(took < WITHIN, "{took} s");

    let mut judge = lab.lifeboat();
    judge.arg("judge").arg(&dir);
    let judged = Process::start(&lab, &mut judge).wait(Duration::from_secs(30));
    judged.expect_code(0);
    assert!(judged.stdout.contains("the same as record.json"), "{judged}");
}

/// What every record has.
fn is_whole(record: &Record, runtime: &str) {
    let run = &record.value;
    assert_eq!(run["schema"], "lifeboat.record/1");
    assert_eq!(run["tool"]["version"], env!("CARGO_PKG_VERSION"));
    for key in ["run_id", "started_at", "ended_at"] {
        assert!(run[key].as_str().is_some_and(|text| !text.is_empty()), "{key}");
    }
    assert!(run["started_at"].as_str() < run["ended_at"].as_str());
    let environment = &run["environment"];
    let expected: [(&str, Value); 5] = [
        ("name", "sandbox".into()),
        ("provider", "sandbox".into()),
        ("region", "us-east-1".into()),
        ("runtime", runtime.into()),
        ("simulated", true.into()),
    ];
    for (key, value) in expected {
        assert_eq!(environment[key], value, "{key}");
    }
    assert_eq!((&run["verdict"], &run["restoration"]), (&"passed".into(), &"clean".into()));
    let files = run["files"].as_array().expect("files");
    let named: Vec<_> = files.iter().map(|file| file["name"].as_str().expect("a name")).collect();
    assert_eq!(named, ["plan.json", "journal.jsonl", "ledger.jsonl"]);
    assert!(files.iter().all(|file| file["sha256"].as_str().is_some_and(|digest| digest.len() == 64)));
    for drill in run["drills"].as_array().expect("drills") {
        let timeline = drill["timeline"].as_array().expect("a timeline");
        let moments: Vec<f64> =
            timeline.iter().map(|entry| entry["at_s"].as_f64().expect("a moment")).collect();
        assert!(!moments.is_empty() && moments.is_sorted(), "{moments:?}");
        for check in drill["checks"].as_array().expect("checks") {
            let outcome = check["outcome"].as_str().expect("an outcome");
            assert!(matches!(outcome, "passed" | "unasked"), "{check}");
            assert!(check["message"].as_str().is_some_and(|text| !text.is_empty()), "{check}");
        }
    }
}

fn is_a_restore_of_a_table(drill: &Value) {
    let rto = &drill["measurements"]["rto"];
    assert!(number(rto, "lower_s") <= number(rto, "upper_s") && number(rto, "upper_s") > 0.0, "{rto}");
    let undone = drill["undos"].as_array().expect("undos").iter().filter(|undo| undo["outcome"] == "undone");
    // The copy and the canary items.
    assert!(undone.count() >= 2, "{}", drill["undos"]);
    assert!(drill["proof"].as_array().is_some_and(|proof| !proof.is_empty()), "{drill}");
}

fn number(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap_or_else(|| panic!("{key} of {value}"))
}

fn is_a_failover(drill: &Value) {
    assert_eq!(drill["objectives"], serde_json::json!({ "rto_s": 5.0, "rpo_s": 0.0 }));
    assert!(drill["identity"]["resource_id"].as_str().is_some_and(|id| id.starts_with("db-")));
    let rto = &drill["measurements"]["rto"];
    assert!(number(rto, "lower_s") >= 0.0 && number(rto, "lower_s") <= number(rto, "upper_s"), "{rto}");
    assert!(number(rto, "upper_s") > 0.0, "an outage takes time: {rto}");
    assert_eq!(number(rto, "probe_interval_s"), 0.01);
    assert!(number(rto, "failures") > 0.0, "{rto}");
    let rpo = &drill["measurements"]["rpo"];
    assert!(number(rpo, "acknowledged") > 100.0, "{rpo}");
    assert!(number(rpo, "recovered") >= 0.0);
    for none in ["lost", "unexpected", "duplicated", "lost_span_s"] {
        assert_eq!(number(rpo, none), 0.0, "{rpo}");
    }
    let milestones = &drill["measurements"]["milestones"];
    assert_eq!(number(milestones, "fault_requested_s"), 0.0);
    let (error, connect, write) = (
        number(milestones, "first_error_s"),
        number(milestones, "first_connect_s"),
        number(milestones, "first_write_s"),
    );
    assert!(error < connect && error < write, "{milestones}");
    let proof = drill["proof"].as_array().expect("proof");
    let of =
        |what: &str| proof.iter().find(|proof| proof["what"] == what).unwrap_or_else(|| panic!("{what}"));
    let zones = of("availability zone");
    assert_eq!((&zones["before"], &zones["after"]), (&"us-east-1a".into(), &"us-east-1b".into()));
    let servers = of("server behind the endpoint");
    assert_ne!(servers["before"], servers["after"]);
}

fn is_a_restore(drill: &Value) {
    let rto = &drill["measurements"]["rto"];
    assert!(number(rto, "lower_s") <= number(rto, "upper_s") && number(rto, "upper_s") > 0.0, "{rto}");
    let created = drill["created"].to_string();
    assert!(created.contains("db-instance: orders-lb-"), "{created}");
    let undone = drill["undos"].as_array().expect("undos").iter().filter(|undo| undo["outcome"] == "undone");
    // The copy and the schema; the snapshot as well where there is one.
    assert!(undone.count() >= 2, "{}", drill["undos"]);
    let proof = drill["proof"].as_array().expect("proof");
    let canaries = proof.iter().find(|proof| proof["what"] == "canaries in the copy").expect("canaries");
    assert_eq!(canaries["before"], canaries["after"]);
}

fn is_an_exhaustion(drill: &Value) {
    // Nothing is written, so there is no recovery point: it says so and is not zero.
    assert_eq!(drill["measurements"]["rpo"]["not_measured"], "connection-exhaustion writes nothing");
    let rto = &drill["measurements"]["rto"];
    assert!(number(rto, "lower_s") <= number(rto, "upper_s"), "{rto}");
    let figures = drill["measurements"]["figures"].as_array().expect("figures");
    let figure = |name: &str| {
        let found = figures.iter().find(|figure| figure["name"] == name);
        &found.unwrap_or_else(|| panic!("no figure {name} in {figures:?}"))["value"]
    };
    assert_eq!(figure("max_connections"), 60);
    assert_eq!(figure("limit by the settings"), 57);
    let found = figure("limit found").as_u64().expect("a count");
    assert!((54..=57).contains(&found), "{found}");
    assert!(figure("connections refused").as_u64().is_some_and(|count| count > 0));
    assert!(figure("connections per second").as_f64().is_some_and(|rate| rate > 1.0));
    assert!(
        figures.iter().any(|f| f["name"].as_str().is_some_and(|name| name.starts_with("refusal: 53300 ")))
    );
    // Who was in stays in; who comes is refused.
    assert_eq!(figure("open connection meanwhile: failed"), 0);
    assert!(figure("fresh connection meanwhile: failed").as_u64().is_some_and(|count| count > 0));
}
