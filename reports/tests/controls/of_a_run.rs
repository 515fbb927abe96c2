//! What the reports of a run say of its drills' controls.

use lifeboat_model::RunRecord;

use crate::runs::real;
use crate::support::{one_of, one_of_each};

fn all(record: &RunRecord) -> [String; 3] {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    [
        text(lifeboat_reports::html(record).expect("a page")),
        lifeboat_reports::markdown(record),
        text(lifeboat_reports::junit(record).expect("XML")),
    ]
}

#[test]
fn only_what_evidences_says_so() {
    for drill in one_of_each().drills {
        let record = real(one_of(drill.clone()));
        for text in all(&record) {
            assert_eq!(text.contains("evidences soc2:A1.2"), drill.name == "passed", "{text}");
            assert_eq!(text.contains("evidences none"), drill.name != "passed", "{text}");
        }
        let mut simulated = record;
        simulated.environment.simulated = true;
        for text in all(&simulated) {
            assert!(
                !text.contains("evidences soc2") && text.contains("a simulated run evidences no control"),
                "{text}"
            );
        }
        for text in all(&one_of(drill)) {
            assert!(!text.contains("evidences") && !text.contains("soc2"), "{text}");
        }
    }
}

/// A drill that passed and is no evidence has a testcase that says so, and is no failure.
#[test]
fn junit_skips_what_is_no_evidence() {
    let mut record = real(one_of(one_of_each().drills.remove(0)));
    let junit = |record: &RunRecord| all(record)[2].clone();
    assert!(
        junit(&record).contains("name=\"passed/controls\"") && !junit(&record).contains("evidences none")
    );
    let skipped = junit(&record).matches("<skipped").count();
    record.environment.simulated = true;
    assert_eq!(junit(&record).matches("<skipped").count(), skipped + 1);
    assert!(!junit(&record).contains("<failure") && !junit(&record).contains("<error"));
}
