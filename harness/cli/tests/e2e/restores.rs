//! Restores of DB instances: healthy ones pass and leave nothing, also where answers are lost or refused for a while, and
//! what must not be done is refused.

use std::time::Duration;

use rstest::rstest;
use serde_json::Value;

use crate::support::{
    BACKED_UP_SEED, Ended, External, Held, Lab, Process, Record, Run, Signal, restore_plan, rows, snapshot,
    without_docker,
};

pub const LIMIT: Duration = Duration::from_secs(150);

/// A sandbox with one instance, as it was before a run.
pub struct Scene {
    pub lab: Lab,
    pub sandbox: External,
    before: Value,
}

impl Scene {
    pub fn new() -> Self {
        Self::on("native", BACKED_UP_SEED)
    }

    pub fn on(runtime: &str, seed: &str) -> Self {
        let lab = Lab::new();
        let sandbox = External::start_on(&lab, seed, runtime);
        let before = snapshot(&sandbox).expect("a snapshot");
        Self { lab, sandbox, before }
    }

    pub fn run(&self, scenario: &str, options: &str) -> (Ended, Record) {
        let run = Run::start(&self.lab, &self.sandbox, &restore_plan(scenario, options), &[]);
        run.finish(LIMIT)
    }

    /// The names of the instances that there are.
    pub fn instances(&self) -> Vec<String> {
        let inventory = self.sandbox.inventory();
        inventory["instances"].as_object().expect("a map").keys().cloned().collect()
    }

    /// The sandbox and its data are as before, and the sandbox cleans up after itself.
    pub fn ends_as_it_was(self) {
        assert_eq!(snapshot(&self.sandbox).expect("a snapshot"), self.before);
        self.sandbox.stop(&self.lab);
    }
}

pub fn check<'a>(record: &'a Record, name: &str) -> &'a Value {
    let checks = record.drill()["checks"].as_array().expect("checks");
    checks
        .iter()
        .find(|check| check["name"] == name)
        .unwrap_or_else(|| panic!("no check `{name}`: {checks:?}"))
}

pub fn figure<'a>(record: &'a Record, name: &str) -> &'a Value {
    let figures = record.drill()["measurements"]["figures"].as_array().expect("figures");
    let found = figures.iter().find(|figure| figure["name"] == name);
    &found.unwrap_or_else(|| panic!("no figure `{name}`: {figures:?}"))["value"]
}

fn number(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap_or_else(|| panic!("{key} of {value}"))
}

#[rstest]
fn a_restore_to_a_moment_passes(#[values("native", "docker")] runtime: &str) {
    if runtime == "docker"
        && let Some(reason) = without_docker()
    {
        println!("skipped: {reason}");
        return;
    }
    let scene = Scene::on(runtime, BACKED_UP_SEED);
    let (ended, record) = scene.run("rds-pitr", "rpo = \"60s\"");
    record.expect("passed", "clean", &[]);
    ended.expect_code(0);
    let measured = &record.drill()["measurements"];
    let rto = &measured["rto"];
    assert!(number(rto, "lower_s") <= number(rto, "upper_s") && number(rto, "upper_s") > 0.0, "{rto}");
    let parts = [
        "disaster to restorable",
        "restore call to available",
        "available to first query",
        "first query to verified",
    ];
    let sum: f64 = parts.iter().map(|part| figure(&record, part).as_f64().expect("seconds")).sum();
    // Between the parts are the restore's own steps.
    assert!(sum <= number(rto, "upper_s") && sum > 0.0, "{sum} of {rto}");
    let rpo = &measured["rpo"];
    assert!(number(rpo, "lower_s") >= 0.0 && number(rpo, "lower_s") <= number(rpo, "upper_s"), "{rpo}");
    assert!(figure(&record, "tables compared").as_u64().is_some_and(|count| count == 3));
    assert!(check(&record, "the copy is of the moment")["message"].to_string().contains("all 4 canaries"));
    let created = record.drill()["created"].to_string();
    assert!(created.contains("db-instance: orders-lb-"), "{created}");
    scene.ends_as_it_was();
}

#[rstest]
#[case::fresh("snapshot = \"fresh\"", "not_measured")]
#[case::latest_automated("", "upper_s")]
fn a_restore_from_a_snapshot_passes(#[case] options: &str, #[case] rpo: &str) {
    let scene = Scene::new();
    let (ended, record) = scene.run("rds-snapshot-restore", options);
    record.expect("passed", "clean", &[]);
    ended.expect_code(0);
    assert!(!record.drill()["measurements"]["rpo"][rpo].is_null(), "{}", record.drill()["measurements"]);
    assert!(number(&record.drill()["measurements"]["rto"], "upper_s") > 0.0);
    scene.ends_as_it_was();
}

#[test]
fn a_kept_copy_stays_and_is_nobodys_but_its_owners() {
    let scene = Scene::new();
    let (ended, record) = scene.run("rds-pitr", "keep = true");
    record.expect("passed", "clean", &[]);
    ended.expect_code(0);
    let kept = figure(&record, "copy kept as").as_str().expect("a name").to_owned();
    assert_eq!(scene.instances(), ["orders".to_owned(), kept.clone()]);
    let tags = scene.sandbox.inventory()["instances"][&kept]["tags"].to_string();
    assert!(!tags.contains("lifeboat:"), "{tags}");
    let query =
        "SELECT count(*) FROM orders; SELECT nspname FROM pg_namespace WHERE nspname LIKE 'lifeboat%'";
    assert_eq!(rows(&scene.sandbox.database(&kept), query).expect("an answer"), ["1000"]);
    scene.sandbox.stop(&scene.lab);
}

