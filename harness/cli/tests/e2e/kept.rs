//! Runs of earlier versions, as they were written, which have to stay readable for good: nothing under `kept/` is ever
//! changed. A version that writes another format adds a folder of its own.
//!
//! They are real runs against the sandbox. What was of a machine in them is `/kept`, and their endpoint is filled in here.

use std::path::{Path, PathBuf};
use std::time::Duration;

use lifeboat_engine::read_events;
use lifeboat_model::pending_undos;
use serde_json::Value;

use crate::support::{Ended, External, Lab, PLAIN_SEED, Process};

const MINUTE: Duration = Duration::from_secs(60);

/// Each format and what brought it: 1.1 has notices behind the run's last line.
const KEPT: [&str; 3] = ["1-rds-pitr", "1-dynamodb-backup-restore", "1.1-dynamodb-pitr"];

fn kept(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/kept").join(name)
}

/// A copy of a kept run in a lab, up to a line of its journal, with the endpoint of a sandbox.
fn copy(lab: &Lab, sandbox: &External, name: &str, lines: usize) -> PathBuf {
    let to = lab.path(&format!("{name}-{lines}"));
    std::fs::create_dir(&to).expect("a folder");
    for file in ["plan.json", "ledger.jsonl", "journal.jsonl"] {
        let text = std::fs::read_to_string(kept(name).join(file)).expect(file);
        let lines = if file == "journal.jsonl" { lines } else { usize::MAX };
        let text: String = text.lines().take(lines).map(|line| format!("{line}\n")).collect();
        std::fs::write(to.join(file), text.replace("http://kept", sandbox.endpoint())).expect("written");
    }
    to
}

fn lifeboat(lab: &Lab, sandbox: &External, command: &str, dir: &Path) -> Ended {
    let mut started = lab.lifeboat();
    Process::start(lab, started.envs(&sandbox.exports).arg(command).arg(dir)).wait(MINUTE * 2)
}

/// Every line of every kept journal is known, and what is pending after each is what it was when it was kept.
#[test]
fn what_is_pending_after_each_line_stays_what_it_was() {
    let mut kinds = std::collections::BTreeSet::new();
    for name in KEPT {
        let events = read_events(&kept(name).join("journal.jsonl")).expect(name);
        let mut told = String::new();
        for line in 1..=events.len() {
            let event = serde_json::to_value(&events[line - 1]).expect("JSON");
            assert_ne!(event["event"], "unknown", "{name}, line {line}");
            kinds.extend(event["action"].as_str().map(str::to_owned));
            let pending = pending_undos(&events[..line]);
            let pending = pending.iter().map(|undo| {
                let made = undo.made.as_ref().map_or("-", |made| &made.id);
                let action = serde_json::to_value(&undo.action).expect("JSON")["action"].clone();
                format!("{} {} {made}", undo.undo, action.as_str().expect("its kind"))
            });
            told += &format!("{line}: {}\n", pending.collect::<Vec<_>>().join("; "));
        }
        let file = kept(name).join("pending.txt");
        let before =
            std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{name}: {error}; is:\n{told}"));
        assert_eq!(told, before, "{name}");
    }
    assert!(kinds.len() >= 6, "they hold too few kinds of undo: {kinds:?}");
}

#[test]
fn they_are_judged_as_they_were_and_undone() {
    let lab = Lab::new();
    let sandbox = External::start(&lab, PLAIN_SEED);
    for name in KEPT {
        let lines = read_events(&kept(name).join("journal.jsonl")).expect(name).len();
        let whole = copy(&lab, &sandbox, name, lines);
        let judged = lifeboat(&lab, &sandbox, "judge", &whole);
        judged.expect_code(0);
        let record = std::fs::read_to_string(whole.join("record.json")).expect("the record");
        let record: Value = serde_json::from_str(&record).expect("JSON");
        assert_eq!(record["verdict"], "passed", "{judged}");
        assert_eq!(record["complete"], true, "{judged}");
        assert!(record["drills"][0]["measurements"]["rto"]["upper_s"].as_f64() > Some(0.1), "{judged}");
        let notices = record["notices"].as_array().map_or(0, Vec::len);
        assert_eq!(notices, if name.starts_with("1.1") { 2 } else { 0 }, "{judged}");
        let undone = lifeboat(&lab, &sandbox, "undo", &whole);
        undone.expect_code(0);
        assert!(undone.stdout.contains("nothing is left to undo"), "{undone}");
    }
    sandbox.stop(&lab);
}

/// What a newer minor version says and this one does not know may be what a pass hangs on.
#[test]
fn nothing_passes_on_a_journal_that_is_not_wholly_known() {
    let lab = Lab::new();
    let sandbox = External::start(&lab, PLAIN_SEED);
    let dir = copy(&lab, &sandbox, "1-dynamodb-backup-restore", usize::MAX);
    let journal = std::fs::read_to_string(dir.join("journal.jsonl")).expect("the journal");
    let (head, rest) = journal.split_once('\n').expect("lines");
    let line = head.replacen("run-started", "weather-observed", 1);
    std::fs::write(dir.join("journal.jsonl"), format!("{head}\n{line}\n{rest}")).expect("written");
    let judged = lifeboat(&lab, &sandbox, "judge", &dir);
    judged.expect_code(101);
    assert!(judged.stdout.contains("1 events that this version does not know"), "{judged}");
    assert!(judged.stdout.contains("inconclusive"), "{judged}");
    sandbox.stop(&lab);
}
