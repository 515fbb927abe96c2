//! The harness is killed at every step of a restore; `lifeboat undo` then leaves the tables as they were.

use std::time::Duration;

use rstest::rstest;

use crate::support::{Ended, External, Lab, Process, Record, Run, Signal, Table, dynamodb_plan, everything};

const LIMIT: Duration = Duration::from_secs(90);

fn lifeboat(lab: &Lab, sandbox: &External, command: &str) -> Ended {
    let mut started = lab.lifeboat();
    started.envs(&sandbox.exports).arg(command).arg(lab.path("run"));
    Process::start(lab, &mut started).wait(LIMIT)
}

/// Kills a run at a step, undoes it, and looks at what is left.
fn killed_at(scenario: &str, options: &str, step: &str) {
    let lab = Lab::new();
    let sandbox = External::start(&lab, "");
    Table { stream: true, ..Table::default() }.make(&sandbox);
    let before = everything(&sandbox);
    // Steps that make one call would be over before the kill comes.
    sandbox.tell(r#"{"lie":"slow-answers","ms":100}"#);
    let mut run = Run::start(&lab, &sandbox, &dynamodb_plan(scenario, options), &[]);
    run.await_step(step);
    run.process.signal(Signal::SIGKILL);
    let ended = run.process.wait(LIMIT);
    assert_eq!(ended.signal, Some(Signal::SIGKILL as i32), "{ended}");
    let undo = lifeboat(&lab, &sandbox, "undo");
    undo.expect_code(0);
    assert_eq!(everything(&sandbox), before, "{undo}");
    let again = lifeboat(&lab, &sandbox, "undo");
    assert!(again.stdout.contains("nothing is left to undo"), "{again}");
    let judged = lifeboat(&lab, &sandbox, "judge");
    assert_eq!(Record::read(&lab.path("run"), &judged).drill()["verdict"], "errored", "{judged}");
    sandbox.stop(&lab);
}

#[rstest]
fn killed_in_a_restore_to_a_moment(
    #[values(
        "identify-target",
        "measure-clock",
        "put-canaries",
        "choose-moment",
        "destroy-canaries",
        "await-restorable",
        "restore-table",
        "await-copy",
        "prove-moment",
        "compare-items",
        "compare-settings",
        "put-settings-back"
    )]
    step: &str,
) {
    killed_at("dynamodb-pitr", "allow_streams = true\nput_back = true", step);
}

#[rstest]
fn killed_in_a_restore_of_a_backup(
    #[values("create-canary-table", "put-canaries", "make-backup", "put-canary-after", "restore-table")]
    step: &str,
) {
    killed_at("dynamodb-backup-restore", "canary_table = true", step);
}

#[rstest]
#[case(Signal::SIGINT, "put-canaries")]
#[case(Signal::SIGTERM, "await-copy")]
fn a_signal_unwinds_a_restore(#[case] signal: Signal, #[case] step: &str) {
    let lab = Lab::new();
    let sandbox = External::start(&lab, "");
    Table::default().make(&sandbox);
    let before = everything(&sandbox);
    let mut run = Run::start(&lab, &sandbox, &dynamodb_plan("dynamodb-pitr", ""), &[]);
    run.await_step(step);
    run.process.signal(signal);
    let (ended, record) = run.finish(LIMIT);
    ended.expect_code(130);
    record.expect("aborted", "clean", &[]);
    assert_eq!(everything(&sandbox), before, "{ended}");
    sandbox.stop(&lab);
}

/// A step that is added to these drills has to be added above.
#[rstest]
#[case("dynamodb-pitr", "put_back = true")]
#[case("dynamodb-backup-restore", "canary_table = true")]
fn every_step_has_its_case(#[case] scenario: &str, #[case] options: &str) {
    let lab = Lab::new();
    let plan = lab.write("plan.toml", &dynamodb_plan(scenario, options));
    let printed = Process::start(&lab, lab.lifeboat().arg("plan").arg(plan)).wait(LIMIT);
    printed.expect_code(0);
    let source = include_str!("dynamodb_crash.rs");
    let steps = printed.stdout.lines().filter(|line| line.starts_with("  ") && !line.contains("undo: "));
    let mut count = 0;
    for line in steps {
        let step = line.split(": ").next().and_then(|head| head.split_whitespace().last()).expect("a step");
        assert!(source.contains(&format!("\"{step}\"")), "no case kills at `{step}`: {printed}");
        count += 1;
    }
    assert!(count > 10, "{printed}");
}
