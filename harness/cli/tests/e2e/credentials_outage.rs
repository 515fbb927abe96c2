//! Whoever gives credentials or keeps passwords is down for a while, in the midst of a run or an undo.

use std::time::Duration;

use rstest::rstest;

use crate::crash::Scene;
use crate::credentials::{EXTERNAL_ID, SNAPSHOT, as_on_aws, run_with, seed, with_role};
use crate::kept_passwords::killed;
use crate::support::{
    Aws, BACKED_UP_SEED, Process, Run, SECRET, Signal, eventually, kept, kept_seed, restore_plan,
};

const MINUTE: Duration = Duration::from_secs(60);

/// A call that is made again at once is given up after six of these.
const MORE_THAN_TWO_CALLS: usize = 13;

/// The service that answers this action is down from now on.
fn goes_down(scene: &Scene, action: &str) {
    scene.sandbox.tell(&format!(r#"{{"lie":"http-5xx","count":1000000,"action":"{action}"}}"#));
}

fn failures(scene: &Scene, action: &str) -> usize {
    let calls = scene.sandbox.calls();
    calls.iter().filter(|(called, code)| called == action && code.is_some()).count()
}

/// It is up again once so many calls have failed.
fn comes_back(scene: &Scene, action: &str) {
    eventually("the outage to be felt", MINUTE, || match failures(scene, action) {
        failed if failed >= MORE_THAN_TWO_CALLS => Ok(()),
        failed => Err(failed),
    });
    scene.sandbox.admin("DELETE", "lies", "");
}

/// New credentials are needed, and nobody gives any.
fn without_credentials(scene: &Scene) {
    goes_down(scene, "AssumeRole");
    scene.sandbox.tell(r#"{"lie":"expire-tokens"}"#);
}

#[rstest]
#[case::where_a_call_changes_something("request-restore")]
#[case::in_a_wait("await-copy")]
#[case::where_a_call_reads("compare-settings")]
fn no_credentials_for_a_while_do_not_end_a_drill(#[case] step: &str) {
    let scene = Scene::new(&seed());
    let run = Run::stopped_at(&scene.lab, &scene.sandbox, &with_role(SNAPSHOT), step);
    without_credentials(&scene);
    run.process.signal(Signal::SIGCONT);
    comes_back(&scene, "AssumeRole");
    let (ended, record) = run.finish(MINUTE * 4);
    record.expect("passed", "clean", &[]);
    let retries = record.drill()["observations"]["control-plane-retries"].to_string();
    // Those for credentials, and those for want of them, in one count.
    for what in ["AssumeRole InternalFailure", "no-credentials-now"] {
        assert!(retries.contains(what), "{retries}: {ended}");
    }
    scene.is_as_before();
    scene.sandbox.stop(&scene.lab);
}

/// Whose account new credentials are of is asked beside the drill's own calls, and counted with them.
#[test]
fn a_look_at_new_credentials_that_fails_is_in_the_count() {
    let scene = Scene::new(&seed());
    let aws = Aws::new(&scene.lab, &scene.sandbox);
    let signs_in = || {
        let role = "arn:aws:iam::000000000000:role/drill";
        let told = aws.told(&format!(
            "sts assume-role --role-arn {role} --role-session-name person --external-id {EXTERNAL_ID}"
        ));
        let mut keys = told["Credentials"].clone();
        keys["Version"] = 1.into();
        scene.lab.write("keys.json", &keys.to_string())
    };
    let config = format!("[profile dr]\ncredential_process = cat {}\n", signs_in().display());
    let config = scene.lab.write("aws-config", &config);
    let plan = as_on_aws(&restore_plan("rds-snapshot-restore", SNAPSHOT), "profile = \"dr\"", "");
    let mut run = run_with(&scene, &plan, "run", &|command| {
        command.env("AWS_CONFIG_FILE", &config);
    });
    run.await_step("await-copy");
    run.process.signal(Signal::SIGSTOP);
    scene.sandbox.tell(r#"{"lie":"expire-tokens"}"#);
    signs_in();
    scene.sandbox.tell(r#"{"lie":"http-5xx","count":2,"action":"GetCallerIdentity"}"#);
    run.process.signal(Signal::SIGCONT);
    let (ended, record) = run.finish(MINUTE * 4);
    ended.expect_code(0);
    record.expect("passed", "clean", &[]);
    let retries = &record.drill()["observations"]["control-plane-retries"];
    assert_eq!(retries["GetCallerIdentity InternalFailure"], 2, "{retries}: {ended}");
    scene.is_as_before();
    scene.sandbox.stop(&scene.lab);
}

#[test]
fn no_credentials_for_a_while_do_not_end_an_undo() {
    let scene = Scene::new(&seed());
    let run = Run::stopped_at(&scene.lab, &scene.sandbox, &with_role(SNAPSHOT), "compare-settings");
    without_credentials(&scene);
    run.process.signal(Signal::SIGTERM);
    run.process.signal(Signal::SIGCONT);
    comes_back(&scene, "AssumeRole");
    let (_, record) = run.finish(MINUTE * 4);
    record.expect("aborted", "clean", &[]);
    scene.is_as_before();
    scene.sandbox.stop(&scene.lab);
}

/// How a drill from the snapshot of before a rotation goes, which begins after it: the copy has the password before the
/// current one. From where its first session is opened, nobody tells that password.
fn from_before_a_rotation(options: &str) -> (Scene, Run) {
    let scene = Scene::new(&kept_seed(BACKED_UP_SEED, "orders"));
    let aws = Aws::new(&scene.lab, &scene.sandbox);
    aws.does("rds create-db-snapshot --db-instance-identifier orders --db-snapshot-identifier before");
    eventually("the snapshot", MINUTE, || {
        let told = aws.told("rds describe-db-snapshots --db-snapshot-identifier before");
        match &told["DBSnapshots"][0]["Status"] {
            status if status == "available" => Ok(()),
            status => Err(status.to_string()),
        }
    });
    scene.sandbox.rotate(SECRET);
    let options = format!("snapshot = 'before'\n{options}");
    let plan = kept(&restore_plan("rds-snapshot-restore", &options));
    let run = Run::stopped_at(&scene.lab, &scene.sandbox, &plan, "connect-copy");
    goes_down(&scene, "GetSecretValue");
    run.process.signal(Signal::SIGCONT);
    (scene, run)
}

#[test]
fn a_copy_waits_for_its_password() {
    let (scene, run) = from_before_a_rotation("");
    comes_back(&scene, "GetSecretValue");
    let (ended, record) = run.finish(MINUTE * 4);
    record.expect("passed", "clean", &[]);
    assert!(record.drill()["measurements"]["figures"].to_string().contains("AWSPREVIOUS"), "{ended}");
    scene.sandbox.stop(&scene.lab);
}

#[test]
fn a_copy_whose_password_nobody_tells_is_given_up_and_says_so() {
    let (scene, run) = from_before_a_rotation("give_up = '20s'");
    let (ended, record) = run.finish(MINUTE * 4);
    assert_eq!(record.value["restoration"], "clean", "{ended}");
    assert_ne!(record.drill()["verdict"], "passed", "{ended}");
    let error = record.drill()["observations"]["copy-server-error"].as_str().expect("an error").to_owned();
    for part in ["waited 20 s", "from secret `prod/orders`", "GetSecretValue: InternalServiceError"] {
        assert!(error.contains(part), "{error}");
    }
    scene.sandbox.stop(&scene.lab);
}

/// The password that is known serves: nobody has to wait for the end of the outage.
#[test]
fn a_copy_is_opened_with_the_password_that_is_known() {
    let scene = Scene::new(&kept_seed(BACKED_UP_SEED, "orders"));
    let plan = kept(&restore_plan("rds-pitr", ""));
    let run = Run::stopped_at(&scene.lab, &scene.sandbox, &plan, "connect-copy");
    goes_down(&scene, "GetSecretValue");
    run.process.signal(Signal::SIGCONT);
    let (ended, record) = run.finish(MINUTE * 4);
    record.expect("passed", "clean", &[]);
    assert!(failures(&scene, "GetSecretValue") > 0, "{ended}");
    // Whether it is the current one still, nobody has said.
    let figures = record.drill()["measurements"]["figures"].to_string();
    assert!(!figures.contains("copy opened with the password"), "{figures}");
    scene.sandbox.stop(&scene.lab);
}

#[test]
fn an_undo_waits_for_the_password() {
    let scene = killed();
    goes_down(&scene, "GetSecretValue");
    let mut undo = scene.lab.lifeboat();
    undo.envs(&scene.sandbox.exports).arg("undo").arg(scene.lab.path("run"));
    let undo = Process::start(&scene.lab, &mut undo);
    comes_back(&scene, "GetSecretValue");
    undo.wait(MINUTE * 2).expect_code(0);
    scene.is_as_before();
    scene.sandbox.stop(&scene.lab);
}
