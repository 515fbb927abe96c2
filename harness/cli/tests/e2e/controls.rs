//! `lifeboat controls`: what runs evidence of the controls that their plans name, and what they do not.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{
    Ended, External, Lab, PLAIN_SEED, Process, Run, exhaustion_plan, oscal_problems, repository,
};

const MINUTE: Duration = Duration::from_secs(60);

fn controls(lab: &Lab, arguments: &[&str]) -> Ended {
    let mut command = lab.lifeboat();
    command.arg("controls").args(arguments);
    Process::start(lab, &mut command).wait(MINUTE)
}

/// A kept run of the sandbox as if it had been on a real system, then, with a control on its first drill.
fn real(lab: &Lab, folder: &str, run_id: &str, began: &str) -> PathBuf {
    let text =
        std::fs::read_to_string(repository().join("reports/tests/old/record-1.json")).expect("a record");
    let mut record: Value = serde_json::from_str(&text).expect("JSON");
    record["run_id"] = run_id.into();
    record["started_at"] = began.into();
    record["ended_at"] = began.into();
    record["environment"]["simulated"] = false.into();
    record["controls"] = json!([{ "id": "soc2:A1.2", "period_days": 35 }]);
    record["drills"][0]["controls"] = json!(["soc2:A1.2"]);
    write(lab, folder, &record)
}

fn write(lab: &Lab, folder: &str, record: &Value) -> PathBuf {
    let dir = lab.path(folder);
    std::fs::create_dir_all(&dir).expect("a folder");
    std::fs::write(dir.join("record.json"), record.to_string()).expect("written");
    dir
}

fn read(dir: &Path, file: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(dir.join(file)).expect(file)).expect("JSON")
}

#[test]
fn a_run_against_the_sandbox_evidences_none_of_the_controls_that_its_plan_names() {
    let lab = Lab::new();
    let sandbox = External::start(&lab, PLAIN_SEED);
    let options = "hold = '500ms'\nstable_for = '500ms'\ncontrols = [\"soc2:A1.2\", \"nist-800-53:cp-10\"]\n\
                   [controls]\nperiod = \"35d\"\n[controls.periods]\n\"soc2:A1.2\" = \"95d\"";
    let plan = lab.write("plan.toml", &exhaustion_plan(options));
    let mut command = lab.lifeboat();
    command.envs(&sandbox.exports).arg("run").arg(plan).args(["--confirm", &sandbox.plain_address()]);
    let run = Run::of(&lab, command, "runs/one");
    let dir = run.dir.clone();
    run.finish(MINUTE).0.expect_code(0);
    sandbox.stop(&lab);
    let record = read(&dir, "record.json");
    assert_eq!(record["drills"][0]["controls"], json!(["soc2:A1.2", "nist-800-53:cp-10"]));
    let named =
        json!([{ "id": "nist-800-53:cp-10", "period_days": 35 }, { "id": "soc2:A1.2", "period_days": 95 }]);
    assert_eq!(record["controls"], named);
    // The same offline.
    Process::start(&lab, lab.lifeboat().arg("judge").arg(&dir)).wait(MINUTE).expect_code(0);
    for (file, text) in
        [("report.html", "evidences none"), ("report.md", "evidences none"), ("junit.xml", "evidences none")]
    {
        assert!(std::fs::read_to_string(dir.join(file)).expect(file).contains(text), "{file}");
    }
    for format in ["markdown", "csv", "oscal"] {
        let said = controls(&lab, &["runs", "--format", format, "--fail-on-gap"]);
        said.expect_code(100)
            .expect_stderr(&["evidence is missing for nist-800-53:cp-10, soc2:A1.2", "not verified"]);
        assert!(said.stdout.to_lowercase().contains("simulated"), "{said}");
    }
    controls(&lab, &["runs"]).expect_code(0);
    let out = lab.path("oscal.json");
    controls(&lab, &["runs", "--format", "oscal", "--out", out.to_str().expect("UTF-8")]).expect_code(0);
    assert_eq!(oscal_problems(&out), "");
}

