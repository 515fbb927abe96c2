//! Each lie about a restore of a DynamoDB table gives the verdict that it deserves, with what is wrong named.

use std::time::Duration;

use rstest::rstest;
use serde_json::Value;

use crate::support::{Ended, External, Lab, Process, Record, Run, Table, dynamodb_plan, everything};

const LIMIT: Duration = Duration::from_secs(60);
const QUIET: &str = "writes_stopped = true\nrto = '20s'";

struct Told {
    ended: Ended,
    record: Record,
    sandbox: External,
    lab: Lab,
    before: Value,
}

/// Runs a drill against a sandbox that tells one lie from the start.
fn drill(scenario: &str, lie: &str, options: &str) -> Told {
    let lab = Lab::new();
    let sandbox = External::start(&lab, "");
    sandbox.tell(lie);
    Table::default().make(&sandbox);
    let before = everything(&sandbox);
    let run = Run::start(&lab, &sandbox, &dynamodb_plan(scenario, options), &[]);
    let (ended, record) = run.finish(LIMIT);
    Told { ended, record, sandbox, lab, before }
}

#[rstest]
#[case::early(r#"{"lie":"restore-early","seconds":3}"#, &["as it was at", "lacks the item id = \"lifeboat#", "written before"])]
#[case::late(r#"{"lie":"restore-late","seconds":2}"#, &["holds the item id = \"lifeboat#", "written after"])]
#[case::item_missing(r#"{"lie":"item-missing"}"#, &["1 items differ", "id = \"order-", "is missing in the copy"])]
#[case::item_changed(r#"{"lie":"item-changed"}"#, &["1 items differ", "id = \"order-", "has changed"])]
#[case::index_missing(r#"{"lie":"index-missing"}"#, &["lacks the index `by-status`"])]
#[case::pitr_off(r#"{"lie":"pitr-off"}"#, &["`orders` cannot be restored", "PointInTimeRecoveryUnavailableException"])]
fn a_wrong_restore_fails_and_is_named(#[case] lie: &str, #[case] reasons: &[&str]) {
    let told = drill("dynamodb-pitr", lie, QUIET);
    told.ended.expect_code(100);
    told.record.expect("failed", "clean", reasons);
    assert_eq!(everything(&told.sandbox), told.before);
    told.sandbox.stop(&told.lab);
}

/// The drill itself does the source harm then, and that is a failure whatever the plan says of the copy's settings.
#[test]
fn a_setting_that_the_source_loses_fails() {
    let told = drill("dynamodb-pitr", r#"{"lie":"ttl-lost"}"#, QUIET);
    told.ended.expect_code(100);
    told.record.expect(
        "failed",
        "clean",
        &["source `orders` lost settings", "time to live was expires and is off"],
    );
    told.sandbox.stop(&told.lab);
}

#[rstest]
fn a_copy_of_now_is_no_evidence(
    #[values("dynamodb-pitr", "dynamodb-backup-restore")] scenario: &str,
    #[values("", "canary_table = true")] options: &str,
) {
    let quiet = if options.is_empty() { QUIET } else { options };
    let told = drill(scenario, r#"{"lie":"restore-as-now"}"#, quiet);
    told.ended.expect_code(101);
    told.record.expect("invalid", "clean", &["simulated, not evidence", "as it is now"]);
    assert_eq!(everything(&told.sandbox), told.before);
    told.sandbox.stop(&told.lab);
}

#[rstest]
#[case::item_missing(r#"{"lie":"item-missing"}"#, &["id = \"order-", "is missing in the copy"])]
#[case::index_missing(r#"{"lie":"index-missing"}"#, &["lacks the index `by-status`"])]
fn a_wrong_restore_from_a_backup_fails(#[case] lie: &str, #[case] reasons: &[&str]) {
    let told = drill("dynamodb-backup-restore", lie, QUIET);
    told.ended.expect_code(100);
    told.record.expect("failed", "clean", reasons);
    assert_eq!(everything(&told.sandbox), told.before);
    told.sandbox.stop(&told.lab);
}

/// Without the plan's word that nobody writes, a difference may be a write since.
#[test]
fn a_difference_in_a_table_that_may_be_written_to_is_inconclusive() {
    let told = drill("dynamodb-pitr", r#"{"lie":"item-changed"}"#, "show_values = true");
    told.ended.expect_code(101);
    let reasons = ["id = \"order-", "has changed (", "writes_stopped = true"];
    told.record.expect("inconclusive", "clean", &reasons);
    told.sandbox.stop(&told.lab);
}

#[rstest]
fn a_restore_that_never_ends_fails_and_says_what_is_left(
    #[values("dynamodb-pitr", "dynamodb-backup-restore")] scenario: &str,
) {
    let options = "writes_stopped = true\nrto = '2s'\ngive_up = '15s'";
    let told = drill(scenario, r#"{"lie":"restore-stuck"}"#, options);
    // A table that is being made cannot be deleted: what is left beats the other exit codes.
    told.ended.expect_code(102);
    let reasons = ["no recovery was seen", "objective 2 s", "did not end", "status CREATING"];
    told.record.expect("failed", "residue", &reasons);
    let residue = told.record.drill()["residue"].to_string();
    assert!(residue.contains("delete table `lifeboat-"), "{residue}");
    told.sandbox.admin("DELETE", "lies", "");
    let mut undo = told.lab.lifeboat();
    undo.envs(&told.sandbox.exports).arg("undo").arg(told.lab.path("run"));
    Process::start(&told.lab, &mut undo).wait(LIMIT).expect_code(0);
    assert_eq!(everything(&told.sandbox), told.before);
    told.sandbox.stop(&told.lab);
}
