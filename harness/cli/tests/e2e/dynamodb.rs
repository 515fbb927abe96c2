//! The drills on DynamoDB tables against a sandbox that tells no lie, or only such as a network tells.

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{
    Ended, External, Lab, Process, Record, Run, Table, dynamodb, dynamodb_plan, eventually, everything,
};

const LIMIT: Duration = Duration::from_secs(60);

/// What a plan says of a table that nobody else writes to.
const QUIET: &str = "writes_stopped = true\nrto = '20s'";

struct World {
    lab: Lab,
    sandbox: External,
}

impl World {
    fn with(table: &Table<'_>) -> Self {
        let lab = Lab::new();
        let sandbox = External::start(&lab, "");
        table.make(&sandbox);
        Self { lab, sandbox }
    }

    fn run(&self, plan: &str) -> (Ended, Record) {
        Run::start(&self.lab, &self.sandbox, plan, &[]).finish(LIMIT)
    }
}

fn number(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap_or_else(|| panic!("{key} of {value}"))
}

/// The value of a figure.
fn figure(record: &Record, name: &str) -> Value {
    let figures = record.drill()["measurements"]["figures"].as_array().expect("figures");
    let found = figures.iter().find(|figure| figure["name"] == name);
    found.unwrap_or_else(|| panic!("no figure {name} in {figures:?}"))["value"].clone()
}

/// Passed, nothing left, and the record judged again is the same.
fn passes(world: &World, plan: &str) -> Record {
    let before = everything(&world.sandbox);
    let (ended, record) = world.run(plan);
    ended.expect_code(0);
    record.expect("passed", "clean", &[]);
    assert_eq!(everything(&world.sandbox), before, "{ended}");
    let mut judge = world.lab.lifeboat();
    judge.arg("judge").arg(world.lab.path("run"));
    let judged = Process::start(&world.lab, &mut judge).wait(LIMIT);
    judged.expect_code(0);
    assert!(judged.stdout.contains("the same as record.json"), "{judged}");
    record
}

#[test]
fn a_table_is_restored_to_a_moment() {
    let world = World::with(&Table::default());
    let record = passes(&world, &dynamodb_plan("dynamodb-pitr", &format!("{QUIET}\nrpo = '10s'")));
    let rto = &record.drill()["measurements"]["rto"];
    assert!(number(rto, "lower_s") > 0.0 && number(rto, "lower_s") <= number(rto, "upper_s"), "{rto}");
    let rpo = &record.drill()["measurements"]["rpo"];
    assert!(number(rpo, "lower_s") >= 0.0 && number(rpo, "lower_s") <= number(rpo, "upper_s"), "{rpo}");
    // The window of the sandbox is a fifth of a second behind, in whole seconds.
    assert!(number(rpo, "upper_s") < 10.0, "{rpo}");
    assert_eq!(figure(&record, "items compared in the copy"), 120);
    assert!(figure(&record, "restore until the copy was active").as_f64().is_some_and(|s| s >= 0.3));
    assert!(
        figure(&record, "canary items on either side of the moment: distance")
            .as_f64()
            .is_some_and(|apart| (2.0..30.0).contains(&apart))
    );
    world.sandbox.stop(&world.lab);
}

#[test]
fn a_backup_is_restored_and_has_no_recovery_point() {
    let world = World::with(&Table { recovery: false, ..Table::default() });
    let record = passes(&world, &dynamodb_plan("dynamodb-backup-restore", QUIET));
    let rpo = record.drill()["measurements"]["rpo"]["not_measured"].as_str().expect("not measured");
    assert!(rpo.contains("made by the drill itself"), "{rpo}");
    world.sandbox.stop(&world.lab);
}

