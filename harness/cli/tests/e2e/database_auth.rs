//! Drills whose sessions are opened with tokens of IAM authentication: of the source and of its copy, of credentials that end
//! and are replaced, refused, and where the instance takes none.

use std::time::Duration;

use rstest::rstest;

use crate::crash::Scene;
use crate::support::{
    BACKED_UP_SEED, Database, ORDERS_SEED, Process, Run, Signal, failover_plan, restore_plan, rows,
    token_seed, with_tokens,
};

const MINUTE: Duration = Duration::from_secs(60);
const LIMIT: Duration = Duration::from_secs(240);
const REFUSED: &str = r#"{"lie":"tokens-refused"}"#;

/// The outcomes of the logins that the sandbox saw, by what they were of: DbiResourceId and user.
fn logins(scene: &Scene) -> Vec<(String, u64)> {
    let calls = scene.sandbox.admin("GET", "calls", "");
    let of_tokens = calls.as_array().expect("a list").iter().filter(|call| call["service"] == "rds-db");
    let seen = of_tokens.map(|call| {
        let arn = call["resources"][0].as_str().expect("an ARN");
        let (_, whose) = arn.split_once(":dbuser:").expect("a user");
        (whose.to_owned(), call["status"].as_u64().expect("a status"))
    });
    seen.collect()
}

fn let_in(scene: &Scene) -> usize {
    logins(scene).iter().filter(|(whose, status)| whose.ends_with("/app") && *status == 200).count()
}

/// The plan as for AWS, over TLS, with the credentials of a role.
fn of_role(plan: &str) -> String {
    let plan = plan.replacen("provider = \"sandbox\"", "provider = \"aws\"\nallow_loopback = true", 1);
    plan.replacen("auth = \"iam\"", "auth = \"iam\"\ntls_ca = \"${LIFEBOAT_SANDBOX_CA}\"", 1)
        + "\n[environment.assume_role]\nrole_arn = \"arn:aws:iam::000000000000:role/drill\"\n"
}

fn seed_with_role(seed: &str) -> String {
    format!("{}\n[[roles]]\nname = \"drill\"\n", token_seed(seed))
}

/// The source's endpoint and the copy's; then the names are swapped, and swapped back.
#[rstest]
#[case::whole("")]
#[case::promoted("promote = true\nwrites_stopped = true")]
fn a_restore_and_its_copy(#[case] options: &str) {
    let scene = Scene::new(&token_seed(BACKED_UP_SEED));
    let plan = with_tokens(&restore_plan("rds-pitr", options)).replace("rto = \"120s\"", "rto = \"10m\"");
    let (ended, record) = Run::start(&scene.lab, &scene.sandbox, &plan, &[]).finish(LIMIT);
    record.expect("passed", "clean", &[]);
    assert_eq!(let_in(&scene), 2, "source and copy: {:?} {ended}", logins(&scene));
    assert!(logins(&scene).iter().all(|(_, status)| *status == 200), "{:?}", logins(&scene));
    scene.is_as_before();

    let mut command = scene.lab.lifeboat();
    command.envs(&scene.sandbox.exports).arg("plan").arg(scene.lab.path("run.toml"));
    let planned = Process::start(&scene.lab, &mut command).wait(MINUTE);
    let said = "password of app on orders: a token of IAM authentication for each session";
    assert!(planned.stdout.contains(said), "{planned}");
    scene.sandbox.stop(&scene.lab);
}

