//! Each lie about a restore of an instance gives the verdict that it deserves, with what is wrong named; one that cannot be
//! told is no pass either.

use rstest::rstest;
use serde_json::Value;

use crate::restores::{LIMIT, Scene};
use crate::support::{
    BACKED_UP_SEED, Ended, External, Record, Run, eventually, request_with, restore_plan, rows,
    without_docker,
};

/// Both drills, so that their copies can be told from the source: a snapshot that existed has no canaries of before it.
const PITR: (&str, &str) = ("rds-pitr", "");
const SNAPSHOT: (&str, &str) = ("rds-snapshot-restore", "snapshot = \"fresh\"");

/// Runs a restore in a sandbox that tells a lie from the start.
fn lied_to(scene: &Scene, lie: &str, (scenario, options): (&str, &str)) -> (Ended, Record) {
    scene.sandbox.tell(lie);
    scene.run(scenario, options)
}

/// Waits until the source's backups reach back so far.
fn backed_up_for(sandbox: &External, seconds: u32) {
    let form = "Action=DescribeDBInstanceAutomatedBackups&DBInstanceIdentifier=orders&Version=2014-10-31";
    let form_type = "Content-Type: application/x-www-form-urlencoded";
    let (status, answer) = request_with(sandbox.endpoint(), "POST", "/", form_type, form);
    assert_eq!(status, 200, "{answer}");
    let (_, rest) = answer.split_once("<EarliestTime>").expect("a window");
    let (earliest, _) = rest.split_once('<').expect("an end");
    let passed = format!("SELECT clock_timestamp() > '{earliest}'::timestamptz + interval '{seconds} s'");
    eventually("the window is long enough", LIMIT, || {
        let answer = rows(&sandbox.database("orders"), &passed)?;
        if answer == ["t"] { Ok(()) } else { Err(format!("{answer:?}")) }
    });
}

const TOO_EARLY: &str = "restored to the wrong time, too early";
const TOO_LATE: &str = "restored to the wrong time, too late";

/// For a moment, three seconds back are before the canaries whatever the load: the moment is at most two after them. A
/// snapshot takes a while to be made.
#[rstest]
#[case::of_a_moment(PITR, 3)]
#[case::of_a_snapshot(SNAPSHOT, 10)]
fn a_restore_that_is_too_early_is_named(#[case] drill: (&str, &str), #[case] seconds: u32) {
    let scene = Scene::new();
    backed_up_for(&scene.sandbox, seconds);
    let lie = format!(r#"{{"lie":"restore-early","seconds":{seconds}}}"#);
    let (ended, record) = lied_to(&scene, &lie, drill);
    record.expect("failed", "clean", &[TOO_EARLY]);
    ended.expect_code(100);
    scene.ends_as_it_was();
}

#[rstest]
#[case::late(r#"{"lie":"restore-late","seconds":3600}"#, "failed", 100, &[TOO_LATE])]
#[case::as_now(r#"{"lie":"restore-as-now"}"#, "invalid", 101, &["whatever moment was asked for", "not evidence"])]
#[case::table_missing(r#"{"lie":"table-missing","table":"customers"}"#, "failed", 100, &["public.customers"])]
#[case::row_missing(r#"{"lie":"row-missing","table":"customers"}"#, "failed", 100, &["public.customers", "id"])]
#[case::column_changed(r#"{"lie":"column-changed","table":"orders"}"#, "failed", 100, &["public.orders", "id"])]
#[case::rows_swapped(r#"{"lie":"rows-swapped","table":"orders"}"#, "failed", 100, &["public.orders", "id"])]
#[case::duplicate_row(r#"{"lie":"duplicate-row","table":"visits"}"#, "failed", 100, &["public.visits"])]
#[case::sequence_behind(r#"{"lie":"sequence-behind","table":"orders"}"#, "failed", 100, &["public.orders_id_seq"])]
#[case::invalid_index(r#"{"lie":"invalid-index","table":"orders"}"#, "failed", 100, &["public.orders_"])]
#[case::class(
    r#"{"lie":"settings-lost","settings":["class"]}"#,
    "failed",
    100,
    &["DBInstanceClass is db.t3.micro and not db.t4g.micro"]
)]
#[case::parameter_group(
    r#"{"lie":"settings-lost","settings":["parameter-group"]}"#,
    "failed",
    100,
    &["DBParameterGroupName is default.postgres", "not orders-parameters"]
)]
#[case::security_groups(
    r#"{"lie":"settings-lost","settings":["security-groups"]}"#,
    "failed",
    100,
    &["VpcSecurityGroupIds is none and not sg-sandbox"]
)]
fn a_lie_about_a_restore_is_named(
    #[case] lie: &str,
    #[case] verdict: &str,
    #[case] code: i32,
    #[case] reasons: &[&str],
    #[values(PITR, SNAPSHOT)] drill: (&str, &str),
) {
    let scene = Scene::new();
    let (ended, record) = lied_to(&scene, lie, drill);
    record.expect(verdict, "clean", reasons);
    ended.expect_code(code);
    scene.ends_as_it_was();
}

