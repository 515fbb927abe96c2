//! Whose credentials a run asks with: a role that is taken on, a profile, a web identity; and what happens when they expire.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::crash::Scene;
use crate::support::{Aws, BACKED_UP_SEED, Ended, Lab, Process, Run, Signal, dynamodb_plan, restore_plan};

pub const MINUTE: Duration = Duration::from_secs(60);

pub const EXTERNAL_ID: &str = "shop/drills=4711";
const TOKEN: &str = "eyJraWQiOiJ0ZXN0In0-of-a-web-identity";

/// Of a snapshot that the drill makes.
pub const SNAPSHOT: &str = "snapshot = \"fresh\"";

/// The keys of `[environment.assume_role]`.
const ROLE: &str = "role_arn = \"arn:aws:iam::000000000000:role/drill\"\nexternal_id = \"shop/drills=4711\"";

pub fn seed() -> String {
    format!(
        "{BACKED_UP_SEED}\n[[roles]]\nname = \"drill\"\nexternal_id = \"{EXTERNAL_ID}\"\nweb_identity_token = \"{TOKEN}\"\n"
    )
}

/// The plan as for AWS, with these lines in `[environment]` and `[environment.assume_role]`.
pub fn as_on_aws(plan: &str, environment: &str, role: &str) -> String {
    let keys = format!("provider = \"aws\"\nallow_loopback = true\n{environment}");
    let plan = plan.replacen("provider = \"sandbox\"", &keys, 1);
    // Beside a server without TLS.
    let plan = plan.replacen("user = \"drill\"", "user = \"drill\"\ntls = \"off\"", 1);
    match role {
        "" => plan,
        _ => format!("{plan}\n[environment.assume_role]\n{role}\n"),
    }
}

pub fn with_role(options: &str) -> String {
    as_on_aws(&restore_plan("rds-snapshot-restore", options), "", ROLE)
}

/// `lifeboat run` with what the sandbox exports but for the keys, which `change` gives.
pub fn run_with(scene: &Scene, plan: &str, dir: &str, change: &dyn Fn(&mut Command)) -> Run {
    let plan = scene.lab.write(&format!("{dir}.toml"), plan);
    let mut command = scene.lab.lifeboat();
    command.envs(&scene.sandbox.exports);
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    change(&mut command);
    command.arg("run").arg(plan);
    Run::of(&scene.lab, command, dir)
}

fn refusals(calls: &[(String, Option<String>)], code: &str) -> usize {
    calls.iter().filter(|(_, found)| found.as_deref() == Some(code)).count()
}

/// How often the record says that a call was made again for its credentials.
pub fn counted(record: &Value) -> u64 {
    let retries = record["drills"][0]["observations"]["control-plane-retries"].as_object().expect("retries");
    let expired = retries.iter().filter(|(what, _)| what.contains("ExpiredToken"));
    expired.map(|(_, times)| times.as_u64().expect("a number")).sum()
}

