//! Each lie of the sandbox gives the verdict that it deserves, with a reason that says why; none is believed.

use std::time::Duration;

use rstest::rstest;
use serde_json::Value;

use crate::support::{Ended, External, Lab, ORDERS_SEED, Record, Run, failover_plan, rows};

/// For what never shows.
const QUICK: &str = "notice = '1s'\nstable_for = '500ms'";

/// For what shows at once, where the machine is not busy.
const SHOWS: &str = "notice = '20s'\nstable_for = '500ms'";

/// For outages without an end: they must outlast the objective before the drill gives up.
const GIVES_UP: &str = "notice = '4s'\nstable_for = '500ms'\ngive_up = '12s'";
const OBJECTIVE: (&str, &str) = ("rto = \"60s\"", "rto = \"5s\"");

struct Told {
    ended: Ended,
    record: Record,
    sandbox: External,
    lab: Lab,
}

/// Runs the failover drill against a sandbox that tells one lie from the start.
fn drill(lie: &str, options: &str) -> Told {
    let lab = Lab::new();
    let sandbox = External::start(&lab, ORDERS_SEED);
    sandbox.tell(lie);
    let mut plan = failover_plan(options);
    if options == GIVES_UP {
        plan = plan.replacen(OBJECTIVE.0, OBJECTIVE.1, 1);
    }
    let run = Run::start(&lab, &sandbox, &plan, &[]);
    let (ended, record) = run.finish(Duration::from_secs(300));
    Told { ended, record, sandbox, lab }
}

fn schemas(sandbox: &External) -> Vec<String> {
    let query = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'lifeboat%'";
    rows(&sandbox.database("orders"), query).expect("the schemas")
}

#[rstest]
#[case::failover_accepted_and_not_done(
    r#"{"lie":"no-op-failover"}"#,
    &["no failover is proved", "the zone is still us-east-1a", "the same server answers"]
)]
#[case::zones_swap_only(r#"{"lie":"zones-swap-only"}"#, &["no failover is proved", "the same server answers"])]
#[case::plain_reboot_instead(
    r#"{"lie":"plain-reboot"}"#,
    &["no failover is proved", "the zone is still us-east-1a"]
)]
fn what_is_no_failover_is_invalid(#[case] lie: &str, #[case] reasons: &[&str]) {
    let told = drill(lie, QUICK);
    told.ended.expect_code(101);
    told.record.expect("invalid", "clean", reasons);
    assert_eq!(schemas(&told.sandbox), Vec::<String>::new());
    told.sandbox.stop(&told.lab);
}

