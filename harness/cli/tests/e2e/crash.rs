//! The harness is killed at every step; `lifeboat undo` then puts the database back, and `lifeboat judge` says what
//! was.

use std::time::Duration;

use rstest::rstest;
use serde_json::Value;

use crate::support::{
    BACKED_UP_SEED, Ended, External, Held, Lab, ORDERS_SEED, PLAIN_SEED, Process, Record, Run, Signal,
    eventually, exhaustion_plan, failover_plan, restore_plan, rows, snapshot,
};

const MINUTE: Duration = Duration::from_secs(60);

/// A sandbox and how it was before a run.
struct Scene {
    lab: Lab,
    sandbox: External,
    before: Value,
}

impl Scene {
    fn new(seed: &str) -> Self {
        let lab = Lab::new();
        let sandbox = External::start(&lab, seed);
        let before = snapshot(&sandbox).expect("a snapshot");
        Self { lab, sandbox, before }
    }

    fn failover(&self) -> Run {
        let plan = failover_plan("stable_for = '500ms'");
        Run::start(&self.lab, &self.sandbox, &plan, &[])
    }

    fn exhaustion(&self) -> Run {
        let plan = exhaustion_plan("hold = '500ms'\nstable_for = '500ms'");
        let address = self.sandbox.plain_address();
        Run::start(&self.lab, &self.sandbox, &plan, &["--confirm", &address])
    }

    fn restore(&self, scenario: &str, options: &str) -> Run {
        Run::start(&self.lab, &self.sandbox, &restore_plan(scenario, options), &[])
    }

    fn lifeboat(&self, command: &str) -> Ended {
        let mut started = self.lab.lifeboat();
        started.envs(&self.sandbox.exports).arg(command).arg(self.lab.path("run"));
        Process::start(&self.lab, &mut started).wait(MINUTE)
    }

    /// Sandbox and database are as before the run: at once but for what goes on in them by themselves (a failover that
    /// was asked for, a session whose client is gone).
    fn is_as_before(&self) {
        eventually("the state before", Duration::from_secs(30), || match snapshot(&self.sandbox) {
            Ok(now) if now == self.before => Ok(()),
            Ok(now) => Err(format!("{now:#}\nbefore: {:#}", self.before)),
            Err(error) => Err(error),
        });
    }

    /// Undoes and judges a run that was killed, and looks at what is left.
    fn recover(self, step: &str) {
        let undo = self.lifeboat("undo");
        undo.expect_code(0);
        self.is_as_before();
        let again = self.lifeboat("undo");
        again.expect_code(0);
        assert!(again.stdout.contains("nothing is left to undo"), "{again}");

        assert!(!self.lab.path("run/record.json").exists(), "a killed run has no record of its own");
        let judged = self.lifeboat("judge");
        let record = Record::read(&self.lab.path("run"), &judged);
        assert_eq!(record.value["verdict"], "errored", "{judged}");
        assert_eq!(record.value["complete"], false);
        assert_eq!(record.drill()["verdict"], "errored", "{judged}");
        let reason = record.drill()["reason"].as_str().expect("a reason");
        assert!(reason.contains("killed"), "{reason}");
        let steps = record.drill()["steps"].as_array().expect("steps");
        assert!(steps.iter().any(|known| known["id"] == step), "{steps:?}");
        self.lifeboat("judge").expect_code(judged.code.expect("an exit code"));
        self.sandbox.stop(&self.lab);
    }
}

fn kill_at(mut run: Run, step: &str) {
    run.await_step(step);
    run.process.signal(Signal::SIGKILL);
    let ended = run.process.wait(MINUTE);
    assert_eq!(ended.signal, Some(Signal::SIGKILL as i32), "{ended}");
}

#[rstest]
fn killed_in_a_failover(
    #[values(
        "identify-target",
        "check-database",
        "create-ledger",
        "start-probes",
        "confirm-steady-state",
        "force-failover",
        "await-recovery",
        "prove-failover",
        "read-back",
        "await-standby"
    )]
    step: &str,
) {
    let scene = Scene::new(ORDERS_SEED);
    // Steps that only ask the control plane would be over before the kill comes.
    scene.sandbox.tell(r#"{"lie":"slow-answers","ms":200}"#);
    kill_at(scene.failover(), step);
    scene.recover(step);
}

#[rstest]
fn killed_in_an_exhaustion(
    #[values(
        "identify-target",
        "check-limits",
        "open-watcher",
        "start-probes",
        "climb",
        "hold",
        "release",
        "await-calm"
    )]
    step: &str,
) {
    let scene = Scene::new(PLAIN_SEED);
    kill_at(scene.exhaustion(), step);
    scene.recover(step);
}

/// All that a restore to a moment can do.
const RESTORE_ALL: &str = "promote = true\nwrites_stopped = true\nkeep = true";

