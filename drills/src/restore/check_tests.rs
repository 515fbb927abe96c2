//! The checks of restores pass on what is right and not on what is wrong, also on what no lie of the sandbox shows.

use lifeboat_model::{DrillRecord, Judgement};
use rstest::rstest;
use serde_json::{Value, json};

fn instance(identifier: &str, id: &str, group: &str) -> Value {
    json!({
        "identifier": identifier, "resource_id": id, "arn": "", "engine": "", "class": "", "status": "available",
        "zone": "a", "secondary_zone": null, "multi_az": false, "endpoint": null, "pending_changes": false,
        "parameter_groups": [], "tags": [["lifeboat:run", "r"]], "restorable_until": null, "settings": settings(group, 1),
    })
}

fn settings(group: &str, retention: i32) -> Value {
    json!({
        "class": "db.t4g.micro", "subnet_group": null, "security_groups": [], "parameter_group": group,
        "parameters": "in-sync", "option_group": null, "multi_az": false, "publicly_accessible": false,
        "deletion_protection": false, "iam_authentication": false, "backup_retention": retention,
        "storage_type": null, "allocated_storage": null, "encrypted": false, "ca": null,
        "copy_tags_to_snapshot": false, "monitoring_interval": 0, "performance_insights": false,
    })
}

fn server(started: &str, in_recovery: bool) -> Value {
    json!({"address": "127.0.0.1", "port": 5432, "started": started, "in_recovery": in_recovery})
}

fn validation(outcome: &str) -> Value {
    let finding = json!({"subject": "table public.orders", "outcome": outcome, "message": "row (7) differs"});
    let table = json!({
        "name": "public.orders", "mode": "exact", "rows_source": 9, "rows_copy": 9, "digest_source": "1",
        "digest_copy": "1", "seconds": 0.1,
    });
    json!({"findings": [finding], "tables": [table], "not_compared": [], "seconds": 0.1})
}

fn good() -> Value {
    let before = json!({"1": "canary 1", "2": "canary 2", "3": "canary 3", "4": "canary 4"});
    json!({
        "source": instance("orders", "db-A", "own"), "copy": instance("copy", "db-B", "own"),
        "copy-settled": instance("copy", "db-B", "own"), "asked-settings": settings("own", 1),
        "asked-tags": {"lifeboat:run": "r"},
        "source-server": server("1", false), "copy-server": server("2", false), "restore": "available",
        "canaries-expected": before, "canaries-copy": before, "canaries-source": {"3": "canary 3"},
        "validation": validation("same"),
        "promoted": {"resource_id": "db-B", "canaries": before},
        "swapped-back": {"resource_id": "db-A", "canaries": {"3": "canary 3"}},
        "writes-to-the-copy": {"copy": "copy", "at": "127.0.0.1:5432", "told": {"nobody": "nothing was written"}},
    })
}

fn judged(check: &str, observations: Value, options: Value) -> (Judgement, String) {
    let record = json!({
        "name": "d", "scenario": "rds-pitr", "target": "t", "verdict": "passed", "reason": "",
        "restoration": "clean", "objectives": {}, "options": options,
        "measurements": {"rto": {"not_measured": "not here"}, "rpo": {"not_measured": "not here"}},
        "observations": observations,
    });
    let record: DrillRecord = serde_json::from_value(record).unwrap();
    let checks = crate::find("rds-pitr").unwrap().checks();
    let finding = (checks.iter().find(|found| found.name == check).unwrap().judge)(&record);
    (finding.judgement, finding.message)
}

const AVAILABLE: &str = "the copy became available";
const SERVER: &str = "the copy is another server";
const MOMENT: &str = "the copy is of the moment";
const DATA: &str = "the data is the source's";
const ASKED: &str = "the copy has what was asked for";
const DROPPED: &str = "what the restore did not carry over";
const PROMOTED: &str = "the name served the copy";
const BACK: &str = "the source serves again";
const UNWRITTEN: &str = "nobody wrote to the promoted copy";

#[rstest]
fn a_good_restore_passes(
    #[values(AVAILABLE, SERVER, MOMENT, DATA, ASKED, DROPPED, PROMOTED, BACK, UNWRITTEN)] check: &str,
) {
    let (judgement, message) = judged(check, good(), json!({"promote": true}));
    assert_eq!(judgement, Judgement::Passed, "{check}: {message}");
}

