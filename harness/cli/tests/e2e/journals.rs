//! Journals of other versions, and damaged ones: what can be read is, what cannot be done is named and left, and what is
//! refused is refused with the place and before anything is called.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::crash::Scene;
use crate::support::{Ended, ORDERS_SEED, Process, Signal};

const MINUTE: Duration = Duration::from_secs(60);

/// A run that was killed while the drill's schema was there.
fn killed() -> Scene {
    let scene = Scene::new(ORDERS_SEED);
    let mut run = scene.failover();
    run.await_step("confirm-steady-state");
    run.process.signal(Signal::SIGKILL);
    run.process.wait(MINUTE);
    scene
}

fn lines(dir: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(dir.join("journal.jsonl")).expect("the journal");
    text.lines().map(str::to_owned).collect()
}

/// A copy of the run with another journal.
fn copy(scene: &Scene, name: &str, journal: &str) {
    let (from, to) = (scene.lab.path("run"), scene.lab.path(name));
    std::fs::create_dir(&to).expect("a folder");
    for file in ["plan.json", "ledger.jsonl"] {
        std::fs::copy(from.join(file), to.join(file)).expect("copied");
    }
    std::fs::write(to.join("journal.jsonl"), journal).expect("written");
}

fn lifeboat(scene: &Scene, command: &str, name: &str) -> Ended {
    let mut started = scene.lab.lifeboat();
    started.envs(&scene.sandbox.exports).arg(command).arg(scene.lab.path(name));
    Process::start(&scene.lab, &mut started).wait(MINUTE)
}

/// Undo and judge refuse it with these words, call nothing and write nothing.
fn is_refused(scene: &Scene, name: &str, journal: &str, words: &[&str]) {
    copy(scene, name, journal);
    let calls = scene.sandbox.calls().len();
    for command in ["undo", "judge"] {
        lifeboat(scene, command, name).expect_code(2).expect_stderr(words);
    }
    assert_eq!(scene.sandbox.calls().len(), calls, "{name}: something was called");
    for file in ["undo.jsonl", "record.json"] {
        assert!(!scene.lab.path(name).join(file).exists(), "{name}: {file} was written");
    }
}

#[test]
fn of_other_versions_and_damaged_ones() {
    let scene = killed();
    let lines = lines(&scene.lab.path("run"));
    let whole = |lines: &[String]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    let with_head = |change: &dyn Fn(&mut Value)| {
        let mut changed = lines.clone();
        let mut head: Value = serde_json::from_str(&lines[0]).expect("JSON");
        change(&mut head);
        changed[0] = head.to_string();
        changed
    };

    // A newer major version may have any form from its second word on.
    let newer = with_head(&|head| {
        *head = json!({ "event": "run-started", "format": "lifeboat.journal/2", "tool_version": "7.0.1", "where": 1 });
    });
    is_refused(&scene, "newer", &whole(&newer), &["`lifeboat.journal/2`", "`lifeboat.journal/1`", "(7.0.1)"]);
    let foreign = with_head(&|head| head["format"] = json!("journal/1"));
    is_refused(&scene, "foreign", &whole(&foreign), &["`journal/1`", "none of lifeboat"]);

    let mut torn = lines.clone();
    torn[3].truncate(20);
    is_refused(&scene, "torn", &whole(&torn), &["journal.jsonl, line 4:", "was changed"]);
    // Without its line feed, a line has swallowed the one after it.
    let swallowed = whole(&lines).replacen("}\n", "}", 5).replacen("}{", "}\n{", 4);
    is_refused(&scene, "swallowed", &swallowed, &["journal.jsonl, line 5:"]);

    // A newer minor version: fields, events and an undo that this version does not know, and a last line that is torn.
    let mut minor = with_head(&|head| {
        head["format"] = json!("lifeboat.journal/1.7");
        head["tool_version"] = json!("1.9.0");
        head["of a newer version"] = json!({ "a": [1] });
    });
    let last: Value = serde_json::from_str(&lines[lines.len() - 1]).expect("JSON");
    let further = |seq: u64, more: Value| {
        let mut line = json!({
            "seq": last["seq"].as_u64().expect("a number") + seq,
            "at": last["at"],
            "elapsed": last["elapsed"],
        });
        line.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        line.to_string()
    };
    minor.push(further(1, json!({ "event": "weather-observed", "drill": "failover", "sky": "clear" })));
    minor.push(further(
        2,
        json!({
            "event": "undo-planned", "drill": "failover", "step": "make-cluster", "undo": 99,
            "action": "delete-cluster", "cluster": "orders-copy",
        }),
    ));
    copy(&scene, "minor", &(whole(&minor) + "{\"seq\": 999, \"at\": \"20"));
    let judged = lifeboat(&scene, "judge", "minor");
    judged.expect_code(102);
    assert!(judged.stdout.contains("`delete-cluster`"), "the report names it: {judged}");
    for _ in 0..2 {
        let undo = lifeboat(&scene, "undo", "minor");
        undo.expect_code(102).expect_stderr(&["lifeboat.journal/1.7", "1 events of a newer version, 1.9.0"]);
        assert!(
            undo.stdout.contains("left behind: `delete-cluster`, an action of a newer version"),
            "{undo}"
        );
        assert!(undo.stdout.contains("lifeboat 1.9.0 ran the drill"), "{undo}");
    }
    // All else was taken back.
    scene.is_as_before();
    scene.sandbox.stop(&scene.lab);
}
