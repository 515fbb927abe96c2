//! The history in a bucket: one chain, whoever adds to it at once; what is not of it, missing or out of reach is refused.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};

use crate::crash::Scene;
use crate::credentials::MINUTE;
use crate::evidence::lifeboat;
use crate::kms::make_key;
use crate::support::{Ended, Lab, Moto, ORDERS_SEED, Process, Run, failover_plan, python_prints};

const PLACE: &str = "s3://drills/team/a";
const FIRST: &str = "team/a/history/00000001.json";

/// A copy of a run that was kept, under an id of its own, with these members in its plan; it has not been judged yet.
pub fn kept_run(lab: &Lab, name: &str, id: &str, more: &[(&str, Value)]) -> PathBuf {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/kept/1-dynamodb-backup-restore");
    let to = lab.path(name);
    fs::create_dir(&to).expect("a folder");
    for file in ["plan.json", "ledger.jsonl", "journal.jsonl"] {
        let text = fs::read_to_string(from.join(file)).expect(file);
        fs::write(to.join(file), text.replace("20261122-011126-77a436", id)).expect("written");
    }
    let text = fs::read_to_string(to.join("plan.json")).expect("the plan");
    let mut plan: Value = serde_json::from_str(&text).expect("JSON");
    for (key, value) in more {
        plan["plan"][key] = value.clone();
    }
    fs::write(to.join("plan.json"), plan.to_string()).expect("written");
    to
}

/// The command with a moto for S3 and KMS.
pub fn stored(lab: &Lab, moto: &Moto, arguments: &[&str]) -> Process {
    let mut command = lab.lifeboat();
    command.envs(moto.stores()).args(arguments);
    Process::start(lab, &mut command)
}

fn ended(lab: &Lab, moto: &Moto, arguments: &[&str]) -> Ended {
    stored(lab, moto, arguments).wait(MINUTE * 2)
}

fn bucket(lab: &Lab) -> Moto {
    bucket_for(lab, 0)
}

fn bucket_for(lab: &Lab, puts_at_once: usize) -> Moto {
    let moto = Moto::like_aws_for(lab, puts_at_once);
    moto.aws(&["s3api", "create-bucket", "--bucket", "drills"]);
    moto
}

fn put(lab: &Lab, moto: &Moto, key: &str, text: &str) {
    let file = lab.write("object", text);
    let file = file.to_str().expect("UTF-8");
    moto.aws(&["s3api", "put-object", "--bucket", "drills", "--key", key, "--body", file]);
}

