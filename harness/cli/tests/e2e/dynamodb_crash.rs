//! The harness is killed at every step of a restore; `lifeboat undo` then leaves the tables as they were.

use std::time::Duration;

use rstest::rstest;

use crate::support::{
    Ended, External, Lab, Process, Record, Run, Signal, Table, at_each_step, dynamodb_plan, everything,
    steps_of,
};

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

/// All that a restore to a moment can do on a table of the user's.
const MOMENT: &str = "allow_streams = true\nput_back = true";

at_each_step! {
    killed_in_a_restore_to_a_moment, dynamodb_plan("dynamodb-pitr", MOMENT),
    |step: &str| killed_at("dynamodb-pitr", MOMENT, step),
    identify_target lock_target measure_clock put_canaries choose_moment destroy_canaries await_restorable restore_table await_copy
    prove_moment compare_items compare_settings put_settings_back
}

const BACKUP: &str = "canary_table = true";

at_each_step! {
    killed_in_a_restore_of_a_backup, dynamodb_plan("dynamodb-backup-restore", BACKUP),
    |step: &str| killed_at("dynamodb-backup-restore", BACKUP, step),
    identify_target measure_clock create_canary_table put_canaries make_backup put_canary_after destroy_canaries
    restore_table await_copy prove_moment compare_items compare_settings
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
