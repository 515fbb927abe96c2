//! Drills on one resource run one after the other, whatever the plan calls it; those on different ones side by side.

use std::time::Duration;

use rstest::rstest;
use serde_json::Value;

use crate::support::{External, Lab, ORDERS_SEED, PLAIN_SEED, Run, failover_plan};

#[rstest]
#[case::the_instance_itself("orders", false)]
#[case::another_server("plain", true)]
fn a_server_and_an_instance(#[case] server: &str, #[case] side_by_side: bool) {
    let lab = Lab::new();
    let sandbox = External::start(&lab, &format!("{ORDERS_SEED}{PLAIN_SEED}"));
    let port = sandbox.database(server).port;
    // By another name for the same address than the instance's endpoint has.
    let plan = format!(
        r#"{}
[targets.server]
kind = "postgres"
host = "localhost"
port = {port}
database = "app"
user = "drill"
password = "${{LIFEBOAT_SANDBOX_PASSWORD}}"

[[drills]]
name = "exhaustion"
scenario = "connection-exhaustion"
target = "server"
hold = "500ms"
stable_for = "500ms"
"#,
        failover_plan("stable_for = '500ms'")
    );
    let confirm = format!("localhost:{port}");
    let mut run = Run::start(&lab, &sandbox, &plan, &["--confirm", &confirm]);
    let of = |event: &Value, what: &str, drill: &str| event["event"] == what && event["drill"] == drill;
    run.await_event("both drills", |event| of(event, "drill-ended", "exhaustion"));
    let journal = run.dir.join("journal.jsonl");
    run.process.wait(Duration::from_secs(120));
    let text = std::fs::read_to_string(journal).expect("the journal");
    let events: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    let at = |what: &str, drill: &str| {
        events.iter().position(|event| of(event, what, drill)).unwrap_or_else(|| panic!("{drill}: no {what}"))
    };
    let overlap = at("drill-started", "exhaustion") < at("drill-ended", "failover");
    assert_eq!(overlap, side_by_side, "{text}");
    sandbox.stop(&lab);
}
