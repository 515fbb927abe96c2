//! What is signed of a run of each verdict, and what differs between runs.

mod support;

use lifeboat_model::{FileDigest, Restoration, Verdict};
use lifeboat_reports::{Link, Statement, diff_text};

use support::{one_of, one_of_each};

fn files() -> Vec<FileDigest> {
    let file = |name: &str| FileDigest { name: name.into(), sha256: "00".repeat(32), bytes: 12 };
    ["record.json", "plan.json", "journal.jsonl", "ledger.jsonl"].map(file).into()
}

#[test]
fn statement_of_every_verdict() {
    let previous = Link { run_id: "20261101-020000-0a0b0c".into(), sha256: "11".repeat(32) };
    let statement = Statement::of_run(&one_of_each(), &files(), Some(previous));
    insta::assert_json_snapshot!(statement);
}

/// Who looks at the result alone must not take anything else for a good run.
#[test]
fn only_a_run_that_passed_and_was_put_back_is_passed() {
    for drill in one_of_each().drills {
        let good = (drill.verdict, drill.restoration) == (Verdict::Passed, Restoration::Clean);
        let name = drill.name.clone();
        let statement = Statement::of_run(&one_of(drill), &files(), None);
        assert_eq!(statement.predicate.result == "PASSED", good, "{name}");
        let shown = matches!(name.as_str(), "passed" | "residue");
        assert_eq!(!statement.predicate.passed_tests.is_empty(), shown, "{name}");
    }
}

#[test]
fn what_differs_is_named_and_nothing_else() {
    let before = one_of_each();
    assert!(diff_text(&before, &before).contains("no difference"));
    let mut after = before.clone();
    after.run_id = "20261121-110203-a1b2c3".into();
    after.environment.simulated = false;
    after.drills[0].objectives.rto_s = Some(60.0);
    after.drills[0].verdict = Verdict::Failed;
    after.drills[0].checks.pop();
    after.drills[1].options = serde_json::json!({ "stable_for": "5s\u{1b}[31m" });
    after.drills.remove(2);
    insta::assert_snapshot!(diff_text(&before, &after));
}