#[rstest]
#[case::backups_off(
    "rds-pitr",
    "",
    "backup_retention = 7",
    "backup_retention = 0",
    4,
    "automated backups are off (BackupRetentionPeriod = 0)"
)]
#[case::no_automated_snapshot(
    "rds-snapshot-restore",
    "",
    "backup_retention = 7",
    "backup_retention = 0",
    4,
    "does not have an automated snapshot"
)]
#[case::not_released(
    "rds-pitr",
    "",
    "\"lifeboat:drill\" = \"allowed\", ",
    "",
    101,
    "`orders` is not released for drills"
)]
fn what_must_not_be_restored_is_left_alone(
    #[case] scenario: &str,
    #[case] options: &str,
    #[case] from: &str,
    #[case] to: &str,
    #[case] code: i32,
    #[case] reason: &str,
) {
    let scene = Scene::on("native", &BACKED_UP_SEED.replace(from, to));
    let (ended, record) = scene.run(scenario, options);
    ended.expect_code(code);
    assert!(record.drill()["reason"].as_str().is_some_and(|why| why.contains(reason)), "{ended}");
    let calls = scene.sandbox.calls();
    assert!(!calls.iter().any(|(action, _)| action.starts_with("Restore")), "{calls:?}");
    scene.ends_as_it_was();
}

#[rstest]
#[case::without_writes_stopped("promote = true", "", "writes_stopped = true")]
#[case::in_production("promote = true\nwrites_stopped = true", "production = true", "refused in production")]
#[case::unknown_option("point = 1", "", "point")]
fn a_plan_that_asks_for_too_much_is_refused(
    #[case] options: &str,
    #[case] environment: &str,
    #[case] words: &str,
) {
    let lab = Lab::new();
    let plan = restore_plan("rds-pitr", options);
    let plan = plan.replace("name = \"test\"", &format!("name = \"test\"\n{environment}"));
    let mut command = lab.lifeboat();
    command.env("AWS_ENDPOINT_URL", "http://127.0.0.1:1").env("LIFEBOAT_SANDBOX_PASSWORD", "none");
    command.arg("plan").arg(lab.write("plan.toml", &plan));
    let ended = Process::start(&lab, &mut command).wait(LIMIT);
    ended.expect_code(2).expect_stderr(&[words]);
}

#[test]
fn a_restore_whose_answer_is_lost_is_adopted_and_not_made_twice() {
    let scene = Scene::new();
    scene.sandbox.tell(r#"{"lie":"lose-response","action":"RestoreDBInstanceToPointInTime"}"#);
    let (ended, record) = scene.run("rds-pitr", "");
    record.expect("passed", "clean", &[]);
    ended.expect_code(0);
    let retries = &record.drill()["observations"]["control-plane-retries"];
    assert_eq!(retries["RestoreDBInstanceToPointInTime no-answer"], 1, "{retries}");
    let calls = scene.sandbox.calls();
    let restores = calls.iter().filter(|(action, _)| action == "RestoreDBInstanceToPointInTime").count();
    assert_eq!(restores, 1, "{calls:?}");
    scene.ends_as_it_was();
}

#[rstest]
#[case::throttling("throttling", "Throttling")]
#[case::http_5xx("http-5xx", "InternalFailure")]
fn refused_calls_are_made_again(#[case] lie: &str, #[case] code: &str) {
    let scene = Scene::new();
    let mut run = Run::start(&scene.lab, &scene.sandbox, &restore_plan("rds-pitr", ""), &[]);
    run.await_step("await-restorable");
    scene.sandbox.tell(&format!(r#"{{"lie":"{lie}","count":4}}"#));
    let (ended, record) = run.finish(LIMIT);
    record.expect("passed", "clean", &[]);
    ended.expect_code(0);
    let retries =
        record.drill()["observations"]["control-plane-retries"].as_object().expect("retries").clone();
    let counted: u64 =
        retries.iter().filter(|(what, _)| what.ends_with(code)).filter_map(|(_, count)| count.as_u64()).sum();
    assert_eq!(counted, 4, "{retries:?}");
    scene.ends_as_it_was();
}

/// What a session has written is counted when it ends: one of the drill's own that is still open at the moment would look like
/// somebody who writes after it.
#[test]
fn the_moment_is_not_chosen_beside_a_session_of_before() {
    let scene = Scene::new();
    let run = Run::stopped_at(&scene.lab, &scene.sandbox, &restore_plan("rds-pitr", ""), "choose-moment");
    let journal = std::fs::read_to_string(run.dir.join("journal.jsonl")).expect("a journal");
    let mut events = journal.lines().map(|line| serde_json::from_str::<Value>(line).expect("an event"));
    let prefix = events.find_map(|event| event["application_name"].as_str().map(str::to_owned));
    let prefix = prefix.expect("what the names of the drill's sessions begin with");
    let before =
        Held::open(&scene.sandbox.database("orders"), &format!("SET application_name = '{prefix}before'"));
    run.process.signal(Signal::SIGCONT);
    let (ended, record) = run.finish(LIMIT);
    ended.expect_code(101);
    record.expect("errored", "clean", &["the drill's sessions before to end", "1 still open"]);
    drop(before);
    scene.ends_as_it_was();
}
