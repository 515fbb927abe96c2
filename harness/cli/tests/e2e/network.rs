//! The network is lost on one side of a run: to the control plane and not to the database, and the other way round. It is
//! named as what it was, nothing passes for it, and what was done is taken back as soon as the way is there again.

use std::time::Duration;

use crate::crash::Scene;
use crate::support::{Cable, Ended, ORDERS_SEED, Process, Run, failover_plan};

const BOUND: Duration = Duration::from_secs(300);

/// A failover whose ways to the control plane and to the database both lead through the test.
struct Ways {
    scene: Scene,
    control: Cable,
    database: Cable,
}

impl Ways {
    fn new() -> Self {
        let scene = Scene::new(ORDERS_SEED);
        let control = Cable::to(scene.sandbox.endpoint().strip_prefix("http://").expect("http"));
        let database = Cable::to(&format!("127.0.0.1:{}", scene.sandbox.database("orders").port));
        Self { scene, control, database }
    }

    fn run(&self) -> Run {
        let address = format!("user = \"drill\"\nhost = \"127.0.0.1\"\nport = {}", self.database.port);
        let plan =
            failover_plan("notice = '4s'\nstable_for = '500ms'\ngive_up = '12s'").replacen("60s", "10s", 1);
        let plan = self.scene.lab.write("plan.toml", &plan.replacen("user = \"drill\"", &address, 1));
        let mut command = self.scene.lab.lifeboat();
        command.envs(&self.scene.sandbox.exports).arg("run").arg(plan);
        command.env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", self.control.port));
        Run::of(&self.scene.lab, command, "run")
    }

    fn undo(&self) -> Ended {
        let mut command = self.scene.lab.lifeboat();
        command.envs(&self.scene.sandbox.exports).arg("undo").arg(self.scene.lab.path("run"));
        Process::start(&self.scene.lab, &mut command).wait(BOUND)
    }

    fn end(self) {
        self.scene.is_as_before();
        self.scene.sandbox.stop(&self.scene.lab);
    }
}

/// With both ways open all is as without them: what is seen below is seen for the cut.
#[test]
fn the_ways_themselves_change_nothing() {
    let ways = Ways::new();
    let (ended, record) = ways.run().finish(BOUND);
    ended.expect_code(0);
    record.expect("passed", "clean", &[]);
    ways.end();
}

#[test]
fn the_control_plane_is_lost_for_good_in_the_recovery() {
    let ways = Ways::new();
    let mut run = ways.run();
    run.await_step("await-recovery");
    ways.control.cut();
    let (ended, record) = run.finish(BOUND);
    // The schema is in the database, to which the way is open; the lock is a tag, to which it is not.
    ended.expect_code(102).expect_stderr(&["release the lock on DB instance `orders`", "lifeboat undo"]);
    record.expect("failed", "residue", &["Multi-AZ did not come back", "DescribeDBInstances: no-answer"]);
    let checks = record.drill()["checks"].to_string();
    assert!(checks.contains("the instance was not seen after the fault: no proof of a failover"), "{checks}");
    ways.control.mend();
    assert!(ways.undo().expect_code(0).stdout.contains("the lock on DB instance `orders` is released"));
    ways.end();
}

#[test]
fn the_control_plane_is_back_for_the_clean_up() {
    let ways = Ways::new();
    let mut run = ways.run();
    run.await_step("await-recovery");
    ways.control.cut();
    run.await_event("the end of the recovery", |event| {
        event["event"] == "step-started" && event["step"] == "prove-failover"
    });
    run.await_event("what could not be proved", |event| {
        event["step"] == "prove-failover" && event["event"] == "step-ended"
    });
    ways.control.mend();
    let (ended, record) = run.finish(BOUND);
    ended.expect_code(101);
    assert_ne!(record.value["verdict"], "passed", "{ended}");
    assert_eq!(record.value["restoration"], "clean", "{ended}");
    assert!(ways.undo().expect_code(0).stdout.contains("nothing is left to undo"));
    ways.end();
}

#[test]
fn the_database_is_lost_for_good_before_the_fault() {
    let ways = Ways::new();
    let mut run = ways.run();
    run.await_step("confirm-steady-state");
    ways.database.cut();
    let (ended, record) = run.finish(BOUND);
    ended.expect_code(102).expect_stderr(&["drop schema", "127.0.0.1:", "lifeboat undo"]);
    record.expect("errored", "residue", &["for a steady state", "failed: "]);
    assert!(
        !ways.scene.sandbox.calls().iter().any(|(action, _)| action == "RebootDBInstance"),
        "no fault: {ended}"
    );
    ways.database.mend();
    ways.undo().expect_code(0);
    ways.end();
}

#[test]
fn the_database_is_lost_for_good_in_the_recovery() {
    let ways = Ways::new();
    let mut run = ways.run();
    run.await_step("await-recovery");
    ways.database.cut();
    let (ended, record) = run.finish(BOUND);
    ended.expect_code(102);
    record.expect("failed", "residue", &["no server serves the endpoint"]);
    ways.database.mend();
    ways.undo().expect_code(0);
    ways.end();
}
