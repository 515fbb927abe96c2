//! Instances and snapshots of others under names of the run's own, and a target that is not called so any more: nothing that
//! the run did not make is touched, whatever its name and tags.
//!
//! A run is stopped while others act, so that it meets what they did at a step that is known.

use lifeboat_model::name_beside;
use rstest::rstest;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::restores::{LIMIT, Scene};
use crate::support::{
    Aws, BACKED_UP_SEED, Ended, External, ORDERS_SEED, Process, Record, Run, Signal, eventually,
    failover_plan, request_with, restore_plan, rows, snapshot,
};

const PITR: (&str, &str) = ("rds-pitr", "");
const FRESH: (&str, &str) = ("rds-snapshot-restore", "snapshot = \"fresh\"");

/// The name that the drill gives to a copy (`lb`) or a snapshot (`sn`).
fn name_of(run: &str, what: &str) -> String {
    name_beside("orders", what, run, "restore")
}

/// Starts a run and stops it where a step begins; its id.
fn stopped_at(scene: &Scene, plan: &str, step: &str) -> (Run, String) {
    let run = Run::stopped_at(&scene.lab, &scene.sandbox, plan, step);
    let id = run.id();
    (run, id)
}

fn goes_on(run: Run) -> (Ended, Record) {
    run.process.signal(Signal::SIGCONT);
    run.finish(LIMIT)
}

fn await_instance(aws: &Aws<'_>, name: &str) -> Value {
    eventually(name, LIMIT, || {
        let told = aws.told(&format!("rds describe-db-instances --db-instance-identifier {name}"));
        let found = told["DBInstances"][0].clone();
        if found["DBInstanceStatus"] == "available" { Ok(found) } else { Err(found.to_string()) }
    })
}

fn await_snapshot(aws: &Aws<'_>, name: &str) {
    eventually(name, LIMIT, || {
        let told = aws.told(&format!("rds describe-db-snapshots --db-snapshot-identifier {name}"));
        let status = told["DBSnapshots"][0]["Status"].clone();
        if status == "available" { Ok(()) } else { Err(status.to_string()) }
    });
}

/// Somebody restores an instance as it is now under that name; without tags of their own, AWS copies those of the source.
fn restores(aws: &Aws<'_>, from: &str, to: &str, tags: &str) -> Value {
    let now = OffsetDateTime::now_utc();
    eventually("the restorable time reaches this moment", LIMIT, || {
        let told = aws.told(&format!("rds describe-db-instances --db-instance-identifier {from}"));
        let latest = told["DBInstances"][0]["LatestRestorableTime"].as_str().unwrap_or_default().to_owned();
        let reached = OffsetDateTime::parse(&latest, &Rfc3339).is_ok_and(|latest| latest >= now);
        if reached { Ok(()) } else { Err(latest) }
    });
    aws.does(&format!(
        "rds restore-db-instance-to-point-in-time --source-db-instance-identifier {from} \
         --target-db-instance-identifier {to} --use-latest-restorable-time {tags}"
    ));
    await_instance(aws, to)
}

fn renames(aws: &Aws<'_>, from: &str, to: &str) {
    aws.does(&format!(
        "rds modify-db-instance --db-instance-identifier {from} --new-db-instance-identifier {to} --apply-immediately"
    ));
    eventually("the new name", LIMIT, || {
        let told = aws.told("rds describe-db-instances");
        let all = told["DBInstances"].as_array().expect("instances");
        let named =
            all.iter().any(|one| one["DBInstanceIdentifier"] == to && one["DBInstanceStatus"] == "available");
        if named { Ok(()) } else { Err(told.to_string()) }
    });
}

fn undo(scene: &Scene) -> Ended {
    let mut command = scene.lab.lifeboat();
    command.envs(&scene.sandbox.exports).arg("undo").arg(scene.lab.path("run"));
    Process::start(&scene.lab, &mut command).wait(LIMIT)
}

fn called(sandbox: &External, action: &str) -> usize {
    sandbox.calls().iter().filter(|(known, _)| known == action).count()
}

