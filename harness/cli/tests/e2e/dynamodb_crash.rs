//! The harness is killed or told to end in a restore; the tables are then left as they were. One step of each drill here:
//! the crash matrix tries them all.

use std::time::Duration;

use rstest::rstest;

use crate::support::{Ended, External, Lab, Process, Record, Run, Signal, Table, dynamodb_plan, everything};

const LIMIT: Duration = Duration::from_secs(90);

fn lifeboat(lab: &Lab, sandbox: &External, command: &str) -> Ended {
    let mut started = lab.lifeboat();
    started.envs(&sandbox.exports).arg(command).arg(lab.path("run"));
    Process::start(lab, &mut started).wait(LIMIT)
}

#[rstest]
#[case::to_a_moment("dynamodb-pitr", "allow_streams = true\nput_back = true", "put-settings-back")]
#[case::of_a_backup("dynamodb-backup-restore", "canary_table = true", "make-backup")]
fn killed_in_a_restore(#[case] scenario: &str, #[case] options: &str, #[case] step: &str) {
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