/// With a table of the drill's own, the target may have a stream, need not be released, and is not written to.
#[rstest]
#[case("dynamodb-pitr")]
#[case("dynamodb-backup-restore")]
fn a_table_of_the_drills_own_serves_as_well(#[case] scenario: &str) {
    let world = World::with(&Table { released: false, recovery: false, stream: true, ..Table::default() });
    let record = passes(&world, &dynamodb_plan(scenario, "canary_table = true"));
    assert_eq!(figure(&record, "items compared in the copy"), 10);
    let written = world.sandbox.calls().iter().filter(|(action, _)| action == "PutItem").count();
    // Its ten items and the five canaries.
    assert_eq!(written, 15);
    world.sandbox.stop(&world.lab);
}

#[rstest]
#[case::numbers(Table { key_type: "N", ..Table::default() }, "canary_key = { id = '-900{n}' }")]
#[case::with_a_stream(Table { stream: true, ..Table::default() }, "allow_streams = true")]
#[case::settings_put_back(Table::default(), "put_back = true\nsettings = 'require'")]
#[case::a_stream_put_back(
    Table { stream: true, ..Table::default() },
    "allow_streams = true\nput_back = true\nsettings = 'require'"
)]
#[case::at_least(Table::default(), "compare = { at_least = 120 }")]
#[case::a_sample(Table::default(), "compare = { sample = 50 }")]
fn options_of_a_restore(#[case] table: Table<'_>, #[case] options: &str) {
    let world = World::with(&table);
    passes(&world, &dynamodb_plan("dynamodb-pitr", &format!("{QUIET}\n{options}")));
    world.sandbox.stop(&world.lab);
}

/// What a restore drops is said, also where it is no failure.
#[test]
fn settings_that_are_dropped_are_reported_or_fail() {
    let world = World::with(&Table::default());
    let record = passes(&world, &dynamodb_plan("dynamodb-pitr", QUIET));
    let checks = record.drill()["checks"].as_array().expect("checks");
    let check =
        checks.iter().find(|check| check["name"] == "settings that a restore drops").expect("the check");
    let said = check["message"].as_str().expect("a message");
    for part in ["time to live (expires", "point-in-time recovery (35 days", "tag team (data"] {
        assert!(said.contains(part), "{said}");
    }
    std::fs::remove_dir_all(world.lab.path("run")).expect("removed");
    let (ended, record) =
        world.run(&dynamodb_plan("dynamodb-pitr", &format!("{QUIET}\nsettings = 'require'")));
    ended.expect_code(100);
    record.expect("failed", "clean", &["time to live", "which the plan requires"]);
    world.sandbox.stop(&world.lab);
}

#[rstest]
#[case("dynamodb-pitr", "RestoreTableToPointInTime")]
#[case("dynamodb-pitr", "PutItem")]
#[case("dynamodb-pitr", "UpdateItem")]
#[case("dynamodb-pitr", "DeleteItem")]
#[case("dynamodb-pitr", "DeleteTable")]
#[case("dynamodb-backup-restore", "CreateBackup")]
#[case("dynamodb-backup-restore", "RestoreTableFromBackup")]
#[case("dynamodb-backup-restore", "DeleteBackup")]
fn a_call_whose_answer_is_lost_is_not_made_twice(#[case] scenario: &str, #[case] action: &str) {
    let world = World::with(&Table::default());
    world.sandbox.tell(&json!({ "lie": "lose-response", "action": action }).to_string());
    let record = passes(&world, &dynamodb_plan(scenario, QUIET));
    let made = world.sandbox.calls().into_iter().filter(|(made, _)| made == action).count();
    let healthy = match action {
        "PutItem" => 5,
        // The disaster and the four items that are there at the end.
        "DeleteItem" => 5,
        _ => 1,
    };
    assert_eq!(made, healthy, "{:?}", record.drill()["observations"]["control-plane-retries"]);
    world.sandbox.stop(&world.lab);
}

