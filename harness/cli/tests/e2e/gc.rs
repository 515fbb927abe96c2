//! `lifeboat gc`: what runs left is found without their journals, and nothing else is deleted.

use std::time::Duration;

use rstest::rstest;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use crate::support::{
    Aws, BACKED_UP_SEED, Ended, External, Lab, Process, Run, Signal, Table, dynamodb, dynamodb_plan,
    eventually, restore_plan,
};

const SEED: &str = r#"
[[instances]]
identifier = "orders"
master_user = "drill"
database = "app"

[[tables]]
name = "orders"
key = ["id"]
attributes = { id = "S" }
"#;
const MINUTE: Duration = Duration::from_secs(60);

const EXPIRES: &str = "in use perhaps: it expires at 2";

/// What a run has made is known by its tags, once they can be given. A copy that had its source's name is for nobody to
/// delete who does not have the journal.
#[rstest]
#[case::promoted_copy(
    BACKED_UP_SEED,
    &restore_plan("rds-pitr", "promote = true\nwrites_stopped = true"),
    "prove-source",
    ("DB instance orders-lb-", "doubtful, look at it yourself: it has no tag lifeboat:expires-at", 102)
)]
#[case::instance(BACKED_UP_SEED, &restore_plan("rds-pitr", ""), "validate-data", ("DB instance orders-lb-", EXPIRES, 0))]
#[case::snapshot(
    BACKED_UP_SEED,
    &restore_plan("rds-snapshot-restore", "snapshot = \"fresh\""),
    "validate-data",
    ("DB snapshot orders-sn-", EXPIRES, 0)
)]
#[case::table("", &dynamodb_plan("dynamodb-pitr", ""), "compare-items", ("table lifeboat-", EXPIRES, 0))]
#[case::own_table("", &dynamodb_plan("dynamodb-pitr", "canary_table = true"), "put-canaries", ("-canary ", EXPIRES, 0))]
fn what_a_killed_run_made_is_not_deleted_before_it_expires(
    #[case] seed: &str,
    #[case] plan: &str,
    #[case] step: &str,
    #[case] (named, standing, code): (&str, &str, i32),
) {
    let lab = Lab::new();
    let sandbox = External::start(&lab, seed);
    if seed.is_empty() {
        Table::default().make(&sandbox);
    }
    // Steps that make one call would be over before the kill comes.
    sandbox.tell(r#"{"lie":"slow-answers","ms":50}"#);
    let mut run = Run::start(&lab, &sandbox, plan, &[]);
    run.await_step(step);
    run.process.signal(Signal::SIGKILL);
    assert_eq!(run.process.wait(MINUTE).signal, Some(Signal::SIGKILL as i32));
    let scene = Scene { lab, sandbox };
    let found = scene.gc(&[]);
    found.expect_code(code);
    let line = found.stdout.lines().find(|line| line.contains(named)).unwrap_or_default();
    assert!(line.contains(standing), "{found}");
    let mut undo = scene.lab.lifeboat();
    undo.envs(&scene.sandbox.exports).arg("undo").arg(scene.lab.path("run"));
    Process::start(&scene.lab, &mut undo).wait(MINUTE).expect_code(0);
    let after = scene.gc(&[]);
    after.expect_code(0);
    assert!(after.stdout.ends_with(": 0 left by runs\n"), "{after}");
}

/// The id of a run that began now.
fn run_id() -> String {
    let format = format_description!("[year][month][day]-[hour][minute][second]-0a1b2c");
    OffsetDateTime::now_utc().format(format).expect("a time")
}

fn tags(run: &str, expires: Duration) -> String {
    let at = (OffsetDateTime::now_utc() - MINUTE + expires).replace_nanosecond(0).expect("a time");
    let at = at.format(&Rfc3339).expect("a time");
    json!([{ "Key": "lifeboat:run", "Value": run }, { "Key": "lifeboat:expires-at", "Value": at }])
        .to_string()
}

struct Scene {
    lab: Lab,
    sandbox: External,
}

impl Scene {
    fn gc(&self, arguments: &[&str]) -> Ended {
        let mut command = self.lab.lifeboat();
        command.envs(&self.sandbox.exports).args(["gc", "--older-than", "0s"]).args(arguments);
        Process::start(&self.lab, &mut command).wait(MINUTE)
    }

    /// The names of all instances, manual snapshots, tables and backups.
    fn inventory(&self, aws: &Aws<'_>) -> Vec<String> {
        let names = |words: &str, list: &str, name: &str| -> Vec<String> {
            let told = aws.told(words);
            let all = told[list].as_array().expect("a list").iter();
            all.map(|one| if name.is_empty() { one } else { &one[name] })
                .filter_map(|name| name.as_str().map(str::to_owned))
                .collect()
        };
        let mut all = names("rds describe-db-instances", "DBInstances", "DBInstanceIdentifier");
        let snapshots = "rds describe-db-snapshots --snapshot-type manual";
        all.extend(names(snapshots, "DBSnapshots", "DBSnapshotIdentifier"));
        all.extend(names("dynamodb list-tables", "TableNames", ""));
        all.extend(names("dynamodb list-backups", "BackupSummaries", "BackupName"));
        all.sort();
        all
    }
}

#[test]
fn what_has_expired_goes_and_all_else_stays() {
    let lab = Lab::new();
    let sandbox = External::start(&lab, SEED);
    let scene = Scene { lab, sandbox };
    let aws = Aws::new(&scene.lab, &scene.sandbox);
    let run = run_id();
    let (expired, needed) = (tags(&run, Duration::ZERO), tags(&run, MINUTE * 60));
    let snapshot = format!("orders-sn-{run}-0000000a");
    aws.does_with(
        &format!("rds create-db-snapshot --db-instance-identifier orders --db-snapshot-identifier {snapshot} --tags"),
        &expired,
    );
    aws.does(&format!("rds wait db-snapshot-available --db-snapshot-identifier {snapshot}"));
    let copies = [
        // As a run that was killed leaves it.
        (format!("orders-lb-{run}-0000000a"), Some(&expired)),
        // Of a run that goes on.
        (format!("orders-lb-{run}-0000000b"), Some(&needed)),
        // Kept: its user took the tags off.
        (format!("orders-lb-{run}-0000000c"), None),
        // Somebody's own, with tags that were copied to it.
        ("orders-of-mine".to_owned(), Some(&expired)),
    ];
    for (name, tags) in &copies {
        let words = format!(
            "rds restore-db-instance-from-db-snapshot --db-snapshot-identifier {snapshot} --db-instance-identifier {name}"
        );
        match tags {
            Some(tags) => aws.does_with(&format!("{words} --tags"), tags),
            None => aws.does(&words),
        }
    }
    for (name, _) in &copies {
        eventually("the copy", MINUTE, || {
            let told = aws.told(&format!("rds describe-db-instances --db-instance-identifier {name}"));
            let status = told["DBInstances"][0]["DBInstanceStatus"].clone();
            if status == "available" { Ok(()) } else { Err(status.to_string()) }
        });
    }
    // What AWS cannot tag.
    let name = format!("lifeboat-{run}-0000000a-backup");
    let made = dynamodb(&scene.sandbox, "CreateBackup", json!({ "TableName": "orders", "BackupName": name }));
    let backup = made["BackupDetails"]["BackupArn"].as_str().expect("an ARN").to_owned();
    let table = format!("lifeboat-{run}-0000000a-copy");
    let restore = json!({ "BackupArn": backup, "TargetTableName": table });
    eventually("the backup", MINUTE, || {
        let seen = dynamodb(&scene.sandbox, "DescribeBackup", json!({ "BackupArn": backup }));
        let status = seen["BackupDescription"]["BackupDetails"]["BackupStatus"].clone();
        if status == "AVAILABLE" { Ok(()) } else { Err(status.to_string()) }
    });
    dynamodb(&scene.sandbox, "RestoreTableFromBackup", restore);

    let all = scene.inventory(&aws);
    let dry = scene.gc(&["--dry-run"]);
    dry.expect_code(102);
    assert_eq!(scene.inventory(&aws), all, "a dry run deletes nothing");
    let line_of = |ended: &Ended, name: &str| {
        let mut lines = ended.stdout.lines();
        lines.find(|line| line.contains(&format!(" {name} "))).unwrap_or_default().to_owned()
    };
    for (name, said) in [
        (&snapshot, "; expired"),
        (&copies[0].0, "; expired"),
        (&copies[1].0, "in use perhaps: it expires at"),
        (&copies[3].0, "doubtful"),
        (&table, &format!("--confirm={table}")),
        (&name, &format!("--confirm={backup}")),
    ] {
        let line = line_of(&dry, name);
        assert!(line.contains(said) && line.contains(&run) && line.contains("old, billed"), "{line}\n{dry}");
    }
    assert_eq!(line_of(&dry, &copies[2].0), "", "what is kept is nobody's leftover: {dry}");

    let unknown = scene.gc(&["--confirm=orders"]);
    unknown.expect_code(2).expect_stderr(&["--confirm=orders", "no run left anything of that name"]);
    assert_eq!(scene.inventory(&aws), all);

    for (refused, why) in [(&copies[1].0, "it expires at"), (&copies[3].0, "its name is not one")] {
        scene.gc(&["--confirm", refused]).expect_code(2).expect_stderr(&[
            refused,
            why,
            "nothing was deleted",
        ]);
    }

    // What is young is a run's own.
    let mut command = scene.lab.lifeboat();
    command.envs(&scene.sandbox.exports).arg("gc");
    let patient = Process::start(&scene.lab, &mut command).wait(MINUTE);
    assert!(patient.stdout.contains("younger than 21600 s"), "{patient}");
    assert_eq!(scene.inventory(&aws), all);

    scene.gc(&[]).expect_code(102);
    let left: Vec<String> =
        all.iter().filter(|name| **name != snapshot && **name != copies[0].0).cloned().collect();
    assert_eq!(scene.inventory(&aws), left, "only what has expired is deleted");

    let confirmed = scene.gc(&["--confirm", &table, "--confirm", &backup]);
    confirmed.expect_code(102);
    let left: Vec<String> = left.into_iter().filter(|left| *left != table && *left != name).collect();
    assert_eq!(scene.inventory(&aws), left);

    aws.does("rds delete-db-instance --db-instance-identifier orders-of-mine --skip-final-snapshot");
    eventually("the doubtful one to be gone", MINUTE, || {
        let ended = scene.gc(&["--dry-run"]);
        if ended.code == Some(0) { Ok(()) } else { Err(ended.stdout) }
    });
}
