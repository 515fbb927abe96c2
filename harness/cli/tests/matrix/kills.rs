//! The command is signalled at a line of its journal: what is preloaded into it (`strike.c`) counts the calls of the
//! journal's thread and sends the signal before one of them is made. The command itself has no part in it.
//!
//! Before `write` the line is not in the file; before `fdatasync` it is, and nobody has been told. After
//! a `kill -9` what is in the file stays in it, synced or not: a power cut is another matter, and is not tried here.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::Value;

use crate::case::Side;
use crate::scene::Scene;
use crate::sets::Set;
use crate::support::{Ended, Process, Record, Run, Signal, preload, rows};

pub const LIMIT: Duration = Duration::from_secs(120);

/// Lines that are written without waiting for the disk: so they have no moment after them.
const NOTES: [&str; 3] = ["marked", "observed", "interrupted"];

/// What follows nothing else: a signal that comes now may find nothing to end.
const CLOSING: [&str; 3] = ["undo-ended", "drill-ended", "run-ended"];

/// A signal at a line.
#[derive(Clone, Copy)]
pub struct Strike {
    pub signal: Signal,
    pub side: Side,
    pub line: u32,
}

/// Whether a line was there to be struck at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Struck {
    Yes,
    /// The journal has fewer lines.
    PastTheEnd,
}

/// The lines of a journal, and of those the durable ones.
pub fn durable(lines: &[Value]) -> Vec<&Value> {
    lines.iter().filter(|line| NOTES.iter().all(|note| line["event"] != *note)).collect()
}

/// The whole lines of a journal.
pub fn journal(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// Has the command struck.
fn struck(command: &mut Command, strike: Strike) {
    let call = match strike.side {
        Side::Before => "write",
        Side::After => "fdatasync",
    };
    command.env("LD_PRELOAD", striker()).env("STRIKE_CALL", call);
    command
        .env("STRIKE_AT", strike.line.to_string())
        .env("STRIKE_SIGNAL", (strike.signal as i32).to_string());
}

/// What is preloaded, compiled at its first use.
fn striker() -> &'static Path {
    static BUILT: LazyLock<PathBuf> =
        LazyLock::new(|| preload("matrix/strike.c", Path::new(env!("CARGO_TARGET_TMPDIR"))));
    &BUILT
}

/// Starts the run of a set, struck at a line if so.
pub fn start(scene: &Scene, set: &Set, dir: &str, strike: Option<Strike>) -> Run {
    let plan = scene.lab.write(&format!("{dir}.toml"), &set.plan);
    let mut command = scene.lab.lifeboat();
    command.envs(&scene.sandbox.exports).args(["run", "--quiet"]).arg(plan);
    if set.ground == crate::sets::Ground::Plain {
        command.args(["--confirm", &scene.sandbox.plain_address()]);
    }
    if let Some(strike) = strike {
        struck(&mut command, strike);
    }
    Run::of(&scene.lab, command, dir)
}

fn lifeboat(scene: &Scene, word: &str, dir: &str, strike: Option<Strike>) -> Ended {
    let mut command = scene.lab.lifeboat();
    command.envs(&scene.sandbox.exports).arg(word).arg(scene.lab.path(dir));
    if let Some(strike) = strike {
        struck(&mut command, strike);
    }
    Process::start(&scene.lab, &mut command).wait(LIMIT)
}

fn was_killed(ended: &Ended) -> bool {
    ended.signal == Some(Signal::SIGKILL as i32)
}

/// A run that was not struck has to end as if nothing had been tried.
fn past_the_end(scene: &Scene, set: &Set, dir: &str, ended: &Ended, before: &Value) -> Struck {
    ended.expect_code(0);
    put_back(scene, set, dir, before, None);
    Struck::PastTheEnd
}

/// `kill -9` of the run.
pub fn kill(scene: &Scene, set: &Set, dir: &str, side: Side, line: u32) -> Struck {
    let before = scene.state().expect("a state");
    let ended =
        start(scene, set, dir, Some(Strike { signal: Signal::SIGKILL, side, line })).process.wait(LIMIT);
    if !was_killed(&ended) {
        return past_the_end(scene, set, dir, &ended, &before);
    }
    let undo = lifeboat(scene, "undo", dir, None);
    recovered(scene, set, dir, &before, &undo);
    Struck::Yes
}