/// Sessions go on being opened, though the credentials end again and again before their time.
#[test]
fn a_failover_with_credentials_that_end() {
    let scene = Scene::new(&seed_with_role(ORDERS_SEED));
    let condition = "\n[[stop_conditions]]\nname = \"never\"\nsql = \"select false\"\ntarget = \"orders\"\nevery = \"200ms\"\n";
    let plan =
        of_role(&with_tokens(&failover_plan("probe_interval = '100ms'\nstable_for = '1s'"))) + condition;
    let mut run = Run::start(&scene.lab, &scene.sandbox, &plan, &[]);
    for step in ["confirm-steady-state", "await-recovery"] {
        run.await_step(step);
        scene.sandbox.tell(r#"{"lie":"expire-tokens"}"#);
    }
    let (ended, record) = run.finish(LIMIT);
    record.expect("passed", "clean", &[]);
    assert_eq!(let_in(&scene), 1, "{:?} {ended}", logins(&scene));
    let taken_on = scene.sandbox.calls().iter().filter(|(action, _)| action == "AssumeRole").count();
    assert!(taken_on >= 3, "{taken_on}: {ended}");
    scene.is_as_before();
    scene.sandbox.stop(&scene.lab);
}

/// The control plane is on this machine, the server need not be.
#[test]
fn no_token_goes_over_the_wire_in_clear() {
    let scene = Scene::new(&seed_with_role(ORDERS_SEED));
    let plan = of_role(&with_tokens(&failover_plan(""))).replace("tls_ca = \"${LIFEBOAT_SANDBOX_CA}\"", "");
    for plan in [plan.clone(), plan.replace("auth =", "tls = \"off\"\nauth =")] {
        let ended = Run::start(&scene.lab, &scene.sandbox, &plan, &[]).process.wait(MINUTE);
        ended.expect_code(2).expect_stderr(&["[targets.orders]", "encrypted", "verify-full"]);
    }
    assert!(scene.sandbox.calls().is_empty(), "{:?}", scene.sandbox.calls());
    scene.sandbox.stop(&scene.lab);
}

/// Before anything is done.
#[test]
fn refused_tokens_end_the_drill() {
    let scene = Scene::new(&token_seed(ORDERS_SEED));
    scene.sandbox.tell(REFUSED);
    let plan = with_tokens(&failover_plan(""));
    let (ended, record) = Run::start(&scene.lab, &scene.sandbox, &plan, &[]).finish(MINUTE);
    ended.expect_code(101);
    record.expect("errored", "clean", &["28000", "rds-db:connect", "rds_iam"]);
    assert_eq!(let_in(&scene), 0);
    let failed_over = scene.sandbox.calls().iter().any(|(action, _)| action == "RebootDBInstance");
    assert!(!failed_over, "{ended}");
    scene.is_as_before();
    scene.sandbox.stop(&scene.lab);
}

/// Nobody tries to log in where the control plane says that it is off.
#[rstest]
#[case::failover(ORDERS_SEED, "rds-failover")]
#[case::exhaustion(ORDERS_SEED, "connection-exhaustion")]
#[case::restore(BACKED_UP_SEED, "rds-pitr")]
fn an_instance_without_it_is_refused(#[case] seed: &str, #[case] scenario: &str) {
    let scene = Scene::new(&token_seed(seed).replace("iam_authentication = true", ""));
    let plan = with_tokens(&restore_plan(scenario, ""));
    let (ended, record) = Run::start(&scene.lab, &scene.sandbox, &plan, &[]).finish(MINUTE);
    ended.expect_code(101);
    record.expect("errored", "clean", &["IAMDatabaseAuthenticationEnabled = false", "`orders`", "`app`"]);
    assert!(logins(&scene).is_empty(), "{:?}", logins(&scene));
    scene.is_as_before();
    scene.sandbox.stop(&scene.lab);
}

/// The copy cannot be opened, and the setting that it lost is named.
#[test]
fn a_copy_that_lost_it_fails() {
    let scene = Scene::new(&token_seed(BACKED_UP_SEED));
    scene.sandbox.tell(r#"{"lie":"settings-lost","settings":["iam-authentication"]}"#);
    let plan = with_tokens(&restore_plan("rds-pitr", "give_up = '20s'"));
    let (ended, record) = Run::start(&scene.lab, &scene.sandbox, &plan, &[]).finish(LIMIT);
    ended.expect_code(100);
    assert_eq!(record.drill()["verdict"], "failed", "{ended}");
    assert!(
        record.value.to_string().contains("IAMDatabaseAuthenticationEnabled is false and not true"),
        "{ended}"
    );
    scene.is_as_before();
    scene.sandbox.stop(&scene.lab);
}

/// The journal has no token, and what it has suffices for others.
#[test]
fn an_undo_makes_its_own() {
    let scene = Scene::new(&seed_with_role(ORDERS_SEED));
    // By another way than the endpoint, which the tokens are of.
    let way = "auth = \"iam\"\nhost = \"localhost\"";
    let plan = of_role(&with_tokens(&failover_plan("stable_for = '500ms'"))).replace("auth = \"iam\"", way);
    let mut run = Run::start(&scene.lab, &scene.sandbox, &plan, &[]);
    run.await_step("confirm-steady-state");
    run.process.signal(Signal::SIGKILL);
    run.process.wait(MINUTE);
    let journal = std::fs::read_to_string(scene.lab.path("run/journal.jsonl")).expect("the journal");
    let endpoint = format!("\"endpoint\":\"127.0.0.1:{}\"", scene.sandbox.database("orders").port);
    assert!(journal.contains(&endpoint) && journal.contains("\"host\":\"localhost\""), "{journal}");
    scene.sandbox.tell(r#"{"lie":"expire-tokens"}"#);
    scene.sandbox.tell(REFUSED);
    let refused = scene.lifeboat("undo");
    assert_ne!(refused.code, Some(0), "{refused}");
    assert!(refused.to_string().contains("28000"), "{refused}");
    scene.sandbox.admin("DELETE", "lies", "");
    scene.lifeboat("undo").expect_code(0);
    scene.is_as_before();
    scene.sandbox.stop(&scene.lab);
}

/// Who has the role shows a token and nothing else: the negative control of all that is let in here.
#[test]
fn a_password_lets_nobody_in_who_has_tokens() {
    let scene = Scene::new(&token_seed(ORDERS_SEED));
    let master = scene.sandbox.database("orders");
    rows(&master, "ALTER ROLE app PASSWORD 'planted-Passw0rd'").expect("a password");
    let app = Database { user: "app".into(), password: "planted-Passw0rd".into(), ..master.clone() };
    let error = rows(&app, "SELECT 1").expect_err("a password");
    assert!(error.contains("28000"), "{error}");
    rows(&master, "REVOKE rds_iam FROM app").expect("revoked");
    assert_eq!(rows(&app, "SELECT 1"), Ok(vec!["1".to_owned()]));
    scene.sandbox.stop(&scene.lab);
}