#[test]
fn lost_writes_are_counted_and_fail() {
    let told = drill(r#"{"lie":"lose-writes","ms":300}"#, SHOWS);
    told.ended.expect_code(100);
    told.record.expect("failed", "clean", &["acknowledged writes are lost"]);
    let rpo = &told.record.drill()["measurements"]["rpo"];
    let number = |key: &str| rpo[key].as_f64().unwrap_or_else(|| panic!("{key} of {rpo}"));
    assert!(number("lost") > 0.0 && number("lost") < number("acknowledged"), "{rpo}");
    // The standby was cut off for 0.3 s before the kill, and all that was acknowledged meanwhile is gone.
    assert!(number("lost_span_s") >= 0.25, "{rpo}");
    told.sandbox.stop(&told.lab);
}

#[test]
fn an_old_writer_that_takes_no_writes_fails_and_is_cleaned_up_once_it_does() {
    let told = drill(r#"{"lie":"old-writer-read-only"}"#, GIVES_UP);
    // The ledger cannot be dropped on a server that takes no writes: what is left beats the other exit codes.
    told.ended.expect_code(102);
    told.record.expect("failed", "residue", &["25006", "takes no writes"]);
    told.ended.expect_stderr(&["cannot drop schema", "something was left behind", "lifeboat undo"]);
    assert_eq!(schemas(&told.sandbox).len(), 1);
    told.sandbox.admin("DELETE", "lies", "");
    let undo = undo(&told);
    undo.expect_code(0);
    assert_eq!(schemas(&told.sandbox), Vec::<String>::new());
    told.sandbox.stop(&told.lab);
}

#[test]
fn a_failover_that_never_ends_fails_and_says_what_is_left() {
    let told = drill(r#"{"lie":"failover-never-ends"}"#, GIVES_UP);
    told.ended.expect_code(102);
    let reasons = ["no recovery was seen", "no server serves the endpoint", "Multi-AZ did not come back"];
    told.record.expect("failed", "residue", &reasons);
    assert_eq!(told.record.drill()["measurements"]["rto"]["upper_s"], Value::Null);
    let residue = told.record.drill()["residue"].to_string();
    assert!(residue.contains("drop schema") && residue.contains("end the sessions"), "{residue}");
    told.sandbox.stop(&told.lab);
}

fn undo(told: &Told) -> Ended {
    let mut command = told.lab.lifeboat();
    command.envs(&told.sandbox.exports).arg("undo").arg(told.lab.path("run"));
    crate::support::Process::start(&told.lab, &mut command).wait(Duration::from_secs(60))
}

/// What the record says was asked again, by call and error.
fn retries(record: &Record) -> Vec<(String, u64)> {
    let retries = record.drill()["observations"]["control-plane-retries"].as_object().expect("retries");
    retries.iter().map(|(what, count)| (what.clone(), count.as_u64().expect("a count"))).collect()
}

#[test]
fn a_fault_call_whose_answer_is_lost_is_not_made_twice() {
    let told = drill(r#"{"lie":"lose-response","action":"RebootDBInstance"}"#, SHOWS);
    told.ended.expect_code(0);
    told.record.expect("passed", "clean", &[]);
    assert_eq!(retries(&told.record), [("RebootDBInstance no-answer".to_owned(), 1)]);
    assert!(told.record.mark("fault-seen-without-answer").is_some());
    assert!(told.record.mark("fault-answered").is_none());
    // Its effect was looked for instead.
    let reboots = told.sandbox.calls().iter().filter(|(action, _)| action == "RebootDBInstance").count();
    assert_eq!(reboots, 1);
    told.sandbox.stop(&told.lab);
}

#[test]
fn slow_answers_lengthen_the_call_and_not_the_outage() {
    let told = drill(r#"{"lie":"slow-answers","ms":4000}"#, SHOWS);
    told.ended.expect_code(0);
    told.record.expect("passed", "clean", &[]);
    let mark = |name: &str| told.record.mark(name).unwrap_or_else(|| panic!("no mark {name}"));
    assert!(mark("fault-answered") - mark("fault-requested") >= 4.0);
    let upper = told.record.drill()["measurements"]["rto"]["upper_s"].as_f64().expect("an upper bound");
    assert!(upper < 4.0, "the time of the answer is in the RTO: {upper} s");
    told.sandbox.stop(&told.lab);
}

#[rstest]
#[case::throttling("throttling", "Throttling")]
#[case::http_5xx("http-5xx", "InternalFailure")]
fn refused_calls_are_made_again_and_counted(#[case] lie: &str, #[case] code: &str) {
    let lab = Lab::new();
    let sandbox = External::start(&lab, ORDERS_SEED);
    let plan = failover_plan("notice = '3s'\nstable_for = '1s'");
    // GetCallerIdentity and the first look meet it before the run has a record ..
    sandbox.tell(&format!(r#"{{"lie":"{lie}","count":3}}"#));
    let mut run = Run::start(&lab, &sandbox, &plan, &[]);
    run.await_event("the run", |event| event["event"] == "run-started");
    let before: Vec<_> = refusals(&sandbox);
    // .. and the looks after the fault, as many as outlast the wait for a stable service.
    run.await_step("await-recovery");
    sandbox.tell(&format!(r#"{{"lie":"{lie}","count":20}}"#));
    let (ended, record) = run.finish(Duration::from_secs(60));
    ended.expect_code(0);
    record.expect("passed", "clean", &[]);

    assert_eq!(before, vec![("GetCallerIdentity".to_owned(), code.to_owned()); 3]);
    let retries = retries(&record);
    assert!(retries.iter().any(|(what, _)| what.ends_with(code)), "{retries:?}");
    // Every refusal that the sandbox handed out is in the record: as a retry, or as an attempt of the api stream.
    let retried: u64 = retries.iter().filter(|(what, _)| what.ends_with(code)).map(|(_, count)| count).sum();
    let seen = record.drill()["streams"]["api"]["refused"].as_u64().expect("a count");
    assert_eq!(retried + seen, (refusals(&sandbox).len() - before.len()) as u64);
    sandbox.stop(&lab);
}

/// The calls that were answered with an error.
fn refusals(sandbox: &External) -> Vec<(String, String)> {
    sandbox.calls().into_iter().filter_map(|(action, code)| Some((action, code?))).collect()
}
