//! Passwords that Secrets Manager keeps: fetched before anything is done, once; rotated in the midst of a run; asked for
//! anew by an undo.

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};

use crate::crash::Scene;
use crate::support::{
    BACKED_UP_SEED, ORDERS_SEED, PLAIN_SEED, Process, Record, Run, SECRET, Signal, exhaustion_plan,
    failover_plan, kept, kept_seed, restore_plan,
};

const MINUTE: Duration = Duration::from_secs(60);
const LIMIT: Duration = Duration::from_secs(180);

fn asked(scene: &Scene) -> usize {
    scene.sandbox.calls().iter().filter(|(action, _)| action == "GetSecretValue").count()
}

fn figure<'a>(record: &'a Record, name: &str) -> &'a Value {
    let figures = record.drill()["measurements"]["figures"].as_array().expect("figures");
    let found = figures.iter().find(|figure| figure["name"] == name);
    found.unwrap_or_else(|| panic!("no figure `{name}` in {figures:?}"))
}

#[test]
fn a_drill_asks_once_and_before_all_else() {
    let scene = Scene::new(&kept_seed(ORDERS_SEED, "orders"));
    let before = scene.sandbox.calls().len();
    let plan = kept(&failover_plan("stable_for = '500ms'"));
    let (ended, record) = Run::start(&scene.lab, &scene.sandbox, &plan, &[]).finish(LIMIT);
    record.expect("passed", "clean", &[]);
    let calls: Vec<String> =
        scene.sandbox.calls().into_iter().skip(before).map(|(action, _)| action).collect();
    assert_eq!(calls[..2], ["GetCallerIdentity", "GetSecretValue"], "{ended}");
    // Probes open hundreds of sessions.
    assert_eq!(calls.iter().filter(|action| *action == "GetSecretValue").count(), 1, "{ended}");
    let kept_plan = std::fs::read_to_string(scene.lab.path("run/plan.json")).expect("the plan");
    assert!(kept_plan.contains(SECRET), "{kept_plan}");
    scene.is_as_before();

    let mut command = scene.lab.lifeboat();
    command.envs(&scene.sandbox.exports).arg("plan").arg(scene.lab.path("run.toml"));
    let planned = Process::start(&scene.lab, &mut command).wait(MINUTE);
    planned.expect_code(0);
    let said = format!("password of app on orders: from AWS Secrets Manager, secret {SECRET}");
    assert!(planned.stdout.contains(&said), "{planned}");
    scene.sandbox.stop(&scene.lab);
}

#[test]
fn a_plain_server_has_one_too() {
    let scene = Scene::new(&kept_seed(PLAIN_SEED, "plain"));
    let plan = kept(&exhaustion_plan("hold = '500ms'\nstable_for = '500ms'"));
    let address = scene.sandbox.plain_address();
    let (_, record) = Run::start(&scene.lab, &scene.sandbox, &plan, &["--confirm", &address]).finish(LIMIT);
    record.expect("passed", "clean", &[]);
    scene.is_as_before();
    scene.sandbox.stop(&scene.lab);
}

