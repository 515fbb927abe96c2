//! The harness is killed or told to end; `lifeboat undo` then puts the database back, and `lifeboat judge` says what was.
//! One step of each drill here: the crash matrix tries them all.

use std::time::Duration;

use rstest::rstest;
use serde_json::Value;

use crate::support::{
    BACKED_UP_SEED, Ended, External, Held, Lab, ORDERS_SEED, PLAIN_SEED, Process, Record, Run, Signal,
    eventually, exhaustion_plan, failover_plan, restore_plan, rows, snapshot,
};

const MINUTE: Duration = Duration::from_secs(60);

/// A sandbox and how it was before a run.
pub struct Scene {
    pub lab: Lab,
    pub sandbox: External,
    before: Value,
}

impl Scene {
    pub fn new(seed: &str) -> Self {
        let lab = Lab::new();
        let sandbox = External::start(&lab, seed);
        let before = snapshot(&sandbox).expect("a snapshot");
        Self { lab, sandbox, before }
    }

    pub fn failover(&self) -> Run {
        let plan = failover_plan("stable_for = '500ms'");
        Run::start(&self.lab, &self.sandbox, &plan, &[])
    }

    fn exhaustion(&self) -> Run {
        let plan = exhaustion_plan("hold = '500ms'\nstable_for = '500ms'");
        let address = self.sandbox.plain_address();
        Run::start(&self.lab, &self.sandbox, &plan, &["--confirm", &address])
    }

    pub fn restore(&self, scenario: &str, options: &str) -> Run {
        Run::start(&self.lab, &self.sandbox, &restore_plan(scenario, options), &[])
    }

    pub fn lifeboat(&self, command: &str) -> Ended {
        let mut started = self.lab.lifeboat();
        started.envs(&self.sandbox.exports).arg(command).arg(self.lab.path("run"));
        Process::start(&self.lab, &mut started).wait(MINUTE)
    }

    /// Sandbox and database are as before the run: at once but for what goes on in them by themselves (a failover that
    /// was asked for, a session whose client is gone).
    pub fn is_as_before(&self) {
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

#[test]
fn killed_in_a_failover() {
    let scene = Scene::new(ORDERS_SEED);
    kill_at(scene.failover(), "force-failover");
    scene.recover("force-failover");
}

#[test]
fn killed_in_an_exhaustion() {
    let scene = Scene::new(PLAIN_SEED);
    kill_at(scene.exhaustion(), "climb");
    scene.recover("climb");
}

#[rstest]
#[case::to_a_moment("rds-pitr", "promote = true\nwrites_stopped = true\nkeep = true", "swap-back")]
#[case::from_a_snapshot("rds-snapshot-restore", "snapshot = \"fresh\"", "await-copy")]
fn killed_in_a_restore(#[case] scenario: &str, #[case] options: &str, #[case] step: &str) {
    let scene = Scene::new(BACKED_UP_SEED);
    // The step would be over before the kill comes.
    scene.sandbox.tell(r#"{"lie":"slow-answers","ms":50}"#);
    kill_at(scene.restore(scenario, options), step);
    scene.recover(step);
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

/// As by a failover that ends in the midst of an undo.
#[test]
fn an_undo_whose_connection_is_lost_is_done_again() {
    let scene = Scene::new(ORDERS_SEED);
    kill_at(scene.failover(), "confirm-steady-state");
    let database = scene.sandbox.database("orders");
    let schemas = rows(&database, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'lifeboat%'");
    let schema = schemas.expect("an answer").pop().expect("the drill's schema");
    let held = Held::open(&database, &format!("BEGIN; LOCK TABLE {schema}.ledger IN ACCESS SHARE MODE"));
    let mut command = scene.lab.lifeboat();
    command.envs(&scene.sandbox.exports).arg("undo").arg(scene.lab.path("run"));
    let undo = Process::start(&scene.lab, &mut command);
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE application_name = 'lifeboat/undo' AND wait_event_type = 'Lock'";
    eventually("an undo that waits", MINUTE, || match rows(&database, cut) {
        Ok(cut) if cut == ["t"] => Ok(()),
        other => Err(format!("{other:?}")),
    });
    drop(held);
    undo.wait(MINUTE).expect_code(0);
    scene.is_as_before();
    scene.sandbox.stop(&scene.lab);
}
