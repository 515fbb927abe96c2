//! Tables and backups of others under names of the run's own, and a table that was replaced: nothing that the run did not
//! make is touched, whatever its name.
//!
//! A run is stopped while others act, so that it meets what they did at a step that is known.

use std::time::Duration;

use lifeboat_model::own_name;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{
    Aws, Ended, External, Lab, Process, Record, Run, Signal, Table, dynamodb, dynamodb_plan, eventually,
    everything,
};

const LIMIT: Duration = Duration::from_secs(90);

/// A step that makes one call is long enough to be stopped in.
const SLOW: &str = r#"{"lie":"slow-answers","ms":200}"#;

struct World {
    lab: Lab,
    sandbox: External,
}

impl World {
    fn new() -> Self {
        let lab = Lab::new();
        let sandbox = External::start(&lab, "");
        Table::default().make(&sandbox);
        Self { lab, sandbox }
    }

    /// Starts a run and stops it where a step begins; its id.
    fn stopped_at(&self, scenario: &str, options: &str, step: &str) -> (Run, String) {
        let plan = dynamodb_plan(scenario, options);
        let run = Run::stopped_at(&self.lab, &self.sandbox, &plan, step);
        let id = run.id();
        (run, id)
    }

    /// Somebody makes a table under that name, with the run's tag.
    fn make(&self, name: &str, run: &str) -> Value {
        let aws = Aws::new(&self.lab, &self.sandbox);
        aws.does(&format!(
            "dynamodb create-table --table-name {name} --attribute-definitions AttributeName=id,AttributeType=S \
             --key-schema AttributeName=id,KeyType=HASH --billing-mode PAY_PER_REQUEST \
             --tags Key=lifeboat:run,Value={run}"
        ));
        eventually(name, LIMIT, || {
            let table = self.table(name);
            if table["status"] == "ACTIVE" { Ok(table) } else { Err(table.to_string()) }
        })
    }

    fn delete(&self, name: &str) {
        let aws = Aws::new(&self.lab, &self.sandbox);
        aws.does(&format!("dynamodb delete-table --table-name {name}"));
        eventually("its end", LIMIT, || {
            let table = self.table(name);
            if table.is_null() { Ok(()) } else { Err(table.to_string()) }
        });
    }

    fn back_up(&self, name: &str) -> String {
        let made =
            dynamodb(&self.sandbox, "CreateBackup", json!({ "TableName": "orders", "BackupName": name }));
        let arn = made["BackupDetails"]["BackupArn"].as_str().expect("an ARN").to_owned();
        eventually("the backup", LIMIT, || {
            let seen = dynamodb(&self.sandbox, "DescribeBackup", json!({ "BackupArn": arn }));
            let status = seen["BackupDescription"]["BackupDetails"]["BackupStatus"].clone();
            if status == "AVAILABLE" { Ok(()) } else { Err(status.to_string()) }
        });
        arn
    }

    /// What identifies a table, and its tags.
    fn table(&self, name: &str) -> Value {
        self.sandbox.inventory()["tables"][name].clone()
    }

    fn undo(&self) -> Ended {
        let mut command = self.lab.lifeboat();
        command.envs(&self.sandbox.exports).arg("undo").arg(self.lab.path("run"));
        Process::start(&self.lab, &mut command).wait(LIMIT)
    }

    fn called(&self, action: &str) -> usize {
        self.sandbox.calls().iter().filter(|(known, _)| known == action).count()
    }
}

fn goes_on(run: Run) -> (Ended, Record) {
    run.process.signal(Signal::SIGCONT);
    run.finish(LIMIT)
}

#[rstest]
#[case::of_a_copy("dynamodb-pitr", "", "copy")]
#[case::of_a_copy_of_a_backup("dynamodb-backup-restore", "", "copy")]
#[case::of_a_table_of_its_own("dynamodb-pitr", "canary_table = true", "canary")]
#[case::of_a_backup("dynamodb-backup-restore", "", "backup")]
fn a_name_that_is_taken_is_left_to_whoever_has_it(
    #[case] scenario: &str,
    #[case] options: &str,
    #[case] what: &str,
) {
    let world = World::new();
    let (run, id) = world.stopped_at(scenario, options, "identify-target");
    let name = own_name(what, &id, "restore");
    if what == "backup" {
        world.back_up(&name);
    } else {
        world.make(&name, &id);
    }
    let before = (everything(&world.sandbox), world.table(&name));
    let (ended, record) = goes_on(run);
    ended.expect_code(101);
    record.expect("errored", "clean", &[&name, "already", "this run did not make"]);
    assert_eq!((everything(&world.sandbox), world.table(&name)), before, "{ended}");
    world.sandbox.stop(&world.lab);
}

/// What the run made is gone, and another has its name and the run's tag.
#[rstest]
#[case::of_a_copy("dynamodb-pitr", "", "copy")]
#[case::of_a_table_of_its_own("dynamodb-pitr", "canary_table = true", "canary")]
fn a_table_that_was_replaced_is_gone_and_the_other_stays(
    #[case] scenario: &str,
    #[case] options: &str,
    #[case] what: &str,
) {
    let world = World::new();
    let before = everything(&world.sandbox);
    let (run, id) = world.stopped_at(scenario, options, "compare-settings");
    run.process.signal(Signal::SIGKILL);
    run.process.wait(LIMIT);
    let name = own_name(what, &id, "restore");
    world.delete(&name);
    let theirs = world.make(&name, &id);
    let undone = world.undo();
    undone.expect_code(0);
    assert!(undone.stdout.contains("is another and was left alone"), "{undone}");
    assert_eq!(world.table(&name), theirs, "{undone}");
    world.delete(&name);
    // The backup that is kept of a table with point-in-time recovery is not the run's doing here.
    let mut after = everything(&world.sandbox);
    after["backups"] = before["backups"].clone();
    assert_eq!(after, before, "{undone}");
    world.sandbox.stop(&world.lab);
}

