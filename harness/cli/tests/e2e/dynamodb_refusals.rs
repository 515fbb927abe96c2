//! Tables that a restore must not touch: refused with what to do, and left as they are.

use std::time::Duration;

use rstest::rstest;
use serde_json::json;

use crate::support::{
    Ended, External, Lab, Process, Record, Run, Table, dynamodb, dynamodb_plan, everything, repository,
};

const LIMIT: Duration = Duration::from_secs(60);

/// What a drill comes to on a table, which has to be as it was.
fn refused(table: &Table<'_>, plan: &str) -> (Ended, Record) {
    let lab = Lab::new();
    let sandbox = External::start(&lab, "");
    table.make(&sandbox);
    let before = everything(&sandbox);
    let (ended, record) = Run::start(&lab, &sandbox, plan, &[]).finish(LIMIT);
    assert_eq!(everything(&sandbox), before, "{ended}");
    assert_eq!(record.drill()["undos"], json!([]), "something was begun: {ended}");
    sandbox.stop(&lab);
    (ended, record)
}

#[rstest]
#[case::a_stream(Table { stream: true, ..Table::default() }, "", &["has a stream", "allow_streams = true"])]
#[case::no_recovery(
    Table { recovery: false, ..Table::default() },
    "",
    &["point-in-time recovery is off", "canary_table = true"]
)]
fn what_the_table_lacks_is_skipped(#[case] table: Table<'_>, #[case] options: &str, #[case] why: &[&str]) {
    let (ended, record) = refused(&table, &dynamodb_plan("dynamodb-pitr", options));
    ended.expect_code(4);
    record.expect("skipped", "clean", why);
}

#[rstest]
#[case::not_released(
    Table { released: false, ..Table::default() },
    "",
    &["`orders` is not released", "lifeboat:drill", "--confirm=orders"]
)]
#[case::a_number_without_a_template(
    Table { key_type: "N", ..Table::default() },
    "",
    &["canary_key has to give `id` of `orders`, which is of type N"]
)]
#[case::a_template_of_another_key(
    Table::default(),
    "canary_key = { pk = '{run}#{n}' }",
    &["`pk` is no key attribute of `orders`; its key is id"]
)]
#[case::a_template_that_is_no_number(
    Table { key_type: "N", ..Table::default() },
    "canary_key = { id = '{run}{n}' }",
    &["`id` is a number", "is none"]
)]
#[case::one_key_for_all(Table::default(), "canary_key = { id = '{run}' }", &["write {n}"])]
fn what_the_plan_lacks_is_an_error(#[case] table: Table<'_>, #[case] options: &str, #[case] why: &[&str]) {
    let (ended, record) = refused(&table, &dynamodb_plan("dynamodb-pitr", options));
    ended.expect_code(101);
    record.expect("errored", "clean", why);
}

#[test]
fn a_table_that_is_not_there() {
    let plan = dynamodb_plan("dynamodb-pitr", "").replace("table = \"orders\"", "table = \"elsewhere\"");
    let (ended, record) = refused(&Table::default(), &plan);
    ended.expect_code(101);
    record.expect("errored", "clean", &["`elsewhere`", "check table, region and account"]);
}

/// The user's items are never overwritten, and the canaries that were put by then are gone.
#[test]
fn an_item_with_a_canarys_key() {
    let lab = Lab::new();
    let sandbox = External::start(&lab, "");
    let table = Table { key_type: "N", ..Table::default() };
    table.make(&sandbox);
    // The key of the canary that is put last of the first three.
    dynamodb(
        &sandbox,
        "PutItem",
        json!({ "TableName": "orders", "Item": { "id": { "N": "9001" }, "text": { "S": "mine" } } }),
    );
    let before = everything(&sandbox);
    let plan = dynamodb_plan("dynamodb-pitr", "canary_key = { id = '900{n}' }");
    let (ended, record) = Run::start(&lab, &sandbox, &plan, &[]).finish(LIMIT);
    ended.expect_code(101);
    record.expect("errored", "clean", &["`orders` has an item with the canary's key", "another canary_key"]);
    assert_eq!(everything(&sandbox), before, "{ended}");
    sandbox.stop(&lab);
}

/// Nothing is started for what is wrong in the plan itself.
#[rstest]
#[case("dynamodb-pitr", "give_up = 5", &["restore", "give_up"])]
#[case("dynamodb-pitr", "compare = 'some'", &["compare"])]
#[case("dynamodb-pitr", "canary_table = true\ncanary_key = { id = '{n}' }", &["canary_key"])]
#[case("dynamodb-pitr", "canary_table = true\nsettings = 'require'", &["settings"])]
#[case("dynamodb-indexes", "", &["indexes"])]
#[case("dynamodb-indexes", "indexes = []", &["indexes is empty"])]
#[case("dynamodb-indexes", "indexes = [{ name = 'a', partition_key = 'b', projection = 'SOME' }]", &["`SOME` of `a`"])]
fn a_plan_that_cannot_be_meant(#[case] scenario: &str, #[case] options: &str, #[case] why: &[&str]) {
    let lab = Lab::new();
    let plan = lab.write("plan.toml", &dynamodb_plan(scenario, options));
    let ended = Process::start(&lab, lab.lifeboat().arg("plan").arg(plan)).wait(LIMIT);
    ended.expect_code(2).expect_stderr(why);
}

/// The example of the documentation can be planned.
#[test]
fn the_ready_plan_of_indexes() {
    let lab = Lab::new();
    let mut command = lab.lifeboat();
    command.arg("plan").arg(repository().join("drills/plans/dynamodb-indexes.toml")).env("ENV", "staging");
    let ended = Process::start(&lab, &mut command).wait(LIMIT);
    ended.expect_code(0);
    for table in
        ["workflow-state", "deployments", "shadow-test-state", "infra-drift-state", "config-versions"]
    {
        assert!(ended.stdout.contains(&format!("`{table}-staging`")), "{ended}");
    }
}