#[test]
fn a_database_without_tables_proves_nothing() {
    let mut seen = good();
    seen["validation"]["tables"] = json!([]);
    let (judgement, message) = judged(DATA, seen, json!({}));
    assert_eq!(judgement, Judgement::Inconclusive, "{message}");
}

#[rstest]
#[case::broken(AVAILABLE, "restore", json!("its status is `incompatible-restore`"), Judgement::Failed, "incompatible")]
#[case::same_server(SERVER, "copy-server", server("1", false), Judgement::Invalid, "the source itself")]
#[case::same_id(SERVER, "copy", instance("copy", "db-A", "own"), Judgement::Invalid, "own resource id db-A")]
#[case::standby(SERVER, "copy-server", server("2", true), Judgement::Failed, "in recovery")]
#[case::of_now(MOMENT, "canaries-copy", json!({"3": "canary 3"}), Judgement::Invalid, "simulated")]
#[case::no_canaries(MOMENT, "canaries-copy", json!(null), Judgement::Failed, "too early")]
#[case::a_row(DATA, "validation", validation("different"), Judgement::Failed, "table public.orders: row (7)")]
#[case::unclear(
    DATA,
    "validation",
    validation("cannot-tell"),
    Judgement::Inconclusive,
    "table public.orders"
)]
#[case::group(
    ASKED,
    "copy-settled",
    instance("copy", "db-B", "default"),
    Judgement::Failed,
    "DBParameterGroupName"
)]
#[case::tag(
    ASKED,
    "asked-tags",
    json!({"lifeboat:run": "other"}),
    Judgement::Failed,
    "tag lifeboat:run is r and not other"
)]
#[case::no_tag(ASKED, "asked-tags", json!({"team": "shop"}), Judgement::Failed, "tag team is none and not shop")]
#[case::retention(
    DROPPED,
    "asked-settings",
    settings("own", 7),
    Judgement::Unasked,
    "BackupRetentionPeriod is 1"
)]
#[case::name_elsewhere(
    PROMOTED,
    "promoted",
    json!({"resource_id": "db-C", "canaries": null}),
    Judgement::Failed,
    "db-C"
)]
#[case::name_only(
    PROMOTED,
    "promoted",
    json!({"resource_id": "db-B", "canaries": {"3": "canary 3"}}),
    Judgement::Invalid,
    "simulated"
)]
#[case::not_back(BACK, "swapped-back-error", json!("waited"), Judgement::Failed, "did not serve the source")]
#[case::writers(PROMOTED, "not-promoted", json!("somebody wrote"), Judgement::Failed, "somebody wrote")]
#[case::perhaps_writers(PROMOTED, "promotion-unclear", json!("busy"), Judgement::Inconclusive, "busy")]
#[case::told_once(UNWRITTEN, "promotion-unclear", json!("busy"), Judgement::Unasked, "not promoted")]
#[case::lost_rows(
    UNWRITTEN,
    "writes-to-the-copy",
    json!({"copy": "orders-lb", "at": "127.0.0.1:7", "told": {"somebody": "tables were written"}}),
    Judgement::Failed,
    "DB instance `orders-lb` is kept with it at 127.0.0.1:7"
)]
#[case::perhaps_lost_rows(
    UNWRITTEN,
    "writes-to-the-copy",
    json!({"copy": "orders-lb", "at": null, "told": {"unclear": "no answer"}}),
    Judgement::Inconclusive,
    "(no answer); DB instance `orders-lb` is not deleted"
)]
fn what_is_wrong_is_named(
    #[case] check: &str,
    #[case] name: &str,
    #[case] seen: Value,
    #[case] expected: Judgement,
    #[case] words: &str,
) {
    let mut observations = good();
    observations[name] = seen;
    let (judgement, message) = judged(check, observations, json!({"promote": true}));
    assert_eq!(judgement, expected, "{message}");
    assert!(message.contains(words), "{message}");
}

#[rstest]
fn without_a_copy_nothing_passes(
    #[values(AVAILABLE, SERVER, MOMENT, DATA, ASKED, DROPPED, PROMOTED, BACK, UNWRITTEN)] check: &str,
) {
    let (judgement, message) = judged(check, json!({}), json!({"promote": true}));
    assert_eq!(judgement, Judgement::Inconclusive, "{check}: {message}");
    // Available to the control plane, and nobody answers: the recovery is not proved.
    if [SERVER, MOMENT, DATA, ASKED].contains(&check) {
        let unreachable = json!({"copy-server-error": "connection refused"});
        assert_eq!(judged(check, unreachable, json!({})).0, Judgement::Invalid, "{check}");
    }
}