/// The lines of a history, as boto3 reads them.
fn by_boto3(moto: &Moto) -> Vec<Value> {
    const READ: &str = "
import sys, boto3
s3 = boto3.client('s3', endpoint_url=sys.argv[1], region_name='us-east-1', aws_access_key_id='x', aws_secret_access_key='x')
for page in s3.get_paginator('list_objects_v2').paginate(Bucket='drills', Prefix='team/a/history/'):
    for found in page.get('Contents', []):
        print(s3.get_object(Bucket='drills', Key=found['Key'])['Body'].read().decode(), end='')
";
    let text = python_prints(READ, &[&moto.endpoint]);
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

#[test]
fn runs_are_a_chain_in_a_bucket_and_others_read_it() {
    let scene = Scene::new(ORDERS_SEED);
    let lab = &scene.lab;
    let moto = bucket(lab);
    lifeboat(lab, "keygen", &["--out", "drill.key"]).expect_code(0);
    let key = lab.path("drill.key");
    for dir in ["one", "two"] {
        let plan = lab.write("plan.toml", &failover_plan("stable_for = '500ms'"));
        let mut command = lab.lifeboat();
        // The control plane is the sandbox, which is no S3.
        command.envs(&scene.sandbox.exports).envs(moto.stores()).arg("run").arg(plan);
        command.args(["--history", PLACE, "--sign-key"]).arg(&key);
        Run::of(lab, command, dir).finish(MINUTE * 4).0.expect_code(0);
    }
    scene.sandbox.stop(lab);
    let lines = by_boto3(&moto);
    assert_eq!(lines.len(), 2, "{lines:?}");
    let verify = |dir: &str| ended(lab, &moto, &["verify", dir, "--key", "drill.pub", "--history", PLACE]);
    for (dir, line) in ["one", "two"].iter().zip(&lines) {
        let record = fs::read_to_string(lab.path(dir).join("record.json")).expect("the record");
        let record: Value = serde_json::from_str(&record).expect("JSON");
        assert_eq!(line["run_id"], record["run_id"]);
        let said = verify(dir);
        said.expect_code(0);
        assert!(said.stdout.contains("s3://drills/team/a/history/"), "{said}");
    }
    let shown = ended(lab, &moto, &["history", PLACE]);
    shown.expect_code(0);
    assert!(shown.stdout.contains("2 runs, 2 passed"), "{shown}");

    let better = lines[1].to_string().replacen("\"lost_writes\":0", "\"lost_writes\":7", 1);
    assert_ne!(better, lines[1].to_string());
    let second = "team/a/history/00000002.json";
    put(lab, &moto, second, &format!("{better}\n"));
    verify("two").expect_code(101).expect_stderr(&["NOT VERIFIED", "it was changed"]);
    // The first taken out and the second in its place.
    put(lab, &moto, FIRST, &format!("{}\n", lines[1]));
    moto.aws(&["s3api", "delete-object", "--bucket", "drills", "--key", second]);
    verify("two").expect_code(101).expect_stderr(&["NOT VERIFIED", "lines were taken out"]);
    put(lab, &moto, second, &format!("{}\n", lines[1]));
    moto.aws(&["s3api", "delete-object", "--bucket", "drills", "--key", FIRST]);
    verify("two").expect_code(101).expect_stderr(&["NOT VERIFIED", FIRST, "taken out"]);
}

/// Each names the one before it, and none is lost.
#[test]
fn runs_that_end_at_once_are_one_chain() {
    const RUNS: usize = 6;
    let lab = Lab::new();
    let moto = bucket_for(&lab, RUNS);
    lifeboat(&lab, "keygen", &["--out", "drill.key"]).expect_code(0);
    let names: Vec<String> = (0..RUNS).map(|number| format!("run-{number}")).collect();
    for (number, name) in names.iter().enumerate() {
        kept_run(&lab, name, &format!("20261122-011126-00000{number}"), &[]);
    }
    let judges: Vec<Process> = names
        .iter()
        .map(|name| stored(&lab, &moto, &["judge", name, "--sign-key", "drill.key", "--history", PLACE]))
        .collect();
    for judge in judges {
        let judged = judge.wait(MINUTE * 2);
        judged.expect_code(0);
        assert!(!judged.stderr.contains("history"), "{judged}");
    }
    let lines = by_boto3(&moto);
    assert_eq!(lines.len(), RUNS, "{lines:?}");
    for name in &names {
        ended(&lab, &moto, &["verify", name, "--key", "drill.pub", "--history", PLACE]).expect_code(0);
    }
    let refused = moto.said().matches("\" 412 -").count();
    assert!(refused >= RUNS - 1, "they did not come at the same moment: {refused}");
    // A bundle that was lost is signed again as it was, and the run is not added once more.
    for name in &names {
        fs::remove_file(lab.path(name).join("record.sigstore.json")).expect("the bundle");
        let again = ended(&lab, &moto, &["judge", name, "--sign-key", "drill.key", "--history", PLACE]);
        again.expect_code(0);
        assert!(again.stdout.contains("signed\nalready in s3://drills/team/a/history/"), "{again}");
        ended(&lab, &moto, &["verify", name, "--key", "drill.pub", "--history", PLACE]).expect_code(0);
    }
    assert_eq!(by_boto3(&moto).len(), RUNS);
}

/// A plan for an environment of the run's own, which is not started where the run is refused.
fn refused(lab: &Lab, moto: &Moto, place: &str) -> Ended {
    let plan = failover_plan("").replace("endpoint = \"${AWS_ENDPOINT_URL}\"", "");
    let plan = lab.write("plan.toml", &plan);
    let plan = plan.to_str().expect("UTF-8");
    let began = ended(lab, moto, &["run", plan, "--out", "run", "--history", place]);
    assert!(!lab.path("run").exists() && !began.stderr.contains("ready"), "{began}");
    began
}

#[test]
fn what_is_no_history_refuses_the_run() {
    let lab = Lab::new();
    let moto = bucket(&lab);
    refused(&lab, &moto, "s3://nobodys/a").expect_code(2).expect_stderr(&[
        "s3://nobodys/a/history/",
        "NoSuchBucket",
        "make the bucket",
    ]);
    refused(&lab, &moto, "s3://No/a").expect_code(2).expect_stderr(&["`No`", "s3://BUCKET/PREFIX"]);
    for (key, text, says) in [
        ("history/notes.txt", "x", "not of lifeboat; move it away"),
        ("history/00000001.json", "{\"orders\": 7}\n", "not of this tool"),
        ("history/00000001.json", "", "not of this tool"),
        (
            "history/00000001.json",
            "{\"schema\":\"lifeboat.history/9\"}\n",
            "which this version does not know",
        ),
        ("history/00000002.json", "{}", "00000001.json, and later ones: it was taken out"),
        ("history/1.json", "{}", "not of lifeboat; move it away"),
    ] {
        let name = format!("s3://drills/team/a/{key}");
        put(&lab, &moto, &format!("team/a/{key}"), text);
        let said = refused(&lab, &moto, PLACE);
        said.expect_code(2).expect_stderr(&[says, "s3://drills/team/a/history/"]);
        if key != "history/00000002.json" {
            said.expect_stderr(&[&name]);
        }
        ended(&lab, &moto, &["history", PLACE]).expect_code(2).expect_stderr(&[says]);
        moto.aws(&["s3api", "delete-object", "--bucket", "drills", "--key", &format!("team/a/{key}")]);
    }
    // What is beside it is nobody's business here, nor is the folder that a console makes.
    put(&lab, &moto, "team/a/reports/x.html", "x");
    put(&lab, &moto, "team/a/history/", "");
    ended(&lab, &moto, &["history", PLACE]).expect_code(2).expect_stderr(&["has no run yet"]);
}

/// As with a file, the record does not hang on it; that the run is not in it, the code says.
#[test]
fn a_history_that_cannot_be_had_costs_no_record() {
    let lab = Lab::new();
    let moto = Moto::like_aws(&lab);
    kept_run(&lab, "run", "20261122-011126-000001", &[]);
    let judged = ended(&lab, &moto, &["judge", "run", "--history", PLACE]);
    judged.expect_code(1).expect_stderr(&[PLACE, "NoSuchBucket"]);
    assert!(lab.path("run/record.json").exists());
}

/// The calls are held against a policy, by moto: it evaluates actions, and of S3 resources as well, and no conditions.
#[rstest]
#[case::with_the_policy(true)]
#[case::without_its_statements_on_s3(false)]
fn the_policy_that_is_printed_is_enough_and_needed(#[case] allowed: bool) {
    let lab = Lab::new();
    let moto = bucket(&lab);
    let arn = make_key(&moto, "ECC_NIST_P256", "SIGN_VERIFY");
    let evidence = format!("[evidence]\nkms_key = \"{arn}\"\n[[drills]]");
    let plan = lab.write("plan.toml", &failover_plan("").replace("[[drills]]", &evidence));
    let plan = plan.to_str().expect("UTF-8");
    let printed = ended(&lab, &moto, &["iam-policy", plan, "--account", "123456789012", "--history", PLACE]);
    printed.expect_code(0);
    let mut policy: Value = serde_json::from_str(&printed.stdout).expect("a policy");
    let statements = policy["Statement"].as_array_mut().expect("statements");
    statements.retain_mut(|one| {
        let of = one["Action"][0].as_str().expect("an action").to_owned();
        let conditions = one.as_object_mut().expect("an object").remove("Condition");
        if of.starts_with("s3:") || of.starts_with("kms:") {
            assert_eq!(conditions.is_some(), ["s3:ListBucket", "kms:Sign"].contains(&of.as_str()), "{of}");
        }
        if of.starts_with("kms:") {
            assert_eq!(one["Resource"], json!([arn]));
            one["Resource"] = "*".into();
        }
        of.starts_with("kms:") || (allowed && of.starts_with("s3:"))
    });
    assert_eq!(statements.len(), if allowed { 4 } else { 2 }, "{statements:?}");
    moto.aws(&["iam", "create-user", "--user-name", "drill"]);
    let policy = policy.to_string();
    moto.aws(&[
        "iam",
        "put-user-policy",
        "--user-name",
        "drill",
        "--policy-name",
        "drill",
        "--policy-document",
        &policy,
    ]);
    let key = moto.told(&["iam", "create-access-key", "--user-name", "drill"]);
    let key = |name: &str| key["AccessKey"][name].as_str().expect(name).to_owned();
    moto.checks_policies();

    let command = |arguments: &[&str]| {
        let mut command = lab.lifeboat();
        command.envs(moto.stores()).args(arguments);
        command.env("AWS_ACCESS_KEY_ID", key("AccessKeyId"));
        command.env("AWS_SECRET_ACCESS_KEY", key("SecretAccessKey"));
        Process::start(&lab, &mut command).wait(MINUTE)
    };
    let section = json!({ "kms_key": arn });
    kept_run(&lab, "run", "20261122-011126-000001", &[("evidence", section)]);
    let judged = command(&["judge", "run", "--history", PLACE]);
    let shown = command(&["history", PLACE]);
    if allowed {
        judged.expect_code(0);
        assert!(judged.stdout.contains("signed") && judged.stderr.is_empty(), "{judged}");
        shown.expect_code(0);
    } else {
        judged.expect_code(1).expect_stderr(&["AccessDenied", "s3:ListBucket", "iam-policy", "not signed"]);
        assert!(!lab.path("run/record.sigstore.json").exists(), "{judged}");
        shown.expect_code(2).expect_stderr(&["AccessDenied", "s3:ListBucket", "iam-policy"]);
    }
}

/// More than a page of the list.
#[test]
fn a_thousand_runs_are_read_in_seconds() {
    const RUNS: usize = 1_050;
    const FILL: &str = "
import sys, json, boto3
s3 = boto3.client('s3', endpoint_url=sys.argv[1], region_name='us-east-1', aws_access_key_id='x', aws_secret_access_key='x')
line = json.loads(s3.get_object(Bucket='drills', Key='team/a/history/00000001.json')['Body'].read())
for number in range(2, int(sys.argv[2]) + 1):
    line['run_id'] = f'20261122-011126-{number:06}'
    s3.put_object(Bucket='drills', Key=f'team/a/history/{number:08}.json', Body=json.dumps(line) + '\\n')
";
    let lab = Lab::new();
    let moto = bucket(&lab);
    kept_run(&lab, "run", "20261122-011126-000001", &[]);
    ended(&lab, &moto, &["judge", "run", "--history", PLACE]).expect_code(0);
    python_prints(FILL, &[&moto.endpoint, &RUNS.to_string()]);
    let shown = ended(&lab, &moto, &["history", PLACE, "--last", "2000"]);
    shown.expect_code(0);
    assert!(shown.stdout.contains(&format!("{RUNS} runs")), "{shown}");
    // What a moto on a busy machine answers in a second is far less than what S3 does.
    assert!(shown.took < Duration::from_secs(30), "{shown}");
}
