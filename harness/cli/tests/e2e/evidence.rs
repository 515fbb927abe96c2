//! Signed runs: verified by lifeboat, by the commands in `VERIFY.md` and by another's library; what was changed is noticed by
//! each of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rstest::rstest;
use serde_json::Value;

use crate::crash::Scene;
use crate::support::{
    Answer, Ended, Lab, ORDERS_SEED, Process, Receiver, Run, Signal, eventually, failover_plan,
    verified_by_python,
};

use crate::credentials::MINUTE;

/// A sandbox and a key.
fn scene() -> Scene {
    let scene = Scene::new(ORDERS_SEED);
    lifeboat(&scene.lab, "keygen", &["--out", "drill.key"]).expect_code(0);
    scene
}

pub fn lifeboat(lab: &Lab, command: &str, arguments: &[&str]) -> Ended {
    let mut started = lab.lifeboat();
    started.current_dir(lab.path("")).arg(command).args(arguments);
    Process::start(lab, &mut started).wait(MINUTE)
}

/// A run that is signed, and in the history.
fn signed(scene: &Scene, dir: &str) -> Run {
    let (key, history) = (scene.lab.path("drill.key"), scene.lab.path("history.jsonl"));
    let arguments =
        ["--sign-key", key.to_str().expect("UTF-8"), "--history", history.to_str().expect("UTF-8")];
    let plan = failover_plan("stable_for = '500ms'");
    Run::start_in(&scene.lab, &scene.sandbox, &plan, dir, &arguments)
}

fn verify(lab: &Lab, dir: &str, more: &[&str]) -> Ended {
    lifeboat(lab, "verify", &[&[dir, "--key", "drill.pub"], more].concat())
}

/// Runs the commands that `VERIFY.md` gives, in a copy of the folder that has the public key; whether all went well.
pub fn verified_by_hand(lab: &Lab, dir: &Path) -> Result<String, String> {
    let text = fs::read_to_string(dir.join("VERIFY.md")).expect("VERIFY.md");
    let blocks = text.split("```sh\n").skip(1).map(|rest| rest.split_once("```").expect("an end").0);
    let commands = format!("set -eo pipefail\n{}", blocks.collect::<String>());
    let copy = tempfile::tempdir_in(lab.path("")).expect("a folder");
    for entry in fs::read_dir(dir).expect("the run's folder") {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            fs::copy(&path, copy.path().join(path.file_name().expect("a name"))).expect("copied");
        }
    }
    fs::copy(lab.path("drill.pub"), copy.path().join("lifeboat.pub")).expect("copied");
    let output =
        Command::new("bash").args(["-c", &commands]).current_dir(copy.path()).output().expect("bash");
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(said) } else { Err(said) }
}

#[test]
fn a_signed_run_is_verified_and_what_is_changed_is_noticed() {
    let scene = scene();
    let lab = &scene.lab;
    let (ended, _) = signed(&scene, "run").finish(MINUTE * 4);
    ended.expect_code(0);
    scene.sandbox.stop(lab);
    let dir = lab.path("run");
    let said = verify(lab, "run", &["--history", "history.jsonl"]);
    said.expect_code(0);
    assert!(said.stdout.contains("PASSED") && said.stdout.contains("simulated"), "{said}");
    let by_hand = verified_by_hand(lab, &dir).expect("verified");
    assert!(by_hand.contains("Verified OK") && by_hand.contains("ledger.jsonl: OK"), "{by_hand}");
    assert_eq!(verified_by_python(&dir.join("record.sigstore.json"), &lab.path("drill.pub")), Ok(()));

    for name in ["record.json", "plan.json", "journal.jsonl", "ledger.jsonl"] {
        let path = dir.join(name);
        let whole = fs::read(&path).expect("the file");
        let (middle, end) = (whole.len() / 2, whole.len() - 1);
        let flipped = |at: usize| {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            changed
        };
        let longer = [&whole[..], b"\n"].concat();
        for changed in [flipped(0), flipped(middle), flipped(end), longer, whole[..end].to_vec(), Vec::new()]
        {
            fs::write(&path, &changed).expect("changed");
            verify(lab, "run", &[]).expect_code(101).expect_stderr(&["NOT VERIFIED", name]);
            let said = verified_by_hand(lab, &dir).expect_err("not verified");
            assert!(said.contains(&format!("{name}: FAILED")), "{said}");
        }
        fs::write(&path, &whole).expect("put back");
    }
    verify(lab, "run", &[]).expect_code(0);
}