#[rstest]
#[case("throttling")]
#[case("http-5xx")]
fn refused_calls_are_made_again(
    #[case] lie: &str,
    #[values("put-canaries", "destroy-canaries", "restore-table", "compare-items")] step: &str,
) {
    let world = World::with(&Table::default());
    let before = everything(&world.sandbox);
    let mut run = Run::start(&world.lab, &world.sandbox, &dynamodb_plan("dynamodb-pitr", QUIET), &[]);
    run.await_step(step);
    world.sandbox.tell(&format!(r#"{{"lie":"{lie}","count":2}}"#));
    let (ended, record) = run.finish(LIMIT);
    ended.expect_code(0);
    record.expect("passed", "clean", &[]);
    assert_eq!(everything(&world.sandbox), before, "{ended}");
    world.sandbox.stop(&world.lab);
}

const INDEXES: &str = "indexes = [{ name = 'by-status', partition_key = 'status', sort_key = 'created_at', projection = 'KEYS_ONLY' }]";

#[test]
fn indexes_are_found_and_answer() {
    let world = World::with(&Table::default());
    let record = passes(&world, &dynamodb_plan("dynamodb-indexes", INDEXES));
    let checks = record.drill()["checks"].to_string();
    assert!(checks.contains("`by-status` has an item for"), "{checks}");
    assert_eq!(record.drill()["undos"], json!([]), "it only reads");
    world.sandbox.stop(&world.lab);
}

/// An index without an item answers with none, which is an answer.
#[test]
fn an_empty_index_answers() {
    let world = World::with(&Table::default());
    let index = json!({
        "IndexName": "by-customer",
        "KeySchema": [{ "AttributeName": "customer", "KeyType": "HASH" }],
        "Projection": { "ProjectionType": "ALL" },
    });
    let attribute = json!({ "AttributeName": "customer", "AttributeType": "S" });
    let update = json!({
        "TableName": "orders",
        "AttributeDefinitions": [attribute],
        "GlobalSecondaryIndexUpdates": [{ "Create": index }],
    });
    dynamodb(&world.sandbox, "UpdateTable", update);
    eventually("the index", LIMIT, || {
        let table = dynamodb(&world.sandbox, "DescribeTable", json!({ "TableName": "orders" }));
        let indexes = table["Table"]["GlobalSecondaryIndexes"].as_array().expect("indexes").clone();
        let active = indexes.iter().filter(|index| index["IndexStatus"] == "ACTIVE").count();
        if active == 2 { Ok(()) } else { Err(format!("{indexes:?}")) }
    });
    let indexes =
        INDEXES.replace("KEYS_ONLY' }", "KEYS_ONLY' }, { name = 'by-customer', partition_key = 'customer' }");
    let record = passes(&world, &dynamodb_plan("dynamodb-indexes", &indexes));
    let checks = record.drill()["checks"].to_string();
    assert!(checks.contains("`by-customer` is empty and answers"), "{checks}");
    world.sandbox.stop(&world.lab);
}

#[rstest]
#[case::missing("name = 'by-status'", "name = 'by-customer'", &["lacks the index `by-customer`", "not declared: by-status"])]
#[case::another_partition_key("'status'", "'state'", &["`by-status` is status, created_at and not state, created_at"])]
#[case::another_sort_key("'created_at'", "'updated_at'", &["is status, created_at and not status, updated_at"])]
#[case::a_sort_key_too_many(", sort_key = 'created_at'", "", &["is status, created_at and not status"])]
#[case::another_projection("'KEYS_ONLY'", "'ALL'", &["projection of index `by-status` is KEYS_ONLY and not ALL"])]
#[case::attributes("'KEYS_ONLY'", "['text']", &["is KEYS_ONLY and not INCLUDE text"])]
fn indexes_that_are_not_as_declared(#[case] right: &str, #[case] wrong: &str, #[case] why: &[&str]) {
    let world = World::with(&Table::default());
    let before = everything(&world.sandbox);
    let (ended, record) = world.run(&dynamodb_plan("dynamodb-indexes", &INDEXES.replacen(right, wrong, 1)));
    ended.expect_code(100);
    record.expect("failed", "clean", why);
    assert_eq!(everything(&world.sandbox), before);
    world.sandbox.stop(&world.lab);
}