/// A canary item that was on its way while the target was replaced is in a table that is not written to: it is named.
#[rstest]
#[case::that_has_an_item_of_the_run(true, 102, "delete them by hand")]
#[case::that_has_none(false, 0, "holds no canary item of the run")]
fn a_target_that_was_replaced_is_searched_for_the_runs_items(
    #[case] has_one: bool,
    #[case] code: i32,
    #[case] says: &str,
) {
    let world = World::new();
    let (run, id) = world.stopped_at("dynamodb-pitr", "", "choose-moment");
    run.process.signal(Signal::SIGKILL);
    run.process.wait(LIMIT);
    world.delete("orders");
    Table::default().make(&world.sandbox);
    let journal = std::fs::read_to_string(world.lab.path("run/journal.jsonl")).expect("a journal");
    let mut events = journal.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let planned = events.find(|event| event["keys"].is_array());
    let planned = planned.expect("the undo of the canary items");
    if has_one {
        let mut item = planned["keys"][0].clone();
        let marker = planned["marker"].as_str().expect("an attribute");
        item[marker] = json!({ "S": id });
        dynamodb(&world.sandbox, "PutItem", json!({ "TableName": "orders", "Item": item }));
    }
    let (before, deletions) = (everything(&world.sandbox), world.called("DeleteItem"));
    let undone = world.undo();
    undone.expect_code(code);
    assert!(format!("{}{}", undone.stdout, undone.stderr).contains(says), "{undone}");
    assert_eq!(world.called("DeleteItem"), deletions, "{undone}");
    assert_eq!(everything(&world.sandbox)["tables"], before["tables"], "{undone}");
    world.sandbox.stop(&world.lab);
}

/// Names of backups are not unique.
#[test]
fn a_backup_of_the_same_name_stays() {
    let world = World::new();
    let (run, id) = world.stopped_at("dynamodb-backup-restore", "writes_stopped = true", "compare-settings");
    let name = own_name("backup", &id, "restore");
    let theirs = world.back_up(&name);
    let (ended, record) = goes_on(run);
    ended.expect_code(0);
    record.expect("passed", "clean", &[]);
    let backups = world.sandbox.inventory()["backups"].clone();
    let left: Vec<&str> =
        backups.as_array().expect("backups").iter().filter_map(|one| one["arn"].as_str()).collect();
    assert_eq!(left, [theirs], "{ended}");
    world.sandbox.stop(&world.lab);
}

/// Without the journal's word, a table that the run would have tagged is not the run's for its name and age.
#[test]
fn a_table_without_the_runs_tag_stays() {
    let world = World::new();
    world.sandbox.tell(SLOW);
    let plan = dynamodb_plan("dynamodb-pitr", "canary_table = true");
    let mut run = Run::start(&world.lab, &world.sandbox, &plan, &[]);
    run.await_event("what takes the table back", |event| event["event"] == "undo-planned");
    run.process.signal(Signal::SIGKILL);
    let id = run.id();
    run.process.wait(LIMIT);
    world.sandbox.admin("DELETE", "lies", "");
    let name = own_name("canary", &id, "restore");
    // Its own call may have been on its way.
    if !world.table(&name).is_null() {
        world.delete(&name);
    }
    let theirs = world.make(&name, "20200101-000000-0a1b2c");
    let bound = std::fs::read_to_string(world.lab.path("run/journal.jsonl")).expect("a journal");
    let undone = world.undo();
    // Where the answer had come before the kill, the run's own is known to be gone.
    undone.expect_code(if bound.contains("undo-bound") { 0 } else { 102 });
    assert!(undone.stdout.contains("left alone"), "{undone}");
    assert_eq!(world.table(&name), theirs, "{undone}");
    world.sandbox.stop(&world.lab);
}

#[rstest]
#[case::of_a_moment("dynamodb-pitr", "await-restorable")]
#[case::of_a_backup("dynamodb-backup-restore", "put-canary-after")]
fn a_target_that_was_replaced_ends_the_drill(#[case] scenario: &str, #[case] step: &str) {
    let world = World::new();
    let (run, _) = world.stopped_at(scenario, "", step);
    let old = world.table("orders")["id"].clone();
    world.delete("orders");
    Table::default().make(&world.sandbox);
    let written =
        |world: &World| world.called("PutItem") + world.called("UpdateItem") + world.called("DeleteItem");
    let (before, writes) = (everything(&world.sandbox), written(&world));
    let new = world.table("orders")["id"].clone();
    let (ended, record) = goes_on(run);
    ended.expect_code(101);
    let ids = [&old, &new].map(|id| id.as_str().expect("an id"));
    record.expect("errored", "clean", &["renamed or replaced", "was not touched", ids[0], ids[1]]);
    let mut expected = before;
    let mut after = everything(&world.sandbox);
    // The run's own backup of the old one goes.
    for all in [&mut expected, &mut after] {
        let backups = all["backups"].as_array_mut().expect("backups");
        backups.retain(|backup| backup["BackupType"] != "USER");
    }
    assert_eq!(after, expected, "{ended}");
    assert_eq!(written(&world), writes, "nothing was written: {ended}");
    world.sandbox.stop(&world.lab);
}
