//! Ctrl-C and SIGTERM while a run takes back what it did: the first says what that is, the second stops there and says
//! what is left, and `lifeboat undo` finishes it.

use std::time::Duration;

use rstest::rstest;

use crate::crash::Scene;
use crate::support::{BACKED_UP_SEED, Held, ORDERS_SEED, Run, Signal, eventually, rows};

/// Within so long it has to be said what is being taken back, and a second signal has to end the process. Two seconds are
/// promised, on a machine that has them to give; the clean-up is held up for longer than this.
const AT_ONCE: Duration = Duration::from_secs(30);

/// Signals a run and waits until all these words are said.
fn signal_and_hear(run: &Run, signal: Signal, words: &[&str]) {
    run.process.signal(signal);
    eventually("what is pending", AT_ONCE, || {
        let said = run.process.said();
        if words.iter().all(|word| said.contains(word)) { Ok(()) } else { Err(said) }
    });
}

fn name(signal: Signal) -> &'static str {
    if signal == Signal::SIGINT { "Ctrl-C" } else { "SIGTERM" }
}

/// A bystander holds the clean-up up, so that it goes on for as long as the test wants.
#[rstest]
#[case(Signal::SIGINT, Signal::SIGINT)]
#[case(Signal::SIGINT, Signal::SIGTERM)]
#[case(Signal::SIGTERM, Signal::SIGINT)]
fn each_says_what_is_pending_and_the_second_stops_there(#[case] first: Signal, #[case] second: Signal) {
    let scene = Scene::new(ORDERS_SEED);
    let mut run = scene.failover();
    run.await_step("confirm-steady-state");
    let database = scene.sandbox.database("orders");
    let schema = rows(&database, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'lifeboat%'");
    let schema = schema.expect("the schemas").pop().expect("the drill's schema");
    let reader = Held::open(&database, &format!("BEGIN; SELECT count(*) FROM {schema}.ledger"));
    let drop = format!("drop schema `{schema}` on `orders`");
    let finish = format!("lifeboat undo {}", run.dir.display());
    signal_and_hear(
        &run,
        first,
        &[
            &format!("lifeboat: {}: taking back what was done", name(first)),
            ", still pending:",
            &format!("failover: {drop}"),
            "failover: end the sessions",
            &format!("`{finish}` finishes it"),
        ],
    );
    // The sessions come first and are no trouble; dropping the schema waits for the reader.
    run.await_event("the end of the sessions", |event| event["event"] == "undo-ended");
    run.await_event("the drop of the schema", |event| event["event"] == "undo-started" && event["undo"] == 1);
    assert!(!run.process.has_ended(), "{}", run.process.said());
    run.process.signal(second);
    let ended = run.process.wait(AT_ONCE);
    ended.expect_code(130);
    let last = ended.stderr.split(" again: stopped").nth(1).unwrap_or_else(|| panic!("{ended}"));
    assert!(last.contains(&drop) && last.contains(&format!("to finish: {finish}")), "{ended}");
    assert!(!last.contains("end the sessions"), "they were taken back by then: {ended}");
    std::mem::drop(reader);
    let undo = scene.lifeboat("undo");
    undo.expect_code(0);
    assert!(undo.stdout.contains(&schema), "{undo}");
    scene.is_as_before();
    scene.sandbox.stop(&scene.lab);
}

/// The copy is being made, and its deletion takes many looks.
#[test]
fn a_restore_that_is_stopped_twice_is_finished_by_undo() {
    let scene = Scene::new(BACKED_UP_SEED);
    scene.sandbox.tell(r#"{"lie":"slow-answers","ms":500}"#);
    let mut run = scene.restore("rds-pitr", "");
    run.await_step("await-copy");
    signal_and_hear(&run, Signal::SIGINT, &["restore: delete DB instance `orders-lb-", "lifeboat undo "]);
    run.await_event("the first undo", |event| event["event"] == "undo-started");
    run.process.signal(Signal::SIGINT);
    let ended = run.process.wait(AT_ONCE);
    ended.expect_code(130).expect_stderr(&["Ctrl-C again: stopped", "to finish: lifeboat undo"]);
    let left = ended.stderr.split(" again: stopped").nth(1).expect("what is left");
    assert!(left.contains("delete DB instance `orders-lb-"), "{ended}");
    scene.lifeboat("undo").expect_code(0);
    scene.is_as_before();
    scene.sandbox.stop(&scene.lab);
}
