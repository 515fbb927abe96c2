//! The checks that no lie of the sandbox reaches: each passes on what is right and not on what is wrong.

use lifeboat_model::{DrillRecord, Judgement};
use rstest::rstest;
use serde_json::{Value, json};

fn record(rpo: Value, figures: Value, observations: Value) -> DrillRecord {
    let record = json!({
        "name": "d", "scenario": "s", "target": "t", "verdict": "passed", "reason": "", "restoration": "clean",
        "objectives": {},
        "measurements": {"rto": {"not_measured": "not here"}, "rpo": rpo, "figures": figures},
        "observations": observations,
    });
    serde_json::from_value(record).unwrap()
}

fn rpo(unexpected: u64, duplicated: u64) -> Value {
    json!({
        "acknowledged": 9, "lost": 0, "recovered": 1, "unexpected": unexpected, "duplicated": duplicated,
        "lost_span_s": 0.0, "lost_span": {"lower_s": 0.0, "upper_s": 0.0},
    })
}

fn instance(resource_id: &str) -> Value {
    json!({
        "identifier": "orders", "resource_id": resource_id, "arn": "", "engine": "", "class": "",
        "status": "available", "zone": "a", "secondary_zone": "b", "multi_az": true, "endpoint": null,
        "pending_changes": false, "parameter_groups": [], "tags": [],
    })
}

fn limits() -> Value {
    json!({
        "max_connections": 60, "superuser_reserved": 3, "reserved": 0, "rds_reserved": 0, "role_limit": null,
        "database_limit": null, "may_use_reserve": false, "version": 150_000,
    })
}

fn refusals() -> Value {
    json!([{"name": "refusal: 53300 too many", "value": 20, "unit": "times"}])
}

fn judged(scenario: &str, check: &str, record: &DrillRecord) -> Judgement {
    let checks = crate::find(scenario).unwrap().checks();
    let check = checks.iter().find(|found| found.name == check).unwrap();
    (check.judge)(record).judgement
}

#[rstest]
#[case(0, 0, Judgement::Passed)]
#[case(1, 0, Judgement::Failed)]
#[case(0, 1, Judgement::Failed)]
fn rows_that_nobody_wrote(#[case] unexpected: u64, #[case] twice: u64, #[case] expected: Judgement) {
    let record = record(rpo(unexpected, twice), json!([]), json!({}));
    assert_eq!(judged("rds-failover", "ledger holds only what was written", &record), expected);
}

#[rstest]
#[case(1, Judgement::Passed)]
#[case(2, Judgement::Failed)]
fn a_second_outage(#[case] outages: u64, #[case] expected: Judgement) {
    let figures = json!([{"name": "outages seen", "value": outages}]);
    let record = record(rpo(0, 0), figures, json!({}));
    assert_eq!(judged("rds-failover", "it stays up after its recovery", &record), expected);
}

#[rstest]
#[case("db-A", Judgement::Passed)]
#[case("db-B", Judgement::Invalid)]
fn another_instance_under_the_name(#[case] after: &str, #[case] expected: Judgement) {
    let seen = json!({"instance-before": instance("db-A"), "instance-after": instance(after)});
    let record = record(rpo(0, 0), json!([]), seen);
    assert_eq!(judged("rds-failover", "the instance is the same", &record), expected);
}

#[rstest]
#[case(57, Judgement::Passed)]
#[case(40, Judgement::Failed)]
#[case(60, Judgement::Failed)]
fn a_limit_that_is_not_the_settings(#[case] peak: u64, #[case] expected: Judgement) {
    let record = record(rpo(0, 0), refusals(), json!({"sessions-at-peak": peak, "limits": limits()}));
    assert_eq!(judged("connection-exhaustion", "the limit is that of the settings", &record), expected);
}

#[rstest]
#[case("the reserved slot lets an administrator in", "admin", "let in", "53300 too many")]
#[case("applications connect again", "recovery", "recovered", "waited 30 s for fresh connections")]
fn what_was_observed_decides(#[case] check: &str, #[case] name: &str, #[case] good: &str, #[case] bad: &str) {
    for (seen, expected) in [(good, Judgement::Passed), (bad, Judgement::Failed)] {
        let record = record(rpo(0, 0), refusals(), json!({name: seen}));
        assert_eq!(judged("connection-exhaustion", check, &record), expected, "{seen}");
    }
}