#[rstest]
#[case::of_a_copy(PITR, "lb")]
#[case::of_a_copy_of_a_snapshot(FRESH, "lb")]
#[case::of_a_snapshot(FRESH, "sn")]
fn a_name_that_is_taken_is_left_to_whoever_has_it(#[case] drill: (&str, &str), #[case] what: &str) {
    let scene = Scene::new();
    let aws = Aws::new(&scene.lab, &scene.sandbox);
    let (run, id) = stopped_at(&scene, &restore_plan(drill.0, drill.1), "identify-target");
    let name = name_of(&id, what);
    // With the very tag, which they may have given it or AWS have copied.
    let tags = format!("--tags Key=lifeboat:run,Value={id}");
    if what == "lb" {
        restores(&aws, "orders", &name, &tags);
    } else {
        aws.does(&format!(
            "rds create-db-snapshot --db-instance-identifier orders --db-snapshot-identifier {name} {tags}"
        ));
        await_snapshot(&aws, &name);
    }
    let before = snapshot(&scene.sandbox).expect("a snapshot");
    let (ended, record) = goes_on(run);
    ended.expect_code(101);
    record.expect("errored", "clean", &[&name, "already", "this run did not make"]);
    assert_eq!(snapshot(&scene.sandbox).expect("a snapshot"), before, "{ended}");
    scene.sandbox.stop(&scene.lab);
}