/// What it says of itself cannot be changed, nor can another key take its place.
#[test]
fn a_statement_that_was_changed_or_signed_by_another_is_refused() {
    let scene = scene();
    let lab = &scene.lab;
    signed(&scene, "run").finish(MINUTE * 4).0.expect_code(0);
    scene.sandbox.stop(lab);
    let dir = lab.path("run");
    let path = dir.join("record.sigstore.json");
    let whole = fs::read_to_string(&path).expect("the bundle");
    let mut bundle: Value = serde_json::from_str(&whole).expect("JSON");
    let payload = bundle["dsseEnvelope"]["payload"].as_str().expect("a payload").to_owned();
    let text = String::from_utf8(base64(&["-d"], &payload)).expect("UTF-8");
    assert!(text.contains("\"simulated\":true"), "{text}");
    let changed = text.replace("\"simulated\":true", "\"simulated\":false");
    bundle["dsseEnvelope"]["payload"] = String::from_utf8(base64(&["-w0"], &changed)).expect("UTF-8").into();
    fs::write(&path, bundle.to_string()).expect("changed");
    verify(lab, "run", &[]).expect_code(101).expect_stderr(&["NOT VERIFIED", "signature"]);
    verified_by_hand(lab, &dir).expect_err("not verified");
    assert!(verified_by_python(&path, &lab.path("drill.pub")).is_err());
    fs::write(&path, &whole).expect("put back");
    lifeboat(lab, "keygen", &["--out", "other.key"]).expect_code(0);
    let other = lifeboat(lab, "verify", &["run", "--key", "other.pub"]);
    other.expect_code(101).expect_stderr(&["NOT VERIFIED", "another key"]);
    fs::remove_file(&path).expect("removed");
    verify(lab, "run", &[]).expect_code(101).expect_stderr(&["NOT VERIFIED", "record.sigstore.json"]);
}

fn base64(arguments: &[&str], text: &str) -> Vec<u8> {
    use std::io::Write as _;
    use std::process::Stdio;
    let mut command = Command::new("base64");
    let mut child =
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("base64");
    let mut input = child.stdin.take().expect("its input");
    let text = text.to_owned();
    let writing = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = child.wait_with_output().expect("its end");
    writing.join().expect("no panic").expect("written");
    output.stdout
}

/// Each signed run names the one before it, so that none can be taken out unnoticed.
#[test]
fn signed_runs_are_a_chain() {
    let scene = scene();
    let lab = &scene.lab;
    for dir in ["one", "two", "three"] {
        signed(&scene, dir).finish(MINUTE * 4).0.expect_code(0);
    }
    scene.sandbox.stop(lab);
    let history = lab.path("history.jsonl");
    let lines: Vec<String> = fs::read_to_string(&history).expect("it").lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 3);
    for dir in ["one", "two", "three"] {
        verify(lab, dir, &["--history", "history.jsonl"]).expect_code(0);
    }
    let record: Value =
        serde_json::from_slice(&fs::read(lab.path("three/record.json")).expect("it")).expect("JSON");
    let earlier: Vec<&str> = record["earlier"]
        .as_array()
        .expect("runs")
        .iter()
        .filter_map(|line| line["run_id"].as_str())
        .collect();
    let ids: Vec<Value> = lines
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["run_id"].clone())
        .collect();
    assert_eq!(earlier, [ids[0].as_str().expect("an id"), ids[1].as_str().expect("an id")]);
    let page = fs::read_to_string(lab.path("three/report.html")).expect("the page");
    assert!(
        page.contains(&format!("The run before: {}", earlier[1]))
            && page.contains("RTO of the last 3 simulated runs")
    );
    lifeboat(lab, "judge", &["three"]).expect_code(0);
    let better = lines[2].replacen("\"lost_writes\":0", "\"lost_writes\":7", 1);
    assert_ne!(better, lines[2]);
    fs::write(&history, format!("{}\n{}\n{better}", lines[0], lines[1])).expect("changed");
    let said = verify(lab, "three", &["--history", "history.jsonl"]);
    said.expect_code(101).expect_stderr(&["NOT VERIFIED", "history.jsonl", "it was changed"]);
    fs::write(&history, format!("{}\n{}\n", lines[0], lines[2])).expect("changed");
    let said = verify(lab, "three", &["--history", "history.jsonl"]);
    said.expect_code(101).expect_stderr(&["NOT VERIFIED", "history.jsonl", "taken out"]);
    verify(lab, "one", &["--history", "history.jsonl"]).expect_code(0);
    let shown = lifeboat(lab, "history", &["history.jsonl"]);
    shown.expect_code(0);
    assert!(shown.stdout.contains("2 runs, 2 passed") && shown.stdout.contains("simulated"), "{shown}");
}