#[rstest]
#[case::late(r#"{"lie":"restore-late","seconds":3600}"#, PITR, "failed", 100, TOO_LATE)]
#[case::column_changed(
    r#"{"lie":"column-changed","table":"orders"}"#,
    SNAPSHOT,
    "failed",
    100,
    "public.orders"
)]
#[case::as_now(r#"{"lie":"restore-as-now"}"#, SNAPSHOT, "invalid", 101, "not evidence")]
fn a_lie_about_a_restore_is_named_on_docker(
    #[case] lie: &str,
    #[case] drill: (&str, &str),
    #[case] verdict: &str,
    #[case] code: i32,
    #[case] reason: &str,
) {
    if let Some(reason) = without_docker() {
        println!("skipped: {reason}");
        return;
    }
    let scene = Scene::on("docker", BACKED_UP_SEED);
    let (ended, record) = lied_to(&scene, lie, drill);
    record.expect(verdict, "clean", &[reason]);
    ended.expect_code(code);
    scene.ends_as_it_was();
}

/// A copy that does not carry the run's tag cannot be told from somebody's own: it is named and left alone.
#[rstest]
fn lost_tags_are_named_and_the_copy_is_left(#[values(PITR, SNAPSHOT)] drill: (&str, &str)) {
    let scene = Scene::new();
    let (ended, record) = lied_to(&scene, r#"{"lie":"settings-lost","settings":["tags"]}"#, drill);
    record.expect(
        "failed",
        "residue",
        &["tag lifeboat:run is none", "tag lifeboat:copy-of is none and not orders"],
    );
    ended.expect_code(102).expect_stderr(&["does not carry the tag lifeboat:run", "was left alone"]);
    assert_eq!(scene.instances().len(), 2, "the source and the copy");
    scene.sandbox.stop(&scene.lab);
}

/// The instance looks as if its backups were on, and the restore is accepted. Without the lie the drill does not begin.
#[test]
fn a_restore_without_backups_is_no_evidence() {
    let scene = Scene::on("native", &BACKED_UP_SEED.replace("backup_retention = 7", "backup_retention = 0"));
    let (ended, record) = lied_to(&scene, r#"{"lie":"pitr-accepted-while-off"}"#, PITR);
    record.expect(
        "invalid",
        "clean",
        &["the source as it is now", "whatever moment was asked for", "not evidence"],
    );
    ended.expect_code(101);
    let restores =
        scene.sandbox.calls().into_iter().filter(|(action, _)| action.starts_with("RestoreDBInstance"));
    assert_eq!(restores.collect::<Vec<_>>(), [("RestoreDBInstanceToPointInTime".to_owned(), None)]);
    scene.ends_as_it_was();
}

/// A test that plants one of these must not go green because nothing came of it.
#[rstest]
#[case::back_beyond_the_window(r#"{"lie":"restore-early","seconds":86400}"#, PITR)]
#[case::before_the_first_backup(r#"{"lie":"restore-early","seconds":1}"#, ("rds-snapshot-restore", ""))]
#[case::backups_are_on(r#"{"lie":"pitr-accepted-while-off"}"#, PITR)]
#[case::no_such_table(r#"{"lie":"row-missing","table":"nobody"}"#, PITR)]
#[case::only_that_column(r#"{"lie":"rows-swapped","table":"visits"}"#, PITR)]
#[case::no_sequence(r#"{"lie":"sequence-behind","table":"customers"}"#, SNAPSHOT)]
fn a_lie_that_cannot_be_told_is_no_pass(#[case] lie: &str, #[case] drill: (&str, &str)) {
    let scene = Scene::new();
    let (ended, record) = lied_to(&scene, lie, drill);
    record.expect("failed", "clean", &["the restore did not come through", "`incompatible-restore`"]);
    ended.expect_code(100);
    scene.ends_as_it_was();
}

#[rstest]
#[case::capacity("InsufficientDBInstanceCapacity", "errored", 101)]
#[case::network("InvalidRestoreFault", "failed", 100)]
fn a_restore_that_is_refused_is_named(#[case] refusal: &str, #[case] verdict: &str, #[case] code: i32) {
    let scene = Scene::new();
    let lie = format!(
        r#"{{"lie":"refused","count":1,"action":"RestoreDBInstanceToPointInTime","code":"{refusal}"}}"#
    );
    let (ended, record) = lied_to(&scene, &lie, PITR);
    record.expect(verdict, "clean", &[refusal]);
    ended.expect_code(code);
    scene.ends_as_it_was();
}

/// The call is refused so often for want of capacity; what was asked for in the end, and what the record says of it.
#[rstest]
#[case::another_zone(
    1,
    "fallback_zones = ['us-east-1b']",
    "db.t4g.micro",
    "no capacity for class db.t4g.micro"
)]
#[case::another_class(2, FALLBACKS, "db.t4g.large", "class db.t4g.micro, class db.t4g.micro in us-east-1b")]
#[case::both(3, FALLBACKS, "db.t4g.large", "class db.t4g.micro in us-east-1b, class db.t4g.large")]
fn without_capacity_the_plans_other_places_are_tried(
    #[case] refused: u32,
    #[case] options: &str,
    #[case] class: &str,
    #[case] words: &str,
) {
    let scene = Scene::new();
    let (ended, record) = lied_to(&scene, &without_capacity(refused), ("rds-pitr", options));
    record.expect("passed", "clean", &[]);
    ended.expect_code(0);
    let restores = scene.sandbox.calls().into_iter().filter(|(action, _)| action.starts_with("RestoreDB"));
    assert_eq!(restores.count(), refused as usize + 1);
    let copy = &record.drill()["observations"]["copy-settled"];
    assert_eq!(copy["class"], class, "{copy}");
    if refused != 2 {
        assert_eq!(copy["zone"], "us-east-1b", "{copy}");
    }
    let checks = record.drill()["checks"].as_array().expect("checks");
    let told = checks.iter().any(|check| check["message"].as_str().is_some_and(|text| text.contains(words)));
    assert!(told, "`{words}` is in no check: {checks:?}");
    scene.ends_as_it_was();
}