/// `kill -9` of the undo of a run that was killed at a line.
pub fn kill_undo(scene: &Scene, set: &Set, dir: &str, run_line: u32, side: Side, line: u32) -> Struck {
    let before = scene.state().expect("a state");
    let strike = Strike { signal: Signal::SIGKILL, side: Side::After, line: run_line };
    let ended = start(scene, set, dir, Some(strike)).process.wait(LIMIT);
    assert!(was_killed(&ended), "the run was to be killed: {ended}");
    let undo = lifeboat(scene, "undo", dir, Some(Strike { signal: Signal::SIGKILL, side, line }));
    let killed = was_killed(&undo);
    assert!(killed || line > 1, "the undo had nothing to do: {undo}");
    let undo = if killed { lifeboat(scene, "undo", dir, None) } else { undo };
    recovered(scene, set, dir, &before, &undo);
    if killed { Struck::Yes } else { Struck::PastTheEnd }
}

/// What holds after the undo of a run that was killed.
fn recovered(scene: &Scene, set: &Set, dir: &str, before: &Value, undo: &Ended) {
    put_back(scene, set, dir, before, Some(undo));
    let lines = journal(&scene.lab.path(dir).join("journal.jsonl"));
    let judged = lifeboat(scene, "judge", dir, None);
    if lines.is_empty() {
        assert!(judged.code.is_some_and(|code| code != 0), "there is nothing to judge: {judged}");
        return;
    }
    let record = Record::read(&scene.lab.path(dir), &judged);
    if lines.last().is_some_and(|line| line["event"] == "run-ended") {
        assert_eq!(record.value["verdict"], "passed", "{judged}");
        return;
    }
    assert_eq!(record.value["verdict"], "errored", "{judged}");
    assert_eq!(record.value["complete"], false, "{judged}");
}

/// SIGTERM to the run.
pub fn terminate(scene: &Scene, set: &Set, dir: &str, line: u32) -> Struck {
    let before = scene.state().expect("a state");
    let strike = Strike { signal: Signal::SIGTERM, side: Side::After, line };
    let (ended, record) = start(scene, set, dir, Some(strike)).finish(LIMIT);
    let lines = journal(&scene.lab.path(dir).join("journal.jsonl"));
    let durable = durable(&lines);
    let Some(at) = durable.get(line as usize - 1) else {
        return past_the_end(scene, set, dir, &ended, &before);
    };
    assert_eq!(record.value["restoration"], "clean", "{ended}");
    if record.value["interrupted_by"] == "SIGTERM" {
        ended.expect_code(130);
    } else {
        // The run may be over before the signal is noticed, if nothing else was to be done.
        let rest = &durable[line as usize..];
        let over = rest.iter().all(|line| CLOSING.iter().any(|event| line["event"] == *event));
        assert!(over, "SIGTERM at {at} went unheard: {ended}");
        ended.expect_code(0);
    }
    put_back(scene, set, dir, &before, None);
    Struck::Yes
}

/// Everything is as before, but for a copy that the plan asks to keep. `undo` is what an undo of the run said.
pub fn put_back(scene: &Scene, set: &Set, dir: &str, before: &Value, undo: Option<&Ended>) {
    let kept = if set.keeps { kept_copy(scene, dir, before) } else { None };
    if let Some(undo) = undo {
        undo.expect_code(0);
    }
    if let Some(copy) = &kept {
        let schemas = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'lifeboat%'";
        assert_eq!(rows(&scene.sandbox.database(copy), schemas).as_deref(), Ok(&[][..]));
        scene.delete_instance(copy);
    }
    scene.settles(before);
    let again = lifeboat(scene, "undo", dir, None);
    again.expect_code(0);
    assert!(again.stdout.contains("nothing is left to undo"), "{again}");
}

/// The copy that was kept: one that gc does not delete, where the journal says that its deletion is not needed. Where the run
/// ended in the midst of that, it may still carry the run's other tags.
fn kept_copy(scene: &Scene, dir: &str, before: &Value) -> Option<String> {
    let lines = journal(&scene.lab.path(dir).join("journal.jsonl"));
    let kept = |line: &&Value| line["event"] == "undo-ended" && line["message"] == "the plan keeps it";
    lines.iter().find(kept)?;
    let more = scene.more_instances(before);
    let spared =
        |tags: &Value| tags.as_object().is_some_and(|tags| !tags.contains_key("lifeboat:expires-at"));
    let (name, _) = more.into_iter().find(|(name, tags)| name.starts_with("orders-lb-") && spared(tags))?;
    Some(name)
}
