//! A copy that takes its source's name for a while: only where nobody writes, and what is written to it all the same is
//! not lost with it.

use std::time::Duration;

use crate::restores::{LIMIT, Scene, check, figure};
use crate::support::{Held, Process, Run, Signal, eventually, restore_plan, rows};

const PROMOTE: &str = "promote = true\nwrites_stopped = true";

#[test]
fn a_promoted_copy_serves_the_name_for_a_while() {
    let scene = Scene::new();
    let (ended, record) = scene.run("rds-pitr", PROMOTE);
    record.expect("passed", "clean", &[]);
    ended.expect_code(0);
    for name in ["the name served the copy", "the source serves again", "nobody wrote to the promoted copy"] {
        assert_eq!(check(&record, name)["outcome"], "passed");
    }
    for name in ["outage of the name at the promotion", "outage of the name on the way back"] {
        let outage = figure(&record, name).as_str().expect("a span").to_owned();
        let (lower, upper) = outage.split_once(" … ").expect("two bounds");
        let [lower, upper]: [f64; 2] = [lower, upper].map(|bound| bound.parse().expect("seconds"));
        assert!(0.0 < upper && lower <= upper, "{outage}");
    }
    scene.ends_as_it_was();
}

#[test]
fn a_source_that_is_written_is_not_replaced() {
    let scene = Scene::new();
    let plan = restore_plan(
        "rds-pitr",
        "promote = true\nwrites_stopped = true\nqueries = []\ntables = [{ name = \"customers\" }]",
    );
    let mut run = Run::start(&scene.lab, &scene.sandbox, &plan, &[]);
    run.await_step("await-copy");
    rows(&scene.sandbox.database("orders"), "INSERT INTO orders (text) VALUES ('a late one')")
        .expect("written");
    let (ended, record) = run.finish(LIMIT);
    record.expect("failed", "clean", &["writes_stopped is not so"]);
    ended.expect_code(100);
    assert_eq!(scene.instances(), ["orders"]);
    scene.sandbox.stop(&scene.lab);
}

/// A run whose copy gets a row of a client's while it has the name.
fn written_while_promoted(scene: &Scene) -> Run {
    // Else it would have lost the name again before the client comes.
    let plan = restore_plan("rds-pitr", PROMOTE);
    let run = Run::stopped_at(&scene.lab, &scene.sandbox, &plan, "prove-promotion");
    let database = scene.sandbox.database("orders");
    eventually("a client's row", Duration::from_secs(60), || {
        rows(&database, "INSERT INTO customers VALUES (1000, 'a late one')")
    });
    run.process.signal(Signal::SIGCONT);
    run
}

/// The copy alone has the client's row; gives its name.
fn holds_the_row(scene: &Scene) -> String {
    let copy = scene.instances().into_iter().find(|name| name.starts_with("orders-lb-")).expect("the copy");
    assert_eq!(scene.instances(), ["orders".to_owned(), copy.clone()]);
    let query = "SELECT name FROM customers WHERE id = 1000";
    assert_eq!(rows(&scene.sandbox.database(&copy), query).expect("an answer"), ["a late one"]);
    assert_eq!(rows(&scene.sandbox.database("orders"), query).expect("an answer"), Vec::<String>::new());
    copy
}

#[test]
fn what_clients_write_to_a_promoted_copy_is_kept() {
    let scene = Scene::new();
    let (ended, record) = written_while_promoted(&scene).finish(LIMIT);
    let copy = holds_the_row(&scene);
    record.expect("failed", "residue", &["clients wrote to the copy", &copy, "bring the rows to the source"]);
    ended.expect_code(102).expect_stderr(&[&copy, "is kept: others have written to it"]);
    assert_eq!(check(&record, "the source serves again")["outcome"], "passed");
    let mut undo = scene.lab.lifeboat();
    undo.envs(&scene.sandbox.exports).arg("undo").arg(scene.lab.path("run"));
    // As often as it is asked.
    Process::start(&scene.lab, &mut undo).wait(LIMIT).expect_code(102);
    assert_eq!(holds_the_row(&scene), copy);
    scene.sandbox.stop(&scene.lab);
}

#[test]
fn what_clients_wrote_is_kept_by_undo_as_well() {
    let scene = Scene::new();
    let run = written_while_promoted(&scene);
    run.process.signal(Signal::SIGKILL);
    run.process.wait(LIMIT);
    let mut undo = scene.lab.lifeboat();
    undo.envs(&scene.sandbox.exports).arg("undo").arg(scene.lab.path("run"));
    let undone = Process::start(&scene.lab, &mut undo).wait(LIMIT);
    undone.expect_code(102);
    let copy = holds_the_row(&scene);
    let kept = format!("DB instance `{copy}` is kept: others have written to it");
    assert!(undone.stdout.contains(&kept), "{undone}");
    scene.sandbox.stop(&scene.lab);
}

/// It may be committed when the source is out of sight.
#[test]
fn a_transaction_that_is_open_at_the_moment_is_in_the_way() {
    let scene = Scene::new();
    let writer = Held::open(
        &scene.sandbox.database("orders"),
        "BEGIN; INSERT INTO customers VALUES (1000, 'not yet committed')",
    );
    let (ended, record) = scene.run("rds-pitr", PROMOTE);
    drop(writer);
    record.expect("inconclusive", "clean", &["was not promoted", "1 transactions are open"]);
    ended.expect_code(101);
    assert_eq!(scene.instances(), ["orders"]);
    scene.sandbox.stop(&scene.lab);
}
