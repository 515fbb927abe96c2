//! The checks of a restore: each passes on what is right and not on what is wrong.

use lifeboat_model::Judgement::{Failed, Inconclusive, Invalid, Passed};
use lifeboat_model::{DrillRecord, Judgement};
use rstest::rstest;
use serde_json::{Value, json};

use super::checks::checks;
use super::proof::seen_of;

const RESTORED: &str = "the restore is done";
const MOMENT: &str = "the copy is of the chosen moment";
const ITEMS: &str = "the copy holds the source's items";
const DESIGN: &str = "the copy has the source's keys and indexes";
const SETTINGS: &str = "settings that a restore drops";
const SOURCE: &str = "the source is as it was";

const NOW: [Option<&str>; 5] = [Some("v"), Some("destroyed"), None, Some("v"), Some("v")];
const ASKED: [Option<&str>; 5] = [Some("v"), Some("v"), Some("v"), None, None];

fn table(name: &str) -> Value {
    json!({
        "name": name, "id": "1", "arn": "", "status": "ACTIVE", "created_at": null,
        "key": { "partition": "id", "sort": null }, "attributes": { "id": "S" }, "billing": "PAY_PER_REQUEST",
        "indexes": [{
            "name": "by-status", "global": true, "key": { "partition": "status", "sort": null },
            "projection": "ALL", "include": [], "status": "ACTIVE",
        }],
        "stream": null, "protected": false, "class": null, "encryption": null, "restore": null,
    })
}

fn record(copy: [Option<&str>; 5], more: Value) -> DrillRecord {
    let mut seen: Value = seen_of(copy, NOW).into_iter().collect();
    seen["table-before"] = table("orders");
    seen["table-after"] = table("orders");
    seen["copy"] = table("copy");
    for (name, value) in more.as_object().expect("observations") {
        seen[name] = value.clone();
    }
    let record = json!({
        "name": "d", "scenario": "dynamodb-pitr", "target": "t", "verdict": "passed", "reason": "",
        "restoration": "clean", "objectives": {},
        "measurements": { "rto": { "not_measured": "not here" }, "rpo": { "not_measured": "not here" } },
        "observations": seen,
    });
    serde_json::from_value(record).expect("a record")
}

fn judged(record: &DrillRecord, check: &str) -> (Judgement, String) {
    let checks = checks();
    let check = checks.iter().find(|known| known.name == check).expect(check);
    let finding = (check.judge)(record);
    (finding.judgement, finding.message)
}

#[rstest]
#[case::healthy(ASKED, json!({}), Passed)]
#[case::late_but_real(ASKED, json!({"not-restorable": "waited"}), Passed)]
#[case::accepted_outside_its_window(NOW, json!({"not-restorable": "waited"}), Invalid)]
#[case::refused(ASKED, json!({"restore-refused": "off"}), Failed)]
#[case::refused_outside_its_window(ASKED, json!({"not-restorable": "waited", "restore-refused": "no"}), Failed)]
#[case::without_an_end(ASKED, json!({"gave-up": "status CREATING"}), Failed)]
fn whether_it_was_restored(
    #[case] copy: [Option<&str>; 5],
    #[case] more: Value,
    #[case] expected: Judgement,
) {
    let (judgement, message) = judged(&record(copy, more), RESTORED);
    assert_eq!(judgement, expected, "{message}");
    assert!(message.contains("orders"), "{message}");
}

#[rstest]
#[case(ASKED, Passed)]
#[case(NOW, Invalid)]
#[case([None; 5], Failed)]
fn which_moment_it_is_of(#[case] copy: [Option<&str>; 5], #[case] expected: Judgement) {
    assert_eq!(judged(&record(copy, json!({})), MOMENT).0, expected);
}

fn comparison(differences: u64, unsettled: u64) -> Value {
    json!({
        "items_source": 9, "items_copy": 8, "ignored": 0, "differences": differences, "complete": true,
        "unsettled": unsettled, "examples": [{ "key": "id = \"a\"", "difference": "missing" }], "sampled": null,
        "throttled": 0, "readings": 1, "seconds": 0.1,
    })
}

