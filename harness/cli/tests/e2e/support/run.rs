//! `lifeboat run` in the background, and what it wrote.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::{Ended, External, Lab, Process, eventually, preload};

/// A run that goes on.
pub struct Run {
    pub process: Process,
    pub dir: PathBuf,
}

impl Run {
    /// Runs a plan against a sandbox of the test's own, into the folder `run`.
    pub fn start(lab: &Lab, sandbox: &External, plan: &str, arguments: &[&str]) -> Self {
        Self::start_in(lab, sandbox, plan, "run", arguments)
    }

    /// The same into another folder.
    pub fn start_in(lab: &Lab, sandbox: &External, plan: &str, dir: &str, arguments: &[&str]) -> Self {
        let plan = lab.write(&format!("{dir}.toml"), plan);
        let mut command = lab.lifeboat();
        command.envs(&sandbox.exports).arg("run").arg(plan).args(arguments);
        Self::of(lab, command, dir)
    }

    /// Any `lifeboat run`, which gets the folder for its files here.
    pub fn of(lab: &Lab, mut command: Command, dir: &str) -> Self {
        let dir = lab.path(dir);
        command.arg("--out").arg(&dir);
        Self { process: Process::start(lab, &mut command), dir }
    }

    /// The same, stopped where a step begins, with nothing of it done yet; SIGCONT lets it go on.
    pub fn stopped_at(lab: &Lab, sandbox: &External, plan: &str, step: &str) -> Self {
        let plan = lab.write("run.toml", plan);
        let mut command = lab.lifeboat();
        command.envs(&sandbox.exports).arg("run").arg(plan);
        command.env("LD_PRELOAD", preload("e2e/support/stop_at.c", &lab.path(""))).env("STOP_AT", step);
        let mut run = Self::of(lab, command, "run");
        run.await_step(step);
        eventually("its stop", Duration::from_secs(60), || match run.process.state() {
            Some('T') => Ok(()),
            state => Err(format!("{state:?}")),
        });
        run
    }

    /// Waits until the journal says that a step begins.
    pub fn await_step(&mut self, step: &str) {
        self.await_event(step, |event| event["event"] == "step-started" && event["step"] == step);
    }

    /// Waits for a line of the journal. A run that ends before is a failure.
    pub fn await_event(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) {
        let journal = self.dir.join("journal.jsonl");
        let mut ended = false;
        eventually(what, Duration::from_secs(330), || {
            if journal_of(&journal).iter().any(&wanted) {
                return Ok(());
            }
            assert!(!ended, "the run ended before {what}: {}", self.process.said());
            // One more look after the end: its last lines count.
            ended = self.process.has_ended();
            Err("not in the journal")
        });
    }

    /// The run's id, once it has begun.
    pub fn id(&self) -> String {
        let events = journal_of(&self.dir.join("journal.jsonl"));
        events[0]["run_id"].as_str().expect("a run's id").to_owned()
    }

    /// Waits for its end, and holds what it wrote against itself.
    pub fn finish(self, limit: Duration) -> (Ended, Record) {
        let ended = self.process.wait(limit);
        let record = Record::read(&self.dir, &ended);
        (ended, record)
    }
}

/// The whole lines of a journal that may still be written.
fn journal_of(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// `record.json` of a run, and all that was said.
pub struct Record {
    pub value: Value,
    said: String,
}

impl Record {
    /// Reads it. Exit code, record and `verdict.json` have to say the same.
    pub fn read(dir: &Path, ended: &Ended) -> Self {
        let read = |name: &str| -> Value {
            let text = std::fs::read_to_string(dir.join(name));
            let text = text.unwrap_or_else(|error| panic!("{name}: {error}; {ended}"));
            serde_json::from_str(&text).expect("JSON")
        };
        let (value, verdict) = (read("record.json"), read("verdict.json"));
        assert_eq!(value["exit_code"].as_i64(), ended.code.map(i64::from), "record and process: {ended}");
        for key in ["exit_code", "verdict", "restoration", "run_id"] {
            assert_eq!(value[key], verdict[key], "record.json and verdict.json differ in {key}");
        }
        Self { value, said: ended.to_string() }
    }

    /// The only drill.
    pub fn drill(&self) -> &Value {
        let drills = self.value["drills"].as_array().expect("drills");
        assert_eq!(drills.len(), 1, "{}", self.said);
        &drills[0]
    }

    /// Asserts verdict and restoration of the only drill, and that its reason says all these.
    #[track_caller]
    pub fn expect(&self, verdict: &str, restoration: &str, reasons: &[&str]) -> &Self {
        let drill = self.drill();
        assert_eq!(drill["verdict"], verdict, "{}\n{}", drill["reason"], self.said);
        assert_eq!(drill["restoration"], restoration, "{}\n{}", drill["residue"], self.said);
        let reason = drill["reason"].as_str().expect("a reason");
        for part in reasons {
            assert!(reason.contains(part), "`{part}` is not in the reason: {reason}\n{}", self.said);
        }
        self
    }

    /// The moment of a mark, seconds since the run's start.
    pub fn mark(&self, name: &str) -> Option<f64> {
        let timeline = self.drill()["timeline"].as_array().expect("a timeline");
        let found = timeline.iter().find(|entry| entry["kind"] == "mark" && entry["text"] == name);
        found.and_then(|entry| entry["at_s"].as_f64())
    }
}