/// The call ends without an answer and without effect, and just then somebody restores the same source under the copy's
/// name: what AWS copies from it is the run's own tag.
#[test]
fn a_tag_that_was_copied_makes_nothing_the_runs_own() {
    let scene = Scene::new();
    let aws = Aws::new(&scene.lab, &scene.sandbox);
    let (mut run, id) = stopped_at(&scene, &restore_plan(PITR.0, PITR.1), "identify-target");
    let arn = await_instance(&aws, "orders")["DBInstanceArn"].as_str().expect("an ARN").to_owned();
    aws.does(&format!("rds add-tags-to-resource --resource-name {arn} --tags Key=lifeboat:run,Value={id}"));
    const CALL: &str = "RestoreDBInstanceToPointInTime";
    scene.sandbox.tell(&format!(r#"{{"lie":"http-5xx","count":1,"action":"{CALL}"}}"#));
    run.process.signal(Signal::SIGCONT);
    run.await_step("request-restore");
    eventually("the call", LIMIT, || if called(&scene.sandbox, CALL) == 0 { Err("none") } else { Ok(()) });
    let name = name_of(&id, "lb");
    let form = format!(
        "Action={CALL}&Version=2014-10-31&SourceDBInstanceIdentifier=orders&UseLatestRestorableTime=true\
         &TargetDBInstanceIdentifier={name}"
    );
    let form_type = "Content-Type: application/x-www-form-urlencoded";
    let (status, answer) = request_with(scene.sandbox.endpoint(), "POST", "/", form_type, &form);
    assert_eq!(status, 200, "{answer}");
    let (ended, record) = run.finish(LIMIT);
    // The run cannot know that its own call came to nothing.
    ended.expect_code(102).expect_stderr(&[&name, "may be a copy of its source's", "was left alone"]);
    record.expect("errored", "residue", &[&name]);
    let theirs = await_instance(&aws, &name);
    // Its lock among them.
    assert_eq!(theirs["TagList"].as_array().map(Vec::len), Some(4), "the source's tags: {theirs}");
    undo(&scene).expect_code(102);
    assert_eq!(await_instance(&aws, &name)["DbiResourceId"], theirs["DbiResourceId"]);
    assert_eq!(called(&scene.sandbox, "DeleteDBInstance"), 0);
    let schemas = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'lifeboat%'";
    assert_eq!(rows(&scene.sandbox.database("orders"), schemas).expect("an answer"), Vec::<String>::new());
    scene.sandbox.stop(&scene.lab);
}

/// What the run made is gone, and another has its name and its tags.
#[test]
fn a_copy_that_was_replaced_is_gone_and_the_other_stays() {
    let scene = Scene::new();
    let aws = Aws::new(&scene.lab, &scene.sandbox);
    let (run, id) = stopped_at(&scene, &restore_plan(PITR.0, PITR.1), "compare-settings");
    let name = name_of(&id, "lb");
    aws.does(&format!("rds delete-db-instance --db-instance-identifier {name} --skip-final-snapshot"));
    eventually("the end of the copy", LIMIT, || {
        let left = scene.instances();
        if left == ["orders"] { Ok(()) } else { Err(format!("{left:?}")) }
    });
    let theirs = restores(&aws, "orders", &name, &format!("--tags Key=lifeboat:run,Value={id}"));
    let before = scene.sandbox.inventory()["instances"].clone();
    let (ended, record) = goes_on(run);
    assert_eq!(record.drill()["restoration"], "clean", "{ended}");
    let undos = record.drill()["undos"].to_string();
    assert!(undos.contains(theirs["DbiResourceId"].as_str().expect("an id")), "{undos}");
    assert!(undos.contains("is another and was left alone"), "{undos}");
    let after = scene.sandbox.inventory()["instances"].clone();
    assert_eq!(after[&name]["resource_id"], before[&name]["resource_id"]);
    assert_eq!(after.as_object().map(serde_json::Map::len), Some(2));
    scene.sandbox.stop(&scene.lab);
}

#[test]
fn a_snapshot_that_was_replaced_is_gone_and_the_other_stays() {
    let scene = Scene::new();
    let aws = Aws::new(&scene.lab, &scene.sandbox);
    let (run, id) = stopped_at(&scene, &restore_plan(FRESH.0, FRESH.1), "compare-settings");
    let name = name_of(&id, "sn");
    aws.does(&format!("rds delete-db-snapshot --db-snapshot-identifier {name}"));
    aws.does(&format!(
        "rds create-db-snapshot --db-instance-identifier orders --db-snapshot-identifier {name} \
         --tags Key=lifeboat:run,Value={id}"
    ));
    await_snapshot(&aws, &name);
    let before = scene.sandbox.inventory()["snapshots"].clone();
    let (ended, record) = goes_on(run);
    assert_eq!(record.drill()["restoration"], "clean", "{ended}");
    let undos = record.drill()["undos"].to_string();
    assert!(undos.contains("is another and was left alone"), "{undos}");
    assert_eq!(scene.sandbox.inventory()["snapshots"][&name], before[&name]);
    scene.sandbox.stop(&scene.lab);
}

/// It is the run's whatever it is called, as long as nobody put it in its source's place.
#[rstest]
#[case::to_any_name("orders-elsewhere", 0)]
#[case::to_its_sources_name("orders", 102)]
fn a_copy_that_was_renamed_is_known_by_its_id(#[case] to: &str, #[case] code: i32) {
    let scene = Scene::new();
    let aws = Aws::new(&scene.lab, &scene.sandbox);
    let (run, id) = stopped_at(&scene, &restore_plan(PITR.0, PITR.1), "compare-settings");
    run.process.signal(Signal::SIGKILL);
    run.process.wait(LIMIT);
    if to == "orders" {
        renames(&aws, "orders", "orders-aside");
    }
    renames(&aws, &name_of(&id, "lb"), to);
    let undone = undo(&scene);
    undone.expect_code(code);
    let left = if code == 0 { vec!["orders"] } else { vec!["orders", "orders-aside"] };
    assert_eq!(scene.instances(), left, "{undone}");
    scene.sandbox.stop(&scene.lab);
}

/// The instances of a snapshot, of which one lost the run's lock: what else carries it is somebody's copy.
fn unlocked(snapshot: &Value, name: &str) -> Value {
    let mut instances = snapshot["inventory"]["instances"].clone();
    let tags = instances[name]["tags"].as_object_mut().expect("tags");
    tags.remove("lifeboat:lock").expect("the run's lock");
    instances
}

/// Another has the target's name, with all that the target had, the run's own schema included.
#[rstest]
#[case::of_a_moment(PITR, "await-restorable")]
#[case::of_a_snapshot(FRESH, "destroy-canaries")]
fn a_target_that_was_replaced_ends_the_drill(#[case] drill: (&str, &str), #[case] step: &str) {
    let scene = Scene::new();
    let aws = Aws::new(&scene.lab, &scene.sandbox);
    let (run, _) = stopped_at(&scene, &restore_plan(drill.0, drill.1), step);
    renames(&aws, "orders", "orders-moved");
    restores(&aws, "orders-moved", "orders", "");
    let before = snapshot(&scene.sandbox).expect("a snapshot");
    let (ended, record) = goes_on(run);
    ended.expect_code(101);
    let ids = ["orders", "orders-moved"]
        .map(|name| before["inventory"]["instances"][name]["resource_id"].as_str().expect("an id"));
    let words = ["renamed or replaced", "is called `orders-moved` now", "was not touched", ids[0], ids[1]];
    record.expect("errored", "clean", &words);
    let after = snapshot(&scene.sandbox).expect("a snapshot");
    assert_eq!(after["databases"]["orders"], before["databases"]["orders"], "{ended}");
    assert_eq!(after["inventory"]["instances"], unlocked(&before, "orders-moved"), "{ended}");
    let of_runs = |snapshots: &Value| {
        let names = snapshots["inventory"]["snapshots"].as_object().expect("a map").keys();
        names.filter(|name| name.contains("-sn-")).count()
    };
    assert_eq!(of_runs(&after), 0, "{ended}");
    let schemas = |of: &Value, name: &str| of["databases"][name]["schemas"].to_string();
    assert!(
        schemas(&before, "orders").contains("lifeboat"),
        "the other has the run's schema as well: {before}"
    );
    assert!(!schemas(&after, "orders-moved").contains("lifeboat"), "the run's own is gone: {ended}");
    scene.sandbox.stop(&scene.lab);
}

#[test]
fn a_target_that_was_replaced_is_not_failed_over() {
    let scene = Scene::on("native", &ORDERS_SEED.replace("multi_az", "backup_retention = 7\nmulti_az"));
    let aws = Aws::new(&scene.lab, &scene.sandbox);
    let (run, _) = stopped_at(&scene, &failover_plan("stable_for = '300ms'"), "force-failover");
    renames(&aws, "orders", "orders-moved");
    restores(&aws, "orders-moved", "orders", "--multi-az");
    let before = snapshot(&scene.sandbox).expect("a snapshot");
    let (ended, record) = goes_on(run);
    ended.expect_code(101);
    record.expect(
        "errored",
        "clean",
        &["renamed or replaced", "is called `orders-moved` now", "was not touched"],
    );
    assert_eq!(called(&scene.sandbox, "RebootDBInstance"), 0);
    let rto = &record.drill()["measurements"]["rto"];
    assert!(rto["not_measured"].as_str().is_some_and(|why| why.contains("not asked for")), "{rto}");
    let after = snapshot(&scene.sandbox).expect("a snapshot");
    assert_eq!(after["inventory"]["instances"], unlocked(&before, "orders-moved"), "{ended}");
    for key in ["schemas", "relations", "data"] {
        assert_eq!(after["databases"]["orders"][key], before["databases"]["orders"][key], "{ended}");
    }
    assert!(!after["databases"]["orders-moved"]["schemas"].to_string().contains("lifeboat"), "{ended}");
    scene.sandbox.stop(&scene.lab);
}

#[test]
fn the_connections_of_another_are_not_taken() {
    let scene = Scene::on("native", BACKED_UP_SEED);
    let aws = Aws::new(&scene.lab, &scene.sandbox);
    let plan = failover_plan("hold = '500ms'\nstable_for = '500ms'")
        .replace("rds-failover", "connection-exhaustion")
        .replace("rpo = \"0s\"", "");
    let (run, _) = stopped_at(&scene, &plan, "climb");
    renames(&aws, "orders", "orders-moved");
    restores(&aws, "orders-moved", "orders", "");
    let (ended, record) = goes_on(run);
    ended.expect_code(101);
    record.expect("errored", "clean", &["is called `orders-moved` now", "was not touched"]);
    assert_eq!(record.drill()["observations"]["climb-opened"], Value::Null, "{ended}");
    scene.sandbox.stop(&scene.lab);
}

/// The endpoint leads to another region, or the one who answers who calls is not the one who has the target.
#[test]
fn a_target_of_another_region_is_refused() {
    let scene = Scene::on("native", BACKED_UP_SEED);
    let plan = restore_plan(PITR.0, PITR.1).replacen(
        "provider = \"sandbox\"",
        "provider = \"sandbox\"\nregion = \"eu-west-1\"",
        1,
    );
    let (ended, record) = Run::start(&scene.lab, &scene.sandbox, &plan, &[]).finish(LIMIT);
    ended.expect_code(101);
    let words = ["another account or region", "arn:aws:rds:us-east-1:000000000000:db:orders", "eu-west-1"];
    record.expect("errored", "clean", &words);
    scene.ends_as_it_was();
}