/// What was signed stays as it was; what was done since is signed beside it.
#[test]
fn an_undo_is_signed_by_itself() {
    let scene = scene();
    let lab = &scene.lab;
    let mut run = signed(&scene, "run");
    run.await_step("confirm-steady-state");
    run.process.signal(Signal::SIGKILL);
    run.process.wait(MINUTE);
    let undo = |more: &[&str]| {
        let mut started = lab.lifeboat();
        started.envs(&scene.sandbox.exports).arg("undo").arg(lab.path("run")).args(more);
        Process::start(lab, &mut started).wait(MINUTE)
    };
    let key: PathBuf = lab.path("drill.key");
    let key = key.to_str().expect("UTF-8");
    // Nothing was signed of a run that was killed: there is nothing that an undo could follow.
    undo(&["--sign-key", key]).expect_code(2).expect_stderr(&["record.sigstore.json"]);
    lifeboat(lab, "keygen", &["--out", "other.key"]).expect_code(0);
    lifeboat(lab, "judge", &["run", "--sign-key", key]).expect_code(102);
    verify(lab, "run", &[]).expect_code(0);
    let other = lab.path("other.key");
    let refused = undo(&["--sign-key", other.to_str().expect("UTF-8")]);
    refused.expect_code(2).expect_stderr(&["another key"]);
    assert!(!lab.path("run/undo.jsonl").exists(), "{refused}");
    // Undone without a key: that is told, and made up for.
    undo(&[]).expect_code(0);
    let said = verify(lab, "run", &[]);
    said.expect_code(0);
    let bytes = fs::metadata(lab.path("run/undo.jsonl")).expect("it").len();
    assert!(said.stdout.contains(&format!("undo.jsonl: {bytes} bytes are not signed")), "{said}");
    for name in ["signed: undo-1.sigstore.json\n", "nothing is left to undo\n"] {
        let again = undo(&["--sign-key", key]);
        again.expect_code(0);
        assert!(again.stdout.ends_with(name), "{again}");
    }
    let said = verify(lab, "run", &[]);
    said.expect_code(0);
    assert!(!said.stdout.contains("not signed"), "{said}");
    assert!(said.stdout.contains("undo-1.sigstore.json") && said.stdout.contains("undo.jsonl"), "{said}");
    scene.sandbox.stop(lab);
    let journal = lab.path("run").join("undo.jsonl");
    let mut text = fs::read_to_string(&journal).expect("it");
    text.push('\n');
    fs::write(&journal, &text).expect("added to");
    let said = verify(lab, "run", &[]);
    said.expect_code(0);
    assert!(said.stdout.contains("undo.jsonl: 1 bytes are not signed"), "{said}");
    fs::write(&journal, text.replacen("undo", "Undo", 1)).expect("changed");
    verify(lab, "run", &[]).expect_code(101).expect_stderr(&["NOT VERIFIED", "undo.jsonl"]);
    fs::write(&journal, &text).expect("put back");

    // One that is missing, and one in the place of the run's own, which would say nothing about the record.
    let (first, second) = (lab.path("run/undo-1.sigstore.json"), lab.path("run/undo-2.sigstore.json"));
    fs::rename(&first, &second).expect("renamed");
    verify(lab, "run", &[]).expect_code(101).expect_stderr(&["NOT VERIFIED", "undo-1.sigstore.json"]);
    fs::rename(&second, lab.path("run/record.sigstore.json")).expect("renamed");
    verify(lab, "run", &[]).expect_code(101).expect_stderr(&["NOT VERIFIED", "an undo"]);
    let said = verified_by_hand(lab, &lab.path("run")).expect_err("not verified");
    assert!(said.contains("Verified OK") && said.ends_with("false\n"), "{said}");
}

