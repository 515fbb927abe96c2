//! The servers are gone for good from one moment of a drill on: the run ends, says why, and is never green.
//!
//! A step can be over before the kill is. So what is expected follows from the step that the record says was not done,
//! and where it matters in which step that is, the sandbox is made slow or a bystander holds the drill up. All steps of
//! a drill go on at once, each in a sandbox of its own: nearly all of it is waiting.

use std::time::Duration;

use crate::support::{
    External, Held, Lab, ORDERS_SEED, PLAIN_SEED, Record, Run, Signal, eventually, exhaustion_plan,
    failover_plan, processes_in, sandbox_folders, steps_of,
};

/// Longer than any run here, and far shorter than a hang.
const BOUND: Duration = Duration::from_secs(300);

/// Kills every process of every server of a lab's sandbox.
fn kill_servers(lab: &Lab) {
    let folders = sandbox_folders(&lab.temporary());
    assert_eq!(folders.len(), 1, "{folders:?}");
    eventually("the end of every server", Duration::from_secs(10), || {
        let processes: Vec<_> = folders.iter().flat_map(|(folder, _)| processes_in(folder)).collect();
        for (pid, _) in &processes {
            // One that has just ended by itself is as good.
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(*pid), Signal::SIGKILL);
        }
        if processes.is_empty() { Ok(()) } else { Err(format!("{processes:?}")) }
    });
}

/// The step that was not done, if there is one.
fn not_done(record: &Record) -> Option<&str> {
    let steps = record.drill()["steps"].as_array().expect("steps");
    let open: Vec<_> = steps.iter().filter(|step| step["outcome"] != "done").collect();
    assert!(open.len() <= 1, "the drill went on after a step that was not done: {open:?}");
    open.first().map(|step| step["id"].as_str().expect("an id"))
}

fn vanishes_in_a_failover(step: &str) {
    let lab = Lab::new();
    let sandbox = External::start(&lab, ORDERS_SEED);
    sandbox.tell(r#"{"lie":"slow-answers","ms":300}"#);
    let plan =
        failover_plan("notice = '4s'\nstable_for = '500ms'\ngive_up = '12s'").replacen("60s", "10s", 1);
    let mut run = Run::start(&lab, &sandbox, &plan, &[]);
    run.await_step(step);
    kill_servers(&lab);
    let (ended, record) = run.finish(BOUND);
    match not_done(&record) {
        // Nothing was there to take back.
        Some(at @ ("check-database" | "create-ledger")) if ended.code == Some(101) => {
            let what =
                if at == "check-database" { "cannot look at the database" } else { "cannot create schema" };
            record.expect("errored", "clean", &[what, "127.0.0.1:"]);
        }
        Some("create-ledger") => {
            ended.expect_code(102);
            record.expect("errored", "residue", &["cannot create schema", "127.0.0.1:"]);
        }
        Some("confirm-steady-state") => {
            ended.expect_code(102);
            record.expect("errored", "residue", &["for a steady state", "failed: "]);
        }
        None if record.drill()["verdict"] == "passed" => {
            // All was proved before the servers went: only the clean-up could tell, and did.
            assert_eq!(step, "await-standby", "{ended}");
            ended.expect_code(102);
            record.expect("passed", "residue", &[]);
        }
        None => {
            ended.expect_code(102);
            record.expect("failed", "residue", &[]);
            let reason = record.drill()["reason"].as_str().expect("a reason");
            let why = ["no server serves the endpoint", "Multi-AZ did not come back"];
            assert!(why.iter().any(|why| reason.contains(why)), "{reason}");
        }
        Some(other) => panic!("`{other}` was not done: {ended}"),
    }
    if ended.code == Some(102) {
        ended.expect_stderr(&["drop schema", "127.0.0.1:", "something was left behind", "lifeboat undo"]);
    }
    sandbox.stop(&lab);
}

fn vanishes_in_an_exhaustion(step: &str) {
    let lab = Lab::new();
    let sandbox = External::start(&lab, PLAIN_SEED);
    let plan = exhaustion_plan("hold = '500ms'\nstable_for = '500ms'");
    let address = sandbox.plain_address();
    let database = sandbox.database("plain");
    let mut run = Run::start(&lab, &sandbox, &plan, &["--confirm", &address]);
    // One session more than the drill found: it waits for its end as long as that stays.
    let _bystander = (step == "await-calm").then(|| {
        run.await_step("start-probes");
        Held::open(&database, "SELECT 1")
    });
    run.await_step(step);
    kill_servers(&lab);
    let (ended, record) = run.finish(BOUND);
    match (not_done(&record), ended.code) {
        (Some("check-limits" | "open-watcher"), _) => {
            ended.expect_code(101);
            record.expect("errored", "clean", &["cannot connect to 127.0.0.1:"]);
        }
        (Some("start-probes"), _) => {
            ended.expect_code(102);
            record.expect("errored", "residue", &["for a steady state", "failed: "]);
        }
        (Some("climb" | "hold"), _) => {
            ended.expect_code(102);
            record.expect("failed", "residue", &["connections failed otherwise than at the limit"]);
        }
        (None, _) => {
            ended.expect_code(102);
            record.expect("failed", "residue", &["the connection that watches was lost"]);
        }
        (Some(other), _) => panic!("`{other}` was not done: {ended}"),
    }
    if ended.code == Some(102) {
        ended.expect_stderr(&[
            "not done: end the sessions",
            &address,
            "something was left behind",
            "lifeboat undo",
        ]);
    }
    sandbox.stop(&lab);
}

#[test]
fn in_every_step_of_the_drills() {
    type Vanishes = fn(&str);
    let drills: [(Vanishes, String); 2] =
        [(vanishes_in_a_failover, failover_plan("")), (vanishes_in_an_exhaustion, exhaustion_plan(""))];
    std::thread::scope(|scope| {
        let all = drills
            .iter()
            .flat_map(|(vanishes, plan)| steps_of(plan).into_iter().map(move |step| (vanishes, step)));
        let begun: Vec<_> = all.map(|(vanishes, step)| (step, scope.spawn(move || vanishes(step)))).collect();
        let ended = begun.into_iter().map(|(step, thread)| (step, thread.join()));
        let wrong: Vec<_> = ended.filter(|(_, ended)| ended.is_err()).map(|(step, _)| step).collect();
        assert_eq!(wrong, Vec::<&str>::new(), "what was wrong is above");
    });
}
