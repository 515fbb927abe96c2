//! Records of earlier versions, as they were written: every format can be made of each. Nothing under `old/` is ever changed;
//! a version that writes another format adds a file of its own. What was of a machine in them is `/kept`.

use lifeboat_model::RunRecord;

#[test]
fn every_format_can_be_made_of_them() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/old");
    let mut read = 0;
    for entry in std::fs::read_dir(folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("a record");
        let record: RunRecord =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let html = String::from_utf8(lifeboat_reports::html(&record).expect("a page")).expect("UTF-8");
        let others = [
            lifeboat_reports::markdown(&record),
            lifeboat_reports::openmetrics(&record),
            lifeboat_reports::summary(&record),
            String::from_utf8(lifeboat_reports::junit(&record).expect("XML")).expect("UTF-8"),
            html,
        ];
        assert!(lifeboat_reports::badge(&record).expect("a badge").contains(record.verdict.name()));
        for drill in &record.drills {
            for text in &others {
                assert!(text.contains(&drill.name), "{} is not in {text}", drill.name);
            }
        }
        assert_eq!(lifeboat_reports::verdict(&record).drills.len(), record.drills.len());
        read += 1;
    }
    assert!(read > 0, "there is no old record");
}
