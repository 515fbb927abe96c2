//! A run to which nothing happens, and the cases that follow from it: its steps, its lines and its calls are the matrix's
//! own list, so that a new step has its cases without anybody's doing.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::calls::changing;
use crate::case::{CallFault, Fault, Side, UNWINDING, What};
use crate::kills::{LIMIT, durable, journal, put_back, start};
use crate::scene::Scene;
use crate::sets::Set;

/// What a healthy run showed.
#[derive(Debug, Clone, Default)]
pub struct Healthy {
    /// How long each step took.
    pub steps: BTreeMap<String, Duration>,
    /// The durable line, from 1, at which a run is killed for each stop.
    pub stops: BTreeMap<&'static str, u32>,
}

/// Runs a set and gives what it showed, and all its cases.
pub fn go(scene: &Scene, set: &Set, dir: &str) -> (Healthy, Vec<What>) {
    let before = scene.state().expect("a state");
    let earlier = scene.sandbox.calls().len();
    let (ended, record) = start(scene, set, dir, None).finish(LIMIT);
    ended.expect_code(0);
    record.expect("passed", "clean", &[]);
    let actions = changing(&scene.sandbox.calls()[earlier..]);
    let lines = journal(&scene.lab.path(dir).join("journal.jsonl"));
    put_back(scene, set, dir, &before, None);

    let durable = durable(&lines);
    let undos = lines.iter().filter(|line| line["event"] == "undo-planned").count();
    let stops = if undos == 0 { BTreeMap::new() } else { stops(set, &durable) };
    let steps = steps(&lines);
    let count = |count: usize| u32::try_from(count).expect("a count");
    let mut cases = Vec::new();
    // One line more than there are: the case behind the last shows that it was the last.
    cases.extend((1..=count(lines.len()) + 1).map(|line| What::Kill { side: Side::Before, line }));
    for line in 1..=count(durable.len()) + 1 {
        cases.extend([What::Kill { side: Side::After, line }, What::Terminate { line }]);
    }
    for stop in stops.keys() {
        for side in [Side::Before, Side::After] {
            cases.push(What::KillUndo { stop, side, line: 1 });
        }
    }
    for step in steps.keys() {
        cases.extend(Fault::ALL.map(|fault| What::Step { step: step.clone(), fault }));
    }
    for action in &actions {
        cases.extend(CallFault::ALL.map(|fault| What::Call { action: action.clone(), fault }));
    }
    (Healthy { steps, stops }, cases)
}

/// Before the run takes anything back itself, and where steps of the set do.
fn stops(set: &Set, durable: &[&Value]) -> BTreeMap<&'static str, u32> {
    let place = |what: &str, wanted: &dyn Fn(&Value) -> bool| {
        let found = durable.iter().position(|line| wanted(line));
        u32::try_from(found.unwrap_or_else(|| panic!("no {what} in the journal"))).expect("a count") + 1
    };
    let is_undo = |line: &Value| line["event"] == "undo-started" || line["event"] == "undo-ended";
    // The line before it.
    let mut stops = BTreeMap::from([(UNWINDING, place("undo", &is_undo) - 1)]);
    for stop in set.stops {
        let begins = |line: &Value| line["event"] == "step-started" && line["step"] == *stop;
        stops.insert(stop, place(stop, &begins));
    }
    stops
}

fn steps(lines: &[Value]) -> BTreeMap<String, Duration> {
    let at = |line: &Value| Duration::from_micros(line["elapsed"].as_u64().expect("microseconds"));
    let mut begun = BTreeMap::new();
    let mut steps = BTreeMap::new();
    for line in lines {
        let step = || line["step"].as_str().expect("a step").to_owned();
        if line["event"] == "step-started" {
            begun.insert(step(), at(line));
        } else if line["event"] == "step-ended" {
            steps.insert(step(), at(line) - begun[&step()]);
        }
    }
    steps
}