#[test]
fn tokens_that_expire_again_and_again_do_not_disturb_a_drill() {
    let scene = Scene::new(&seed());
    let aws = Aws::new(&scene.lab, &scene.sandbox);
    aws.does(
        "cloudwatch put-metric-alarm --alarm-name errors --metric-name Errors --namespace Shop --statistic Sum --period 60 \
         --evaluation-periods 1 --threshold 1 --comparison-operator GreaterThanThreshold",
    );
    aws.does("cloudwatch set-alarm-state --alarm-name errors --state-value OK --state-reason none");
    // At any call, those that change something too.
    scene.sandbox.tell(r#"{"lie":"expire-tokens","after_calls":5}"#);
    let plan =
        with_role(SNAPSHOT) + "[[stop_conditions]]\nname = \"x\"\nalarm = \"errors\"\nevery = \"100ms\"\n";
    let run = Run::start(&scene.lab, &scene.sandbox, &plan, &[]);
    let (ended, record) = run.finish(MINUTE * 4);
    ended.expect_code(0);
    record.expect("passed", "clean", &[]);
    let calls = scene.sandbox.calls();
    let refused = refusals(&calls, "ExpiredToken");
    assert!(refused > 2, "{refused} calls were refused: {calls:?}");
    assert!(refusals(&calls, "ExpiredTokenException") > 0, "no look at the alarm was refused: {calls:?}");
    let counted = counted(&record.value);
    assert!(counted > 0, "{}", record.drill()["observations"]);
    assert!(counted <= refused as u64, "{counted} of {refused}");
    let operator = record.value["operator"].as_str().expect("who called");
    let session = format!(
        "arn:aws:sts::000000000000:assumed-role/drill/lifeboat-{}",
        record.value["run_id"].as_str().expect("an id")
    );
    assert_eq!(operator, session);
    scene.is_as_before();
    scene.sandbox.stop(&scene.lab);
}

#[test]
fn a_table_is_restored_with_tokens_that_expire() {
    let scene = Scene::new(&seed());
    crate::support::Table::default().make(&scene.sandbox);
    let plan = as_on_aws(&dynamodb_plan("dynamodb-backup-restore", ""), "", ROLE);
    let mut run = Run::start(&scene.lab, &scene.sandbox, &plan, &[]);
    // The scans of the comparison run side by side: tokens that are worn out by few calls would be refused twice.
    for step in ["make-backup", "compare-items"] {
        run.await_step(step);
        scene.sandbox.tell(r#"{"lie":"expire-tokens"}"#);
    }
    let (ended, record) = run.finish(MINUTE * 4);
    ended.expect_code(0);
    assert!(counted(&record.value) > 0, "{ended}");
    assert!(refusals(&scene.sandbox.calls(), "ExpiredTokenException") > 0, "{ended}");
    scene.sandbox.stop(&scene.lab);
}

#[test]
fn a_role_that_is_refused_ends_the_run_before_anything_is_asked() {
    let scene = Scene::new(&seed());
    let wrong = ROLE.replace("4711", "4712");
    for (name, role, says) in [
        ("wrong", wrong.as_str(), "this external_id"),
        ("none", "role_arn = \"arn:aws:iam::000000000000:role/drill\"", "give external_id"),
        ("gone", "role_arn = \"arn:aws:iam::000000000000:role/nobody\"", "sts:AssumeRole"),
    ] {
        let before = scene.sandbox.calls().len();
        let plan = as_on_aws(&restore_plan("rds-snapshot-restore", SNAPSHOT), "", role);
        let ended = Run::start_in(&scene.lab, &scene.sandbox, &plan, name, &[]).process.wait(MINUTE);
        ended.expect_code(101).expect_stderr(&["AccessDenied", "arn:aws:iam::000000000000:role/", says]);
        let calls = scene.sandbox.calls().split_off(before);
        assert_eq!(calls, [("AssumeRole".to_owned(), Some("AccessDenied".to_owned()))], "{ended}");
        assert!(!scene.lab.path(name).exists(), "{ended}");
        assert!(!ended.stderr.contains("4711") && !ended.stderr.contains("4712"), "{ended}");
    }
    scene.sandbox.stop(&scene.lab);
}

/// Nobody asks for ever: a token that is refused when it is new ends the call, and says what to do.
#[test]
fn tokens_that_are_refused_when_they_are_new_end_the_run() {
    let scene = Scene::new(&seed());
    scene.sandbox.tell(r#"{"lie":"expire-tokens","after_calls":0}"#);
    let ended = Run::start(&scene.lab, &scene.sandbox, &with_role(SNAPSHOT), &[]).process.wait(MINUTE);
    ended.expect_code(101).expect_stderr(&["ExpiredToken", "aws sso login"]);
    let calls: Vec<String> = scene.sandbox.calls().into_iter().map(|(action, _)| action).collect();
    assert_eq!(calls, ["AssumeRole", "GetCallerIdentity", "AssumeRole", "GetCallerIdentity"], "{ended}");
    scene.sandbox.stop(&scene.lab);
}

/// A profile whose credentials a process gives, one that takes on a role, and one that is not there.
#[test]
fn a_profile_of_the_plan_counts_and_not_the_variables() {
    let scene = Scene::new(&seed());
    let process = r#"{"Version": 1, "AccessKeyId": "AKIAOFTHEPROCESS", "SecretAccessKey": "s"}"#;
    let process = scene.lab.write("process.json", process);
    let config = format!(
        "[profile base]\ncredential_process = cat {}\n[profile dr]\nrole_arn = arn:aws:iam::000000000000:role/drill\n\
         source_profile = base\nexternal_id = {EXTERNAL_ID}\nrole_session_name = of-the-profile\n\
         [profile broken]\ncredential_process = sh -c 'echo talkative-4713 >&2; exit 3'\n",
        process.display()
    );
    let config = scene.lab.write("aws-config", &config);
    let drill = restore_plan("rds-snapshot-restore", SNAPSHOT);
    let run = |name: &str, profile: &str| {
        let plan = as_on_aws(&drill, &format!("profile = \"{profile}\""), "");
        run_with(&scene, &plan, name, &|command| {
            command.env("AWS_CONFIG_FILE", &config);
            // Keys in the environment, which a profile comes before, and an endpoint that leads nowhere for what the SDK
            // asks of itself.
            command.env("AWS_ACCESS_KEY_ID", "AKIAOFNOBODY").env("AWS_SECRET_ACCESS_KEY", "x");
            command.env("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1");
        })
    };
    let (ended, record) = run("dr", "dr").finish(MINUTE * 4);
    ended.expect_code(0);
    let operator = "arn:aws:sts::000000000000:assumed-role/drill/of-the-profile";
    assert_eq!(record.value["operator"], operator, "{ended}");
    scene.is_as_before();

    let ended = run("none", "nobody").process.wait(MINUTE);
    ended.expect_code(101).expect_stderr(&["profile `nobody`", "aws sso login --profile nobody"]);
    let ended = run("broken", "broken").process.wait(MINUTE);
    ended.expect_code(101).expect_stderr(&["profile `broken`", "exit status: 3"]);
    assert!(!ended.to_string().contains("talkative-4713"), "{ended}");
    scene.sandbox.stop(&scene.lab);
}

/// Somebody signs in to another account under the plan's profile while the run goes on: nothing is asked there, and the copy
/// is not waited for to the end of its time, which is longer than this test.
#[test]
fn a_profile_that_changes_its_account_ends_the_run() {
    let other = "[[roles]]\nname = \"drill\"\n[[roles]]\nname = \"elsewhere\"\naccount = \"111111111111\"\n";
    let scene = Scene::new(&format!("{BACKED_UP_SEED}\n{other}"));
    let aws = Aws::new(&scene.lab, &scene.sandbox);
    let signs_in = |role: &str| {
        let told = aws.told(&format!("sts assume-role --role-arn {role} --role-session-name person"));
        let mut keys = told["Credentials"].clone();
        keys["Version"] = Value::from(1);
        scene.lab.write("keys.json", &keys.to_string())
    };
    let keys = signs_in("arn:aws:iam::000000000000:role/drill");
    let config = format!("[profile dr]\ncredential_process = cat {}\n", keys.display());
    let config = scene.lab.write("aws-config", &config);
    let options = format!("{SNAPSHOT}\ngive_up = '1h'");
    let plan = as_on_aws(&restore_plan("rds-snapshot-restore", &options), "profile = \"dr\"", "");
    let mut run = run_with(&scene, &plan, "run", &|command| {
        command.env("AWS_CONFIG_FILE", &config);
    });
    run.await_step("await-copy");
    run.process.signal(Signal::SIGSTOP);
    // Those of before are good for nothing any more, and so new ones are asked for.
    scene.sandbox.tell(r#"{"lie":"expire-tokens"}"#);
    signs_in("arn:aws:iam::111111111111:role/elsewhere");
    let before = scene.sandbox.calls().len();
    run.process.signal(Signal::SIGCONT);
    let (ended, record) = run.finish(MINUTE * 4);
    ended.expect_code(102);
    assert_eq!(record.value["restoration"], "residue", "{ended}");
    assert_eq!(record.drill()["verdict"], "errored", "{ended}");
    assert!(record.value.to_string().contains("of account 111111111111 by now"), "{ended}");
    // With their credentials nobody asked for anything but who calls.
    let calls = scene.sandbox.calls().split_off(before);
    let done: Vec<_> = calls.iter().filter(|(_, code)| code.is_none()).map(|(action, _)| action).collect();
    assert!(
        !done.is_empty() && done.iter().all(|action| *action == "GetCallerIdentity"),
        "{done:?}: {ended}"
    );
    signs_in("arn:aws:iam::000000000000:role/drill");
    let mut undo = scene.lab.lifeboat();
    undo.envs(&scene.sandbox.exports).env("AWS_CONFIG_FILE", &config);
    undo.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    undo.arg("undo").arg(scene.lab.path("run"));
    Process::start(&scene.lab, &mut undo).wait(MINUTE).expect_code(0);
    scene.is_as_before();
    scene.sandbox.stop(&scene.lab);
}

#[test]
fn a_web_identity_takes_on_its_role() {
    let scene = Scene::new(&seed());
    let file = scene.lab.write("token", TOKEN);
    let plan = as_on_aws(&restore_plan("rds-snapshot-restore", SNAPSHOT), "", "");
    let run = run_with(&scene, &plan, "web", &|command| {
        command.env("AWS_WEB_IDENTITY_TOKEN_FILE", &file).env("AWS_ROLE_SESSION_NAME", "pod");
        command.env("AWS_ROLE_ARN", "arn:aws:iam::000000000000:role/drill");
        // The plan's endpoint counts.
        command.env("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1");
    });
    let (ended, record) = run.finish(MINUTE * 4);
    ended.expect_code(0);
    let operator = "arn:aws:sts::000000000000:assumed-role/drill/pod";
    assert_eq!(record.value["operator"], operator, "{ended}");
    scene.is_as_before();
    scene.sandbox.stop(&scene.lab);
}

/// The tokens of the run are expired by then, and so are the first ones of the undo.
#[test]
fn undo_takes_on_the_role_of_the_run() {
    let scene = Scene::new(&seed());
    let role = ROLE.replace(EXTERNAL_ID, "${DRILL_EXTERNAL_ID}");
    let plan = as_on_aws(&restore_plan("rds-snapshot-restore", SNAPSHOT), "", &role);
    let with_id = |command: &mut Command| {
        command.env("AWS_ACCESS_KEY_ID", "AKIAOFTHECALLER").env("AWS_SECRET_ACCESS_KEY", "x");
        command.env("DRILL_EXTERNAL_ID", EXTERNAL_ID);
    };
    let mut run = run_with(&scene, &plan, "run", &with_id);
    run.await_step("compare-settings");
    run.process.signal(Signal::SIGKILL);
    run.process.wait(MINUTE);
    scene.sandbox.tell(r#"{"lie":"expire-tokens"}"#);
    scene.sandbox.tell(r#"{"lie":"expire-tokens","after_calls":3}"#);

    let without: Ended = scene.lifeboat("undo");
    without.expect_code(102);
    assert!(without.stdout.contains("${DRILL_EXTERNAL_ID}"), "{without}");

    let before = scene.sandbox.calls().len();
    let mut command = scene.lab.lifeboat();
    command.envs(&scene.sandbox.exports).arg("undo").arg(scene.lab.path("run"));
    with_id(&mut command);
    let undo = Process::start(&scene.lab, &mut command).wait(MINUTE * 2);
    undo.expect_code(0);
    let calls = scene.sandbox.calls().split_off(before);
    assert!(refusals(&calls, "ExpiredToken") > 0, "{calls:?}");
    scene.is_as_before();

    let before = scene.sandbox.calls().len();
    let mut command = scene.lab.lifeboat();
    command.envs(&scene.sandbox.exports).args(["gc", "--dry-run", "--plan"]).arg(scene.lab.path("run.toml"));
    with_id(&mut command);
    let gc = Process::start(&scene.lab, &mut command).wait(MINUTE);
    gc.expect_code(0);
    let calls = scene.sandbox.calls().split_off(before);
    let refused = refusals(&calls, "ExpiredToken") + refusals(&calls, "ExpiredTokenException");
    assert!(refused > 0 && calls.iter().any(|(action, _)| action == "AssumeRole"), "{calls:?}");
    scene.sandbox.stop(&scene.lab);
}

/// The role's own policy does not let it take itself on; who takes it on needs nothing else.
#[test]
fn the_policy_of_the_role_is_not_that_of_who_takes_it_on() {
    let lab = Lab::new();
    let policy = |name: &str, plan: &str, more: &[&str]| {
        let mut command = lab.lifeboat();
        command.env("AWS_ENDPOINT_URL", "http://127.0.0.1:1").arg("iam-policy");
        command.arg(lab.write(&format!("{name}.toml"), plan)).args(["--account", "000000000000"]).args(more);
        Process::start(&lab, &mut command).wait(MINUTE)
    };
    let role = policy("role", &with_role(SNAPSHOT), &[]);
    role.expect_code(0).expect_stderr(&[
        "sts:AssumeRole",
        "arn:aws:iam::000000000000:role/drill",
        "--caller",
    ]);
    assert!(!role.stdout.contains("sts:AssumeRole") && role.stdout.contains("rds:"), "{role}");
    let caller = policy("caller", &with_role(SNAPSHOT), &["--caller"]);
    caller.expect_code(0);
    let printed: Value = serde_json::from_str(&caller.stdout).expect("JSON");
    let statements = printed["Statement"].as_array().expect("statements");
    assert_eq!(statements.len(), 1, "{caller}");
    assert_eq!(statements[0]["Action"], serde_json::json!(["sts:AssumeRole"]));
    assert_eq!(statements[0]["Resource"], serde_json::json!(["arn:aws:iam::000000000000:role/drill"]));
    policy("none", &restore_plan("rds-pitr", ""), &["--caller"]).expect_code(2);
}

/// A metadata service that accepts and does not answer, as a network may have one.
#[test]
fn without_credentials_a_run_ends_soon_and_says_what_to_do() {
    let scene = Scene::new(&seed());
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let metadata = format!("http://{}", silent.local_addr().expect("an address"));
    let plan = as_on_aws(&restore_plan("rds-snapshot-restore", SNAPSHOT), "", "");
    let run = run_with(&scene, &plan, "none", &|command| {
        command.env_remove("AWS_EC2_METADATA_DISABLED").env("AWS_EC2_METADATA_SERVICE_ENDPOINT", &metadata);
    });
    let ended = run.process.wait(MINUTE);
    ended.expect_code(101).expect_stderr(&["no credentials", "AWS_PROFILE", "aws sso login"]);
    assert!(scene.sandbox.calls().is_empty(), "{ended}");
    assert!(ended.took < Duration::from_secs(45), "{ended}");
    scene.sandbox.stop(&scene.lab);
}

#[test]
fn a_role_or_profile_that_makes_no_sense_is_refused_with_its_place() {
    let lab = Lab::new();
    let drill = restore_plan("rds-snapshot-restore", SNAPSHOT);
    let on_sandbox = drill.replacen("provider = \"sandbox\"", "provider = \"sandbox\"\nprofile = \"dr\"", 1);
    for (name, plan, says) in [
        (
            "role",
            as_on_aws(&drill, "", "role_arn = \"drill\""),
            "[environment.assume_role] role_arn: `drill`",
        ),
        ("sandbox", on_sandbox, "[environment] profile is for provider \"aws\""),
        ("unknown", as_on_aws(&drill, "", "arn = \"x\""), "unknown field `arn`"),
    ] {
        let mut command = lab.lifeboat();
        command.env("AWS_ENDPOINT_URL", "http://127.0.0.1:1").env("LIFEBOAT_SANDBOX_PASSWORD", "x");
        command.arg("run").arg(lab.write(&format!("{name}.toml"), &plan)).arg("--out").arg(lab.path(name));
        Process::start(&lab, &mut command).wait(MINUTE).expect_code(2).expect_stderr(&[says]);
    }
}