/// Somebody holds the history, as a run does that waits for KMS: a signal ends what follows the run, and nothing of that is lost
/// for good.
#[rstest]
#[case::signed(true)]
#[case::unsigned(false)]
fn a_signal_ends_what_follows_a_run_and_judge_does_it_later(#[case] key: bool) {
    let scene = scene();
    let lab = &scene.lab;
    let history = fs::File::create(lab.path("history.jsonl")).expect("a file");
    history.lock().expect("held");
    let mut arguments = vec!["--history", "history.jsonl"];
    if key {
        arguments.extend(["--sign-key", "drill.key"]);
    }
    let plan = failover_plan("stable_for = '500ms'");
    let run = Run::start_in(lab, &scene.sandbox, &plan, "run", &arguments);
    eventually("the reports", MINUTE * 2, || match run.dir.join("badge.svg").exists() {
        true => Ok(()),
        false => Err(run.process.said()),
    });
    let locks = fs::read_dir(lab.path("state/lifeboat/locks")).expect("the folder").count();
    assert_eq!(locks, 0, "the targets are free by now");
    run.process.signal(Signal::SIGINT);
    let ended = run.process.wait(MINUTE / 4);
    let says = if key { "it is not signed and not in its history" } else { "may not be in" };
    ended.expect_code(1).expect_stderr(&["Ctrl-C: the run has ended", says, "`lifeboat judge "]);
    let record = fs::read_to_string(run.dir.join("record.json")).expect("the record");
    let record: Value = serde_json::from_str(&record).expect("JSON");
    assert_eq!((&record["verdict"], &record["interrupted_by"]), (&Value::from("passed"), &Value::Null));
    drop(history);
    scene.sandbox.stop(lab);

    arguments.insert(0, "run");
    for _ in 0..2 {
        lifeboat(lab, "judge", &arguments).expect_code(0);
        let lines = fs::read_to_string(lab.path("history.jsonl")).expect("the history");
        assert_eq!(lines.lines().count(), 1, "{lines}");
        if key {
            verify(lab, "run", &["--history", "history.jsonl"]).expect_code(0);
            arguments.truncate(3);
        }
    }
}

/// The second ends the command there and then.
#[test]
fn a_second_signal_does_not_wait_for_what_follows_a_run() {
    let scene = scene();
    let hangs = Receiver::start(Answer::Nothing);
    let notice = "\n[[notices]]\nname = 'a'\nkind = 'slack'\nurl = '${URL}'\n";
    let plan = scene.lab.write("run.toml", &(failover_plan("stable_for = '500ms'") + notice));
    let history = fs::File::create(scene.lab.path("history.jsonl")).expect("a file");
    history.lock().expect("held");
    let mut command = scene.lab.lifeboat();
    command.envs(&scene.sandbox.exports).env("URL", hangs.url("/"));
    command.arg("run").arg(plan).args(["--history", "history.jsonl"]);
    let run = Run::of(&scene.lab, command, "run");
    eventually("the notice", MINUTE * 2, || match hangs.received().len() {
        0 => Err(run.process.said()),
        _ => Ok(()),
    });
    run.process.signal(Signal::SIGTERM);
    eventually("the first words", MINUTE, || match run.process.said() {
        said if said.contains("a second one stops there") => Ok(()),
        said => Err(said),
    });
    run.process.signal(Signal::SIGTERM);
    let ended = run.process.wait(MINUTE / 4);
    ended.expect_code(130).expect_stderr(&["SIGTERM again: stopped", "`lifeboat judge "]);
    scene.sandbox.stop(&scene.lab);
}