#[test]
fn without_capacity_anywhere_it_is_said_where_it_was_tried() {
    let scene = Scene::new();
    let (ended, record) = lied_to(&scene, &without_capacity(9), ("rds-pitr", FALLBACKS));
    let words = ["tried: class db.t4g.micro", "class db.t4g.large in us-east-1b", "drill again later"];
    record.expect("errored", "clean", &words);
    ended.expect_code(101);
    let restores = scene.sandbox.calls().into_iter().filter(|(action, _)| action.starts_with("RestoreDB"));
    assert_eq!(restores.count(), 4);
    scene.ends_as_it_was();
}

const FALLBACKS: &str = "fallback_classes = ['db.t4g.large']\nfallback_zones = ['us-east-1b']";

fn without_capacity(count: u32) -> String {
    format!(
        r#"{{"lie":"refused","count":{count},"action":"RestoreDBInstanceToPointInTime","code":"InsufficientDBInstanceCapacity"}}"#
    )
}

#[rstest]
#[case::stuck("restore-stuck", "status creating")]
#[case::incompatible("incompatible-restore", "`incompatible-restore`")]
fn a_restore_that_never_comes_is_taken_back(#[case] lie: &str, #[case] status: &str) {
    let scene = Scene::new();
    scene.sandbox.tell(&format!(r#"{{"lie":"{lie}"}}"#));
    let plan = restore_plan("rds-pitr", "give_up = \"8s\"").replace("rto = \"120s\"", "rto = \"3s\"");
    let (ended, record) = Run::start(&scene.lab, &scene.sandbox, &plan, &[]).finish(LIMIT);
    record.expect("failed", "clean", &["the restore did not come through", status]);
    ended.expect_code(100);
    assert_eq!(record.drill()["measurements"]["rto"]["upper_s"], Value::Null);
    scene.ends_as_it_was();
}
