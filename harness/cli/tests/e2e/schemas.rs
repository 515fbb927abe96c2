//! The committed JSON Schemas: they are those of the code, and take every plan and every file of a run that there is.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};
use toml::Table;

use crate::support::{
    Lab, Process, dynamodb_plan, exhaustion_plan, failover_plan, kept, repository, restore_plan,
    schema_problems, with_tokens,
};

const MINUTE: Duration = Duration::from_secs(60);

/// The committed schema of `plan`, `record` or `events`.
pub fn committed(of: &str) -> PathBuf {
    repository().join(format!("docs/schemas/{of}.schema.json"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn json_of(path: &Path) -> Value {
    serde_json::from_str(&read(path)).expect("JSON")
}

#[rstest]
fn the_committed_one_is_that_of_the_code(#[values("plan", "record", "events")] of: &str) {
    let lab = Lab::new();
    let out = lab.path("out.json");
    let ended = Process::start(&lab, lab.lifeboat().args(["schema", of])).wait(MINUTE);
    Process::start(&lab, lab.lifeboat().args(["schema", of, "--out"]).arg(&out)).wait(MINUTE).expect_code(0);
    assert_eq!(ended.expect_code(0).stdout, read(&out));
    let stale =
        "docs/schemas is not what the code says: run ./ci/schemas.sh, look at the difference, and commit it";
    assert!(json_of(&out) == json_of(&committed(of)), "{of}: {stale}");
}

/// The TOML of a document's fenced blocks.
fn blocks(path: &Path) -> Vec<String> {
    let text = read(path);
    let fenced = text.split("```toml\n").skip(1);
    fenced.map(|block| block.split("```").next().expect("a block").to_owned()).collect()
}

/// An example as a whole plan: sections, drills and keys of targets that it leaves out are there, and keys outside of any
/// section are a restore's.
fn whole(example: &str) -> Table {
    const SECTIONS: [&str; 8] =
        ["environment", "targets", "drills", "safety", "stop_conditions", "notices", "evidence", "controls"];
    let (mut plan, options): (Table, Table) = example
        .parse::<Table>()
        .unwrap_or_else(|error| panic!("{error}: {example}"))
        .into_iter()
        .partition(|(key, _)| SECTIONS.contains(&key.as_str()));
    let usual: Table = restore_plan("rds-pitr", "").parse().expect("TOML");
    for section in ["environment", "targets", "drills"] {
        plan.entry(section).or_insert_with(|| usual[section].clone());
    }
    plan["drills"][0].as_table_mut().expect("a drill").extend(options);
    for (_, target) in plan["targets"].as_table_mut().expect("targets") {
        let target = target.as_table_mut().expect("a target");
        if target["kind"].as_str() == Some("rds-instance") {
            let has_password = ["password_secret", "auth"].iter().any(|key| target.contains_key(*key));
            for (key, value) in usual["targets"]["orders"].as_table().expect("a target") {
                if key != "password" || !has_password {
                    target.entry(key.as_str()).or_insert_with(|| value.clone());
                }
            }
        }
    }
    plan
}

pub fn json_of_plan(plan: &str) -> Value {
    let table = plan.parse::<Table>().unwrap_or_else(|error| panic!("{error}: {plan}"));
    serde_json::to_value(table).expect("JSON")
}

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(repository().join(folder)).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.filter(|path| path.extension().is_some_and(|found| found == extension)).collect()
}

fn all_fit(of: &str, documents: &[(String, Value)]) {
    let values: Vec<Value> = documents.iter().map(|(_, value)| value.clone()).collect();
    for ((name, _), problem) in documents.iter().zip(schema_problems(&committed(of), &values)) {
        assert_eq!(problem, None, "{name}");
    }
}

#[test]
fn every_plan_fits() {
    let mut plans: Vec<(String, Value)> = Vec::new();
    for path in files("drills/plans", "toml") {
        plans.push((path.display().to_string(), json_of_plan(&read(&path))));
    }
    assert!(plans.len() >= 2);
    let documents = files("docs", "md").into_iter().chain([repository().join("README.md")]);
    for (path, block) in
        documents.flat_map(|path| blocks(&path).into_iter().map(move |block| (path.clone(), block)))
    {
        plans.push((
            format!("{}: {block}", path.display()),
            serde_json::to_value(whole(&block)).expect("JSON"),
        ));
    }
    assert!(plans.len() >= 10, "too few examples were found");
    for plan in [
        failover_plan("probe_interval = '10ms'\nnotice = '1.5 s'"),
        kept(&failover_plan("")),
        with_tokens(&failover_plan("")),
        exhaustion_plan("connections = 20\nhold = '500ms'"),
        restore_plan("rds-snapshot-restore", "snapshot = 'fresh'\nmulti_az = true\ncopy_port = '5432'"),
        restore_plan(
            "rds-pitr",
            "keep = true\npromote = true\nwrites_stopped = true\nfallback_classes = ['db.t3.micro']",
        ),
        dynamodb_plan("dynamodb-pitr", "compare = { sample = 5 }\nsettings = 'require'"),
        dynamodb_plan("dynamodb-backup-restore", "compare = 'exact'\ncanary_key = { id = '{run}{n}' }"),
        dynamodb_plan(
            "dynamodb-indexes",
            "indexes = [{ name = 'a', partition_key = 'b', projection = ['c'] }]",
        ),
    ] {
        plans.push((plan.clone(), json_of_plan(&plan)));
    }
    all_fit("plan", &plans);
}

/// Holds the record and the journal of a run against their schemas.
#[track_caller]
pub fn fits(dir: &Path) {
    all_fit("record", &[("record.json".into(), json_of(&dir.join("record.json")))]);
    all_fit("events", &lines_of(&dir.join("journal.jsonl")));
}

fn lines_of(journal: &Path) -> Vec<(String, Value)> {
    let lines = read(journal);
    lines.lines().map(|line| (line.to_owned(), serde_json::from_str(line).expect("JSON"))).collect()
}

#[test]
fn every_kept_file_of_a_run_fits() {
    let journals = ["1-rds-pitr", "1-dynamodb-backup-restore"].map(|name| {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/kept").join(name).join("journal.jsonl")
    });
    for path in journals {
        all_fit("events", &lines_of(&path));
    }
    let records = files("reports/tests/old", "json");
    assert!(!records.is_empty());
    for path in records {
        all_fit("record", &[(path.display().to_string(), json_of(&path))]);
    }
}

#[rstest]
#[case::missing("/verdict", None)]
#[case::of_a_drill("/drills/0/measurements/rto/lower_s", None)]
#[case::another_word("/verdict", Some(json!("good")))]
#[case::another_type("/drills/0/steps/0/start_s", Some(json!("1")))]
#[case::no_time("/started_at", Some(json!("yesterday")))]
#[case::another_major_version("/schema", Some(json!("lifeboat.record/2")))]
fn a_damaged_record_does_not_fit(#[case] place: &str, #[case] value: Option<Value>) {
    let mut record = json_of(&repository().join("reports/tests/old/record-1.json"));
    let (above, key) = place.rsplit_once('/').expect("a path");
    let holder = record.pointer_mut(above).and_then(Value::as_object_mut).expect("an object");
    assert!(holder.contains_key(key), "{place}");
    match value {
        Some(value) => holder.insert(key.into(), value),
        None => holder.remove(key),
    };
    assert_ne!(schema_problems(&committed("record"), &[record]), [None], "{place}");
}

/// Fields and streams of a newer minor version are no damage.
#[test]
fn a_record_of_a_newer_minor_version_fits() {
    let mut record = json_of(&repository().join("reports/tests/old/record-1.json"));
    record["schema"] = json!("lifeboat.record/1.3");
    record["weather"] = json!("clear");
    record["drills"][0]["lanes"][0]["stream"] = json!("smoke");
    all_fit("record", &[("a newer one".into(), record)]);
}
