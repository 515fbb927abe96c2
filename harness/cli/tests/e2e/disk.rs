//! The folder for a run's files: one that cannot be written is refused before anything is called, and one that fills in
//! the midst of a run ends it, said and unwound.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::crash::Scene;
use crate::support::{Answer, ORDERS_SEED, Process, Receiver, Run, failover_plan, preload};

const MINUTE: Duration = Duration::from_secs(60);

/// Runs a command with a file system of its own at `$OUT`, which goes with it; what was written there is copied to `$KEEP`.
const MOUNTED: &str = r#"mkdir -p "$OUT" && mount -t tmpfs -o "$OPTIONS" none "$OUT" || exit 77
"$@"; code=$?; cp -r "$OUT" "$KEEP"; exit $code"#;

/// The command in a mount namespace, or why there is none here.
fn mounted(inner: &Command, out: &Path, options: &str, keep: &Path) -> Result<Command, String> {
    let ways: [&[&str]; 2] = [&["--mount"], &["--mount", "--map-root-user"]];
    let mut why = String::new();
    for way in ways {
        let mut tried = Command::new("unshare");
        tried.args(way).args(["sh", "-c", "mount -t tmpfs none /mnt"]);
        match tried.output() {
            Ok(output) if output.status.success() => {
                let mut command = Command::new("unshare");
                command.args(way).args(["sh", "-c", MOUNTED, "sh"]);
                command.arg(inner.get_program()).args(inner.get_args());
                command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
                for (name, _) in inner.get_envs().filter(|(_, value)| value.is_none()) {
                    command.env_remove(name);
                }
                command.env("OUT", out).env("OPTIONS", options).env("KEEP", keep);
                command.current_dir(inner.get_current_dir().expect("the lab"));
                return Ok(command);
            }
            Ok(output) => why = String::from_utf8_lossy(&output.stderr).into_owned(),
            Err(error) => why = error.to_string(),
        }
    }
    Err(why)
}

fn run_mounted(scene: &Scene, options: &str, drill: &str) -> Option<crate::support::Ended> {
    let plan = scene.lab.write("plan.toml", &failover_plan(drill));
    let mut inner = scene.lab.lifeboat();
    inner.envs(&scene.sandbox.exports).arg("run").arg(plan);
    match mounted(&inner, &scene.lab.path("full"), options, &scene.lab.path("kept")) {
        Ok(command) => Some(Run::of(&scene.lab, command, "full").process.wait(MINUTE * 2)),
        Err(why) => {
            eprintln!("skipped: no mount namespace can be had here: {why}");
            None
        }
    }
}

#[test]
fn one_that_fills_ends_the_run_which_is_unwound() {
    let scene = Scene::new(ORDERS_SEED);
    // Full some seconds after the probes begin, long before the recovery counts as stable.
    let told = Receiver::start(Answer::Status("200 OK"));
    let drill = format!(
        "stable_for = '20s'\n[[notices]]\nname = 'metrics'\nkind = 'pushgateway'\nonly = 'failures'\nurl = '{}'",
        told.url("")
    );
    let Some(ended) = run_mounted(&scene, "size=96k", &drill) else { return };
    assert!(matches!(ended.code, Some(1 | 101 | 102)), "{ended}");
    ended.expect_stderr(&["No space left on device", "lifeboat undo "]);
    assert!(!ended.stderr.contains("panicked") && !ended.stderr.contains("PASSED"), "{ended}");
    // People are told, though nothing can be written.
    let metrics = told.only().body;
    assert!(metrics.contains("simulated=\"true\",verdict=\"errored\"} 1"), "{metrics}");
    scene.is_as_before();
    // What it could write says enough for undo, which finds nothing left.
    let mut undo = scene.lab.lifeboat();
    let undo = undo.envs(&scene.sandbox.exports).arg("undo").arg(scene.lab.path("kept"));
    Process::start(&scene.lab, undo).wait(MINUTE).expect_code(0);
    scene.is_as_before();
    scene.sandbox.stop(&scene.lab);
}

#[test]
fn a_last_line_that_did_not_reach_the_disk_proves_nothing_in_the_record_either() {
    let scene = Scene::new(ORDERS_SEED);
    let plan = scene.lab.write("plan.toml", &failover_plan(""));
    let mut command = scene.lab.lifeboat();
    let library = preload("e2e/support/unsynced.c", &scene.lab.path(""));
    command.envs(&scene.sandbox.exports).env("LD_PRELOAD", &library).arg("run").arg(plan);
    let (ended, record) = Run::of(&scene.lab, command, "run").finish(MINUTE);
    std::fs::remove_file(library).expect("removed");
    // All went well up to the line that says so.
    assert_eq!(record.value["drills"][0]["verdict"], "passed", "{ended}");
    ended.expect_code(101).expect_stderr(&["Input/output error", "lifeboat undo "]);
    assert_eq!(record.value["verdict"], "errored", "{ended}");
    assert_eq!(record.value["complete"], false, "{ended}");
    assert_eq!(record.value["exit_code"], 101, "{ended}");
    let junit = std::fs::read_to_string(scene.lab.path("run/junit.xml")).expect("a report");
    assert!(junit.contains("lifeboat/complete") && junit.contains("<error"), "{junit}");
    // The line is not there for anybody who reads the journal later.
    scene.lifeboat("judge").expect_code(101);
    std::fs::remove_file(scene.lab.path("run/record.json")).expect("removed");
    let judged = scene.lifeboat("judge");
    judged.expect_code(101);
    assert!(judged.stdout.contains("ERRORED"), "{judged}");
    scene.is_as_before();
    scene.sandbox.stop(&scene.lab);
}

#[test]
fn one_that_cannot_be_written_is_refused_before_any_call() {
    let scene = Scene::new(ORDERS_SEED);
    let calls = scene.sandbox.calls().len();
    let refused = |out: &Path| {
        let mut command = scene.lab.lifeboat();
        let plan = scene.lab.write("plan.toml", &failover_plan(""));
        command.envs(&scene.sandbox.exports).arg("run").arg(plan).arg("--out").arg(out);
        let ended = Process::start(&scene.lab, &mut command).wait(MINUTE);
        ended.expect_code(2).expect_stderr(&["cannot write the run's files", "nothing was done", "--out"]);
    };
    let file = scene.lab.write("file", "");
    refused(&file);
    refused(&file.join("below"));
    // Root may write wherever the file system can be written: this one cannot, whoever asks.
    refused(Path::new("/proc/lifeboat/run"));
    refused(Path::new("/sys/kernel"));
    if let Some(ended) = run_mounted(&scene, "ro", "") {
        ended.expect_code(2).expect_stderr(&["Read-only file system", "nothing was done"]);
    }
    assert_eq!(scene.sandbox.calls().len(), calls, "something was called");
    scene.sandbox.stop(&scene.lab);
}