#[rstest]
#[case::equal(json!({"comparison": comparison(0, 0)}), Passed)]
#[case::different(json!({"comparison": comparison(1, 0), "quiet": true}), Failed)]
#[case::perhaps_written_to(json!({"comparison": comparison(1, 0), "quiet": false}), Inconclusive)]
#[case::being_written_to(json!({"comparison": comparison(0, 1), "quiet": true}), Inconclusive)]
#[case::enough(json!({"comparison": comparison(1, 0), "compare": {"at_least": 8}}), Passed)]
#[case::too_few(json!({"comparison": comparison(0, 0), "compare": {"at_least": 9}}), Failed)]
#[case::not_compared(json!({"comparison-error": "throttled"}), Inconclusive)]
fn whether_the_items_are_the_same(#[case] more: Value, #[case] expected: Judgement) {
    let (judgement, message) = judged(&record(ASKED, more.clone()), ITEMS);
    assert_eq!(judgement, expected, "{message}");
    if message.contains("differ") {
        assert!(message.contains("{id = \"a\"} is missing in the copy"), "{message}");
    }
    // Of a copy that was not restored nothing is said.
    assert_eq!(judged(&record(NOW, more), ITEMS).0, Inconclusive);
}

/// What only the copy has may have expired in a source with a time to live; what it lacks has not.
#[rstest]
#[case("extra", Some("expires"), Inconclusive)]
#[case("extra", None, Failed)]
#[case("missing", Some("expires"), Failed)]
fn items_that_may_have_expired(
    #[case] difference: &str,
    #[case] ttl: Option<&str>,
    #[case] expected: Judgement,
) {
    let mut comparison = comparison(1, 0);
    comparison["examples"][0]["difference"] = json!(difference);
    let seen = json!({ "comparison": comparison, "quiet": true, "settings-before": settings_of(ttl) });
    let (judgement, message) = judged(&record(ASKED, seen), ITEMS);
    assert_eq!(judgement, expected, "{message}");
}

#[rstest]
#[case("/key/partition", json!("pk"), "its key is")]
#[case("/billing", json!("PROVISIONED"), "PROVISIONED")]
#[case("/indexes", json!([]), "lacks the index `by-status`")]
#[case("/indexes/0/projection", json!("KEYS_ONLY"), "its index `by-status`")]
#[case("/indexes/0/key/partition", json!("state"), "its index `by-status`")]
#[case("/indexes/0/status", json!("CREATING"), "`by-status` is CREATING")]
#[case("/indexes/0/name", json!("other"), "has the index `other`")]
#[case("/attributes", json!({"id": "N"}), "types of its key attributes")]
#[case("/encryption", json!("arn:key"), "encrypted")]
fn a_copy_of_another_design(#[case] at: &str, #[case] value: Value, #[case] why: &str) {
    let mut copy = table("copy");
    assert_eq!(judged(&record(ASKED, json!({ "copy": copy })), DESIGN).0, Passed);
    *copy.pointer_mut(at).expect(at) = value;
    let (judgement, message) = judged(&record(ASKED, json!({ "copy": copy })), DESIGN);
    assert_eq!(judgement, Failed);
    assert!(message.contains(why), "{message}");
}

fn settings_of(ttl: Option<&str>) -> Value {
    json!({
        "time_to_live": ttl, "stream": null, "tags": { "lifeboat:drill": "allowed" }, "recovery_days": null,
        "protected": false, "class": null,
    })
}

#[rstest]
#[case::kept(Some("expires"), json!({}), Passed)]
#[case::dropped(None, json!({}), Passed)]
#[case::dropped_and_required(None, json!({"settings-rule": "require"}), Failed)]
#[case::put_back(
    None,
    json!({"settings-rule": "require", "settings-put-back": settings_of(Some("expires"))}),
    Passed
)]
#[case::not_put_back(None, json!({"put-back-error": "refused"}), Failed)]
fn what_the_copy_lacks(#[case] copy: Option<&str>, #[case] more: Value, #[case] expected: Judgement) {
    let mut seen = more;
    seen["settings-before"] = settings_of(Some("expires"));
    let mut of_copy = settings_of(copy);
    // The tags of this tool are not wanted on the copy.
    of_copy["tags"] = json!({});
    seen["settings-of-copy"] = of_copy;
    let (judgement, message) = judged(&record(ASKED, seen), SETTINGS);
    assert_eq!(judgement, expected, "{message}");
}

#[test]
fn a_source_that_is_another_or_lost_a_setting_fails() {
    let was = settings_of(Some("expires"));
    let look = |more: Value| judged(&record(ASKED, more), SOURCE);
    assert_eq!(look(json!({"settings-before": was, "settings-after": was})).0, Passed);
    assert_eq!(look(json!({"settings-before": was})).0, Inconclusive);
    let (judgement, message) = look(json!({"settings-before": was, "settings-after": settings_of(None)}));
    assert_eq!(judgement, Failed);
    assert!(message.contains("time to live was expires and is off"), "{message}");
    let mut other = table("orders");
    other["id"] = json!("2");
    let (judgement, _) = look(json!({"table-after": other, "settings-before": was, "settings-after": was}));
    assert_eq!(judgement, Failed);
}