/// The source has the new password and the copy the old one.
#[rstest]
#[case::of_a_moment("rds-pitr", "")]
#[case::of_a_snapshot("rds-snapshot-restore", "snapshot = \"fresh\"")]
fn a_rotation_in_the_midst_of_a_restore(#[case] scenario: &str, #[case] options: &str) {
    let scene = Scene::new(&kept_seed(BACKED_UP_SEED, "orders"));
    scene.sandbox.tell(r#"{"lie":"restore-stuck"}"#);
    let plan = kept(&restore_plan(scenario, options));
    let mut run = Run::start(&scene.lab, &scene.sandbox, &plan, &[]);
    run.await_step("await-copy");
    scene.sandbox.rotate(SECRET);
    scene.sandbox.admin("DELETE", "lies", "");
    let (ended, record) = run.finish(LIMIT);
    record.expect("passed", "clean", &[]);
    assert_eq!(figure(&record, "copy opened with the password")["value"], "AWSPREVIOUS", "{ended}");
    // At the start, for the new one, and for the copy's old one; a few more where the pace allows them.
    assert!((3..10).contains(&asked(&scene)), "{}: {ended}", asked(&scene));
    scene.is_as_before();
    scene.sandbox.stop(&scene.lab);
}

/// Of before two rotations: nobody has its password any more.
#[test]
fn a_copy_that_nobody_can_open_is_not_kept() {
    let scene = Scene::new(&kept_seed(BACKED_UP_SEED, "orders"));
    scene.sandbox.tell(r#"{"lie":"restore-stuck"}"#);
    let plan = kept(&restore_plan("rds-pitr", "keep = true"));
    let mut run = Run::start(&scene.lab, &scene.sandbox, &plan, &[]);
    run.await_step("await-copy");
    scene.sandbox.rotate(SECRET);
    scene.sandbox.rotate(SECRET);
    scene.sandbox.admin("DELETE", "lies", "");
    let (ended, record) = run.finish(LIMIT);
    record.expect("invalid", "clean", &["28P01"]);
    ended.expect_code(101);
    scene.is_as_before();
    scene.sandbox.stop(&scene.lab);
}

#[test]
fn without_a_rotation_the_copy_has_the_current_one() {
    let scene = Scene::new(&kept_seed(BACKED_UP_SEED, "orders"));
    let plan = kept(&restore_plan("rds-pitr", ""));
    let (ended, record) = Run::start(&scene.lab, &scene.sandbox, &plan, &[]).finish(LIMIT);
    record.expect("passed", "clean", &[]);
    assert_eq!(figure(&record, "copy opened with the password")["value"], "AWSCURRENT", "{ended}");
    // At the start, and for the copy.
    assert_eq!(asked(&scene), 2, "{ended}");
    scene.sandbox.stop(&scene.lab);
}

/// Probes open sessions all the time: those after the rotation find the new password.
#[test]
fn a_rotation_under_probes() {
    let scene = Scene::new(&kept_seed(ORDERS_SEED, "orders"));
    let plan = kept(&failover_plan("probe_interval = '500ms'\nstable_for = '1s'"));
    let mut run = Run::start(&scene.lab, &scene.sandbox, &plan, &[]);
    run.await_step("confirm-steady-state");
    scene.sandbox.rotate(SECRET);
    let (ended, record) = run.finish(LIMIT);
    record.expect("passed", "clean", &[]);
    assert!((2..10).contains(&asked(&scene)), "{}: {ended}", asked(&scene));
    scene.is_as_before();
    scene.sandbox.stop(&scene.lab);
}

/// A run whose password Secrets Manager keeps, killed with something to be taken back.
pub fn killed() -> Scene {
    let scene = Scene::new(&kept_seed(ORDERS_SEED, "orders"));
    let plan = kept(&failover_plan("stable_for = '500ms'"));
    let mut run = Run::start(&scene.lab, &scene.sandbox, &plan, &[]);
    run.await_step("confirm-steady-state");
    run.process.signal(Signal::SIGKILL);
    run.process.wait(MINUTE);
    scene
}

#[test]
fn an_undo_asks_anew() {
    let scene = killed();
    scene.sandbox.rotate(SECRET);
    let before = asked(&scene);
    scene.lifeboat("undo").expect_code(0);
    assert_eq!(asked(&scene), before + 1);
    scene.is_as_before();
    scene.sandbox.stop(&scene.lab);
}

const REFUSED: &str = r#"{"lie":"refused","count":1,"action":"GetSecretValue","code":"CODE"}"#;

#[rstest]
#[case::missing("prod/none", "", &["`prod/none`", "ResourceNotFoundException", "check the ARN or name"])]
#[case::in_deletion("deleted", "", &["`deleted`", "RestoreSecret"])]
#[case::binary("binary", "", &["`binary`", "binary", "as text"])]
#[case::of_another_role("of-drill", "", &["another role", "`app`"])]
#[case::without_a_password("empty", "", &["`password`"])]
#[case::denied(SECRET, "AccessDeniedException", &["secretsmanager:GetSecretValue", "iam-policy"])]
#[case::key_denied(SECRET, "AccessDeniedToKey", &["kms:Decrypt", "docs/iam.md"])]
#[case::key_disabled(SECRET, "DecryptionFailure", &["KMS key is enabled"])]
fn what_cannot_be_had_refuses_the_run(#[case] secret: &str, #[case] refused: &str, #[case] said: &[&str]) {
    const VALUE: &str = "planted-Passw0rd-of-the-test-4713";
    let scene = Scene::new(&kept_seed(ORDERS_SEED, "orders"));
    let create = |name: &str, key: &str, value: &str| {
        scene.sandbox.secrets("CreateSecret", &json!({ "Name": name, key: value }));
    };
    create("deleted", "SecretString", VALUE);
    scene.sandbox.secrets("DeleteSecret", &json!({ "SecretId": "deleted" }));
    create("binary", "SecretBinary", "cGxhbnRlZA==");
    create("of-drill", "SecretString", &json!({ "username": "drill", "password": VALUE }).to_string());
    create("empty", "SecretString", &json!({ "passwort": VALUE }).to_string());
    if !refused.is_empty() {
        scene.sandbox.tell(&REFUSED.replace("CODE", refused));
    }
    let before = scene.sandbox.calls().len();
    let plan = kept(&failover_plan("")).replace(SECRET, secret);
    let ended = Run::start(&scene.lab, &scene.sandbox, &plan, &[]).process.wait(MINUTE);
    ended.expect_code(101).expect_stderr(&["target `orders`", "nothing was done"]).expect_stderr(said);
    assert!(!ended.to_string().contains(VALUE), "{ended}");
    let calls: Vec<String> =
        scene.sandbox.calls().into_iter().skip(before).map(|(action, _)| action).collect();
    assert_eq!(calls, ["GetCallerIdentity", "GetSecretValue"], "{ended}");
    assert!(!scene.lab.path("run").exists(), "a run that was refused has no folder");
    scene.is_as_before();
    scene.sandbox.stop(&scene.lab);
}