#[test]
fn runs_on_a_real_system_do_for_so_long_as_the_plan_says() {
    let lab = Lab::new();
    let one = real(&lab, "runs/one", "20260901-020000-aaaaaa", "2026-09-01T02:00:00Z");
    real(&lab, "runs/two", "20261001-020000-bbbbbb", "2026-10-01T02:00:00Z");
    // Neither a history beside them nor a run that was killed is in the way, and the latter is named.
    lab.write("runs/history.jsonl", "");
    std::fs::create_dir(lab.path("runs/killed")).expect("a folder");
    lab.write("runs/killed/journal.jsonl", "");
    let said = controls(&lab, &["runs", "--at", "2026-11-04", "--fail-on-gap"]);
    said.expect_code(0).expect_stderr(&["killed", "is not counted"]);
    assert!(said.stdout.contains("✓ evidence") && said.stdout.contains("✓ nowhere"), "{said}");
    let said = controls(&lab, &["runs", "--at", "2026-11-05", "--fail-on-gap"]);
    said.expect_code(100).expect_stderr(&["evidence is missing for soc2:A1.2"]);
    assert!(said.stdout.contains("no evidence for 35 days 22 h, since run 20261001-020000-bbbbbb"), "{said}");
    // The same run twice is one; a file instead of standard output.
    let out = lab.path("controls.csv");
    let out = out.to_str().expect("UTF-8");
    let both = ["runs", one.to_str().expect("UTF-8"), "--at", "2026-11-04", "--format", "csv", "--out", out];
    assert_eq!(controls(&lab, &both).expect_code(0).stdout, "");
    let text = std::fs::read_to_string(out).expect("the file");
    assert_eq!((text.lines().count(), text.matches("\"yes\"").count()), (3, 2), "{text}");
    let said = controls(&lab, &["runs", "--at", "2026-11-04", "--format", "oscal"]);
    let document: Value = serde_json::from_str(&said.expect_code(0).stdout).expect("JSON");
    assert_eq!(document["assessment-results"]["results"].as_array().map(Vec::len), Some(3), "{said}");
}

/// With a key, what is not signed with it counts for nothing.
#[test]
fn a_run_without_a_signature_is_no_evidence_for_who_has_a_key() {
    let lab = Lab::new();
    real(&lab, "one", "20261001-020000-bbbbbb", "2026-10-01T02:00:00Z");
    let keygen = Process::start(&lab, lab.lifeboat().args(["keygen", "--out", "drill.key"])).wait(MINUTE);
    keygen.expect_code(0);
    controls(&lab, &["one", "--at", "2026-10-02", "--fail-on-gap"]).expect_code(0);
    let said = controls(&lab, &["one", "--at", "2026-10-02", "--fail-on-gap", "--key", "drill.pub"]);
    said.expect_code(100);
    assert!(said.stdout.contains("not verified") && !said.stdout.contains("✓ evidence"), "{said}");
}

#[test]
fn what_cannot_be_counted_is_refused() {
    let lab = Lab::new();
    let one = real(&lab, "one", "20260901-020000-aaaaaa", "2026-09-01T02:00:00Z");
    let refused = |arguments: &[&str], parts: &[&str]| {
        let said = controls(&lab, arguments);
        said.expect_code(2).expect_stderr(parts);
        assert_eq!(said.stdout, "", "{said}");
    };
    refused(&["nowhere"], &["nowhere", "No such file"]);
    std::fs::create_dir(lab.path("empty")).expect("a folder");
    refused(&["empty"], &["empty is no run's folder, and holds none"]);
    std::fs::create_dir(lab.path("killed")).expect("a folder");
    lab.write("killed/journal.jsonl", "");
    refused(&["killed"], &["record.json", "lifeboat judge"]);
    refused(&["one", "--at", "30.11.2026"], &["no day like 2026-11-30"]);
    refused(&["one", "--at", "2026-08-31"], &["no run ended before", "--at"]);
    let mut record = read(&one, "record.json");
    record["drills"][0]["verdict"] = "failed".into();
    write(&lab, "two", &record);
    refused(&["one", "two"], &["the same run, 20260901-020000-aaaaaa, and differ"]);
    record["drills"][0]["controls"] = json!([]);
    record["controls"] = json!([]);
    write(&lab, "three", &record);
    refused(&["three"], &["none of 1 runs names a control", "controls = [\"soc2:A1.2\"]"]);
}

#[rstest]
#[case::no_framework("controls = ['A1.2']", &["[[drills]] number 1", "`A1.2` is no control"])]
#[case::twice("controls = ['soc2:A1.2', 'soc2:A1.2']", &["[[drills]] number 1", "twice"])]
#[case::a_variable("controls = ['${HOME}']", &["[[drills]] number 1", "is no control"])]
#[case::no_list("controls = 'soc2:A1.2'", &["[[drills]] number 1", "controls"])]
#[case::a_period_in_hours("controls = ['soc2:A1.2']\n[controls]\nperiod = '800h'", &["[controls]", "whole days"])]
#[case::a_period_for_no_drill("[controls.periods]\n'soc2:A1.2' = '35d'", &["[controls.periods]", "no drill names"])]
fn a_plan_that_names_them_wrongly_is_refused(#[case] options: &str, #[case] parts: &[&str]) {
    let lab = Lab::new();
    let plan = exhaustion_plan(options).replace("${LIFEBOAT_SANDBOX_PLAIN_PORT}", "1");
    let plan = lab.write("plan.toml", &plan);
    let mut command = lab.lifeboat();
    for name in ["LIFEBOAT_SANDBOX_PLAIN_HOST", "LIFEBOAT_SANDBOX_PASSWORD", "AWS_ENDPOINT_URL"] {
        command.env(name, "http://127.0.0.1:9");
    }
    let said = Process::start(&lab, command.arg("run").arg(plan)).wait(MINUTE);
    said.expect_code(2).expect_stderr(parts);
}
