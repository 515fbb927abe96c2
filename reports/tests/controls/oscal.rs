//! What compliance-trestle says of the OSCAL documents.

use std::path::{Path, PathBuf};
use std::process::Command;

use lifeboat_reports::{controls_oscal, matrix};
use serde_json::Value;
use time::Duration;

use crate::runs::{UNTIL, passed, quarter, seen};
use crate::support::python;

/// What is wrong with each of these documents; nothing of one that is valid.
pub fn problems(name: &str, documents: &[String]) -> Vec<String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("oscal-{name}"));
    std::fs::create_dir_all(&folder).expect("a folder");
    let paths: Vec<PathBuf> =
        (0..documents.len()).map(|number| folder.join(format!("{number}.json"))).collect();
    for (path, text) in paths.iter().zip(documents) {
        std::fs::write(path, text).expect("written");
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/controls/validate.py");
    let output = Command::new(python()).arg(script).args(&paths).output().expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    let lines: Vec<String> = said.lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), documents.len(), "{said}");
    lines
}

#[test]
fn trestle_takes_it_with_gaps_and_without_and_refuses_what_is_wrong() {
    let with = controls_oscal(&matrix(&quarter(), UNTIL), UNTIL).expect("a document");
    let runs = [seen(passed(UNTIL - Duration::days(1)))];
    let without = controls_oscal(&matrix(&runs, UNTIL), UNTIL).expect("a document");
    assert!(with.contains("findings") && !without.contains("findings"), "{without}");
    // The checker finds what it looks for.
    let document: Value = serde_json::from_str(&without).expect("JSON");
    let changed = |at: &str, to: &str| {
        let mut other = document.clone();
        *other.pointer_mut(at).expect(at) = to.into();
        other.to_string()
    };
    let id = document.pointer("/assessment-results/results/0/uuid").and_then(Value::as_str).expect("it");
    let selection = "/assessment-results/results/0/reviewed-controls/control-selections/0";
    let documents = [
        with,
        without.clone(),
        changed("/assessment-results/metadata/title", "another"),
        changed("/assessment-results/uuid", "5f1ff8c0-0000-5000-8000-00000000000"),
        changed("/assessment-results/results/0/uuid", "not one"),
        changed(&format!("{selection}/include-controls/0/control-id"), "soc2:A1.2"),
        changed(&format!("{selection}/props/0/value"), " "),
        changed("/assessment-results/results/0/observations/0/collected", "yesterday"),
        // One UUID for two things.
        changed("/assessment-results/uuid", id),
    ];
    let said = problems("whole", &documents);
    for (number, problem) in said.iter().enumerate() {
        assert_eq!(problem.is_empty(), number < 3, "{number}: {problem}");
    }
}

#[test]
fn a_simulated_run_reviewed_no_control() {
    let mut run = passed(UNTIL - Duration::days(1));
    run.environment.simulated = true;
    let runs = [seen(run)];
    let text = controls_oscal(&matrix(&runs, UNTIL), UNTIL).expect("a document");
    assert_eq!(problems("simulated", std::slice::from_ref(&text)), [""]);
    let document: Value = serde_json::from_str(&text).expect("JSON");
    let results = document["assessment-results"]["results"].as_array().expect("results");
    assert_eq!(results.len(), 1, "{text}");
    assert_eq!(results[0]["findings"][0]["target"]["status"]["state"], "not-satisfied");
    assert!(!text.contains("\"satisfied\"") && !text.contains("observations"), "{text}");
}

#[test]
fn the_same_runs_give_the_same_document_and_others_another() {
    let of =
        |runs: &[lifeboat_reports::SeenRun]| controls_oscal(&matrix(runs, UNTIL), UNTIL).expect("a document");
    let (one, again) = (of(&quarter()), of(&quarter()));
    assert_eq!(one, again);
    let id = |text: &str| {
        let document: Value = serde_json::from_str(text).expect("JSON");
        document["assessment-results"]["uuid"].as_str().expect("an id").to_owned()
    };
    let mut other = quarter();
    other[1].record.drills[0].reason.push('!');
    assert_ne!(id(&one), id(&of(&other)));
}

#[test]
fn when_it_is_made_changes_that_and_no_uuid() {
    let runs = quarter();
    let made = |at| controls_oscal(&matrix(&runs, UNTIL), at).expect("a document");
    let (one, later) = (made(UNTIL), made(UNTIL + Duration::days(1)));
    assert_ne!(one, later);
    assert_eq!(one, later.replace("\"last-modified\": \"2026-12-02", "\"last-modified\": \"2026-12-01"));
}

/// No plan has them; a record that was written by hand may.
#[test]
fn two_drills_of_one_name_are_two_observations() {
    let mut run = passed(UNTIL - Duration::days(1));
    run.drills[0].controls.push(crate::runs::CONTROL.into());
    run.drills.push(run.drills[0].clone());
    let text = controls_oscal(&matrix(&[seen(run)], UNTIL), UNTIL).expect("a document");
    assert_eq!(problems("twice", std::slice::from_ref(&text)), [""]);
    assert_eq!(text.matches("\"collected\"").count(), 2, "{text}");
}

#[test]
fn no_control_is_no_document() {
    assert!(controls_oscal(&matrix(&[], UNTIL), UNTIL).is_err());
}