#[rstest]
fn killed_in_a_restore_to_a_moment(
    #[values(
        "identify-target",
        "check-database",
        "create-canaries",
        "choose-moment",
        "destroy-canaries",
        "await-restorable",
        "request-restore",
        "await-copy",
        "connect-copy",
        "prove-moment",
        "validate-data",
        "compare-settings",
        "watch-name",
        "rename-source",
        "rename-copy",
        "prove-promotion",
        "swap-back",
        "prove-source",
        "keep-copy"
    )]
    step: &str,
) {
    let scene = Scene::new(BACKED_UP_SEED);
    scene.sandbox.tell(r#"{"lie":"slow-answers","ms":50}"#);
    kill_at(scene.restore("rds-pitr", RESTORE_ALL), step);
    scene.recover(step);
}

/// The other steps are those of the restore to a moment.
#[rstest]
#[case("snapshot = \"fresh\"", "create-snapshot")]
#[case("", "choose-snapshot")]
fn killed_in_a_restore_from_a_snapshot(#[case] options: &str, #[case] step: &str) {
    let scene = Scene::new(BACKED_UP_SEED);
    scene.sandbox.tell(r#"{"lie":"slow-answers","ms":50}"#);
    kill_at(scene.restore("rds-snapshot-restore", options), step);
    scene.recover(step);
}

/// A step that is added to a drill has to be added above.
#[rstest]
#[case(&failover_plan(""), 10)]
#[case(&exhaustion_plan(""), 8)]
#[case(&restore_plan("rds-pitr", RESTORE_ALL), 19)]
#[case(&restore_plan("rds-snapshot-restore", ""), 11)]
#[case(&restore_plan("rds-snapshot-restore", "snapshot = \"fresh\""), 11)]
fn every_step_has_its_case(#[case] plan: &str, #[case] count: usize) {
    let lab = Lab::new();
    let mut command = lab.lifeboat();
    command.arg("plan").arg(lab.write("plan.toml", plan));
    let printed = Process::start(&lab, &mut command).wait(MINUTE);
    printed.expect_code(0);
    let undos = printed.stdout.lines().filter(|line| line.contains("undo: ")).count();
    assert_eq!(undos, count, "{printed}");
    let source = include_str!("crash.rs");
    let steps = printed.stdout.lines().filter(|line| line.starts_with("  ") && !line.contains("undo: "));
    for line in steps {
        let step = line.split(": ").next().and_then(|head| head.split_whitespace().last()).expect("a step");
        assert!(source.contains(&format!("\"{step}\"")), "no case kills at `{step}`: {printed}");
    }
}

/// Before, at and after the fault.
#[rstest]
#[case(Signal::SIGINT, "create-ledger")]
#[case(Signal::SIGTERM, "confirm-steady-state")]
#[case(Signal::SIGINT, "force-failover")]
#[case(Signal::SIGTERM, "force-failover")]
#[case(Signal::SIGINT, "await-recovery")]
fn a_signal_unwinds_a_failover(#[case] signal: Signal, #[case] step: &str) {
    let scene = Scene::new(ORDERS_SEED);
    unwinds(&scene, scene.failover(), step, signal);
    scene.sandbox.stop(&scene.lab);
}

#[rstest]
#[case(Signal::SIGTERM, "start-probes")]
#[case(Signal::SIGINT, "climb")]
#[case(Signal::SIGTERM, "hold")]
fn a_signal_unwinds_an_exhaustion(#[case] signal: Signal, #[case] step: &str) {
    let scene = Scene::new(PLAIN_SEED);
    unwinds(&scene, scene.exhaustion(), step, signal);
    scene.sandbox.stop(&scene.lab);
}

fn unwinds(scene: &Scene, mut run: Run, step: &str, signal: Signal) {
    run.await_step(step);
    run.process.signal(signal);
    let (ended, record) = run.finish(MINUTE);
    ended.expect_code(130);
    // It says what it does and how to finish it, should it be stopped again.
    let name = if signal == Signal::SIGINT { "Ctrl-C" } else { "SIGTERM" };
    ended.expect_stderr(&[&format!("lifeboat: {name}: taking back"), "lifeboat undo"]);
    assert_eq!(record.value["interrupted_by"], name);
    assert_eq!(record.value["complete"], true);
    assert_eq!(record.value["restoration"], "clean", "{ended}");
    assert_eq!(record.drill()["verdict"], "aborted", "{ended}");
    scene.is_as_before();
    let undo = scene.lifeboat("undo");
    undo.expect_code(0);
    assert!(undo.stdout.contains("nothing is left to undo"), "{undo}");
    scene.lifeboat("judge").expect_code(130);
}

/// A bystander holds the clean-up up, somebody loses patience, and `lifeboat undo` finishes it.
#[test]
fn a_second_signal_stops_there() {
    let scene = Scene::new(ORDERS_SEED);
    let mut run = scene.failover();
    run.await_step("confirm-steady-state");
    let database = scene.sandbox.database("orders");
    let schema = rows(&database, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'lifeboat%'");
    let schema = schema.expect("the schemas").pop().expect("the drill's schema");
    let reader = Held::open(&database, &format!("BEGIN; SELECT count(*) FROM {schema}.ledger"));
    run.process.signal(Signal::SIGINT);
    // The sessions come first and are no trouble; dropping the schema waits for the reader.
    run.await_event("the end of the sessions", |event| event["event"] == "undo-ended");
    run.await_event("the drop of the schema", |event| event["event"] == "undo-started" && event["undo"] == 1);
    run.process.signal(Signal::SIGINT);
    let ended = run.process.wait(Duration::from_secs(5));
    ended.expect_code(130).expect_stderr(&["Ctrl-C again: stopped", "to finish: lifeboat undo"]);
    drop(reader);
    let undo = scene.lifeboat("undo");
    undo.expect_code(0);
    assert!(undo.stdout.contains(&schema), "{undo}");
    scene.is_as_before();
    scene.sandbox.stop(&scene.lab);
}
