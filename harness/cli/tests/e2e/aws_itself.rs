//! AWS itself: a plan without an endpoint, each service under its own name, TLS, and what holds there alone. The sandbox
//! answers under AWS's names; what AWS would answer is not shown.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use rstest::rstest;
use serde_json::Value;

use crate::crash::Scene;
use crate::credential_services::sign_in;
use crate::support::{
    Answer, BACKED_UP_SEED, Ended, Front, ORDERS_SEED, Process, Receiver, Record, Run, Signal, Table,
    dynamodb_plan, failover_plan, restore_plan,
};

/// Between two looks at a state lie five seconds on AWS.
const LIMIT: Duration = Duration::from_secs(240);

const STAND_IN: &str = "provider = \"sandbox\"\nendpoint = \"${AWS_ENDPOINT_URL}\"";
const ITSELF: &str = "provider = \"aws\"\nregion = \"${AWS_REGION}\"\naccount = \"000000000000\"";
const PASSWORD: &str = "password = \"${LIFEBOAT_SANDBOX_PASSWORD}\"";

/// A sandbox under AWS's names.
struct World {
    front: Front,
    scene: Scene,
}

impl World {
    fn new(seed: &str) -> Self {
        let scene = Scene::new(seed);
        Self { front: Front::start(&scene.lab, &scene.sandbox), scene }
    }

    /// The command as where no stand-in is known: without its address, with keys, and with AWS's names.
    fn lifeboat(&self) -> Command {
        let mut command = self.scene.lab.lifeboat();
        let is_address = |name: &str| name.starts_with("AWS_ENDPOINT_URL");
        command.envs(self.scene.sandbox.exports.iter().filter(|(name, _)| !is_address(name)));
        self.front.lead(&mut command);
        command
    }

    fn run(&self, plan: &str) -> Run {
        let mut command = self.lifeboat();
        command.arg("run").arg(self.scene.lab.write("plan.toml", &on_aws(plan)));
        Run::of(&self.scene.lab, command, "runs/one")
    }

    fn does(&self, command: &mut Command) -> Ended {
        Process::start(&self.scene.lab, command).wait(LIMIT)
    }

    /// The services that were asked, by the first word of their names.
    fn services(&self) -> BTreeSet<String> {
        let names = self.front.names();
        // DynamoDB has names for each account, too: ACCOUNT.ddb.REGION.
        let service = |name: &String| {
            let mut words = name.split('.');
            let first = words.next().unwrap_or_default();
            if first.bytes().all(|byte| byte.is_ascii_digit()) {
                words.next().unwrap_or_default()
            } else {
                first
            }
            .to_owned()
        };
        names.iter().map(service).collect()
    }

    fn end(self) {
        self.scene.is_as_before();
        self.scene.sandbox.stop(&self.scene.lab);
    }
}

/// The same plan for AWS itself, which verifies the server's certificate.
fn on_aws(plan: &str) -> String {
    assert!(plan.contains(STAND_IN), "{plan}");
    let plan = plan.replacen(STAND_IN, ITSELF, 1);
    plan.replacen(PASSWORD, &format!("{PASSWORD}\ntls_ca = \"${{LIFEBOAT_SANDBOX_CA}}\""), 1)
}

fn is_on_a_real_system(record: &Record) {
    let environment = &record.value["environment"];
    assert_eq!(environment["provider"], "aws");
    assert_eq!(environment["account"], "000000000000", "who calls was asked");
    assert_eq!(environment["simulated"], false);
    assert_eq!(environment["endpoint"], Value::Null);
}

#[test]
fn a_failover_passes_and_is_evidence_of_its_control() {
    let world = World::new(ORDERS_SEED);
    let options =
        "notice = '30s'\nstable_for = '500ms'\ncontrols = ['soc2:A1.2']\n[controls]\nperiod = '35d'";
    let plan = world.scene.lab.write("looked-at.toml", &on_aws(&failover_plan(options)));
    let checked = world.does(world.lifeboat().args(["plan", "--check"]).arg(plan));
    checked.expect_code(0);
    assert!(checked.stdout.contains("failover: identify-target: ok"), "{checked}");
    let (ended, record) = world.run(&failover_plan(options)).finish(LIMIT);
    ended.expect_code(0);
    record.expect("passed", "clean", &[]);
    is_on_a_real_system(&record);
    assert_eq!(world.services(), ["rds", "sts"].map(str::to_owned).into());
    let evidence = world.does(world.lifeboat().args(["controls", "runs", "--fail-on-gap"]));
    evidence.expect_code(0);
    assert!(evidence.stdout.contains("soc2:A1.2"), "{evidence}");
    world.end();
}

#[test]
fn a_table_is_restored_and_compared() {
    let world = World::new("");
    Table::default().make(&world.scene.sandbox);
    let (ended, record) = world.run(&dynamodb_plan("dynamodb-pitr", "")).finish(LIMIT);
    ended.expect_code(0);
    record.expect("passed", "clean", &[]);
    is_on_a_real_system(&record);
    let services = world.services();
    assert!(services.contains("ddb") || services.contains("dynamodb"), "{services:?}");
    world.scene.sandbox.stop(&world.scene.lab);
}

/// Undo and gc find their way without an endpoint as the run did.
#[test]
fn a_killed_restore_is_taken_back() {
    let world = World::new(BACKED_UP_SEED);
    let mut run = world.run(&restore_plan("rds-snapshot-restore", "snapshot = 'fresh'"));
    run.await_step("validate-data");
    run.process.signal(Signal::SIGKILL);
    run.process.wait(LIMIT);
    let look = || world.does(world.lifeboat().args(["gc", "--dry-run", "--plan", "plan.toml"]));
    let listed = look();
    assert!(
        listed.stdout.contains("DB instance orders-lb-") && listed.stdout.contains("2 left by runs"),
        "{listed}"
    );
    let untrusted = world.does(world.lifeboat().args(["undo", "runs/one"]).env_remove("SSL_CERT_FILE"));
    untrusted.expect_code(102);
    // What a shell still has of a stand-in would say that nothing is left.
    let calls = world.scene.sandbox.calls().len();
    for variable in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS"] {
        let led = |command: &mut Command| world.does(command.env(variable, world.scene.sandbox.endpoint()));
        let undone = led(world.lifeboat().args(["undo", "runs/one"]));
        undone.expect_code(102);
        assert!(undone.stdout.contains("not an https address of AWS"), "{undone}");
        let looked = led(world.lifeboat().args(["gc", "--plan", "plan.toml"]));
        assert!(matches!(looked.code, Some(2 | 101)), "{looked}");
        looked.expect_stderr(&["127.0.0.1"]);
    }
    assert_eq!(world.scene.sandbox.calls().len(), calls, "nothing was asked of it");
    world.does(world.lifeboat().args(["undo", "runs/one"])).expect_code(0);
    let listed = look();
    listed.expect_code(0);
    assert!(listed.stdout.contains("0 left by runs"), "{listed}");
    world.end();
}

/// What is not AWS answers in its place for one service, or for all; nothing is asked of it.
#[rstest]
#[case::a_variable("AWS_ENDPOINT_URL_STS", "", 101)]
#[case::a_profile("", "[default]\nendpoint_url = ENDPOINT\n", 101)]
#[case::a_service_of_a_profile(
    "",
    "[default]\nservices = here\n[services here]\nsts =\n  endpoint_url = ENDPOINT\n",
    101
)]
#[case::a_variable_of_what_is_drilled("AWS_ENDPOINT_URL_RDS", "", 2)]
fn nothing_stands_in_for_a_service(#[case] variable: &str, #[case] profile: &str, #[case] code: i32) {
    let world = World::new(ORDERS_SEED);
    let endpoint = world.scene.sandbox.endpoint();
    let config = world.scene.lab.write("config", &profile.replace("ENDPOINT", endpoint));
    let before = world.scene.sandbox.calls().len();
    let mut command = world.lifeboat();
    command.env("AWS_CONFIG_FILE", config);
    if !variable.is_empty() {
        command.env(variable, endpoint);
    }
    let plan = world.scene.lab.write("plan.toml", &on_aws(&failover_plan("")));
    let ended = world.does(command.arg("run").arg(plan));
    ended.expect_code(code).expect_stderr(&["127.0.0.1", "not", "AWS", "AWS_ENDPOINT_URL"]);
    assert_eq!(world.scene.sandbox.calls().len(), before, "{ended}");
    world.end();
}

/// Nor is what credentials are asked with told to it.
#[test]
fn an_identity_is_shown_to_aws_alone() {
    let world = World::new(ORDERS_SEED);
    let token = world.scene.lab.write("token", "eyJraWQiOiJ0ZXN0In0-of-a-web-identity");
    let before = world.scene.sandbox.calls().len();
    let plan = world.scene.lab.write("plan.toml", &on_aws(&failover_plan("")));
    let mut command = world.lifeboat();
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    command
        .env("AWS_WEB_IDENTITY_TOKEN_FILE", token)
        .env("AWS_ROLE_ARN", "arn:aws:iam::000000000000:role/drill");
    command.env("AWS_ENDPOINT_URL_STS", world.scene.sandbox.endpoint());
    let ended = world.does(command.arg("run").arg(plan));
    ended.expect_code(101).expect_stderr(&["AWS does not answer who calls", "not an https address of AWS"]);
    assert_eq!(world.scene.sandbox.calls().len(), before, "{ended}");
    world.end();
}

/// Nor is a sign-in, whether it lasts or is to be renewed.
#[rstest]
#[case::lasts("2999-01-01T00:00:00Z")]
#[case::has_ended("2020-01-01T00:00:00Z")]
fn a_sign_in_is_shown_to_aws_alone(#[case] ends: &str) {
    let world = World::new(ORDERS_SEED);
    sign_in(&world.scene, "a-sign-in", ends);
    let elsewhere = Receiver::start(Answer::Status("200 OK"));
    let plan = on_aws(&failover_plan("")).replacen("provider =", "profile = \"dr\"\nprovider =", 1);
    let plan = world.scene.lab.write("plan.toml", &plan);
    let mut command = world.lifeboat();
    command
        .env("AWS_ENDPOINT_URL_SSO", elsewhere.url(""))
        .env("AWS_ENDPOINT_URL_SSO_OIDC", elsewhere.url(""));
    let ended = world.does(command.arg("run").arg(plan));
    ended.expect_code(101).expect_stderr(&["no credentials of profile `dr`"]);
    assert!(elsewhere.received().is_empty(), "{:?}", elsewhere.received());
    world.end();
}

/// Nor is a history kept elsewhere with the credentials of AWS.
#[test]
fn a_history_elsewhere_is_refused() {
    let world = World::new(ORDERS_SEED);
    let plan = world.scene.lab.write("plan.toml", &on_aws(&failover_plan("")));
    let mut command = world.lifeboat();
    command.arg("run").arg(plan).args(["--history", "s3://drills/team"]);
    let ended = world.does(command.env("AWS_ENDPOINT_URL_S3", world.scene.sandbox.endpoint()));
    assert_ne!(ended.code, Some(0), "{ended}");
    ended.expect_stderr(&["s3://drills/team", "not an https address of AWS"]);
    assert!(world.scene.sandbox.calls().iter().all(|(action, _)| action != "RebootDBInstance"), "{ended}");
    world.end();
}

/// Each is told before anything but who calls was asked, and makes no run.
#[rstest]
#[case::of_another_account(|plan: &str| plan.replacen("000000000000", "123456789012", 1), true, 2, &["123456789012", "000000000000", "nothing was done"])]
#[case::of_an_unknown_authority(str::to_owned, false, 101, &["AWS does not answer who calls", "certificate"])]
fn it_is_not_the_aws_that_is_meant(
    #[case] change: fn(&str) -> String,
    #[case] trusted: bool,
    #[case] code: i32,
    #[case] words: &[&str],
) {
    let world = World::new(ORDERS_SEED);
    let before = world.scene.sandbox.calls().len();
    let plan = world.scene.lab.write("plan.toml", &change(&on_aws(&failover_plan(""))));
    let mut command = world.lifeboat();
    command.arg("run").arg(plan);
    if !trusted {
        command.env_remove("SSL_CERT_FILE");
    }
    let ended = world.does(&mut command);
    ended.expect_code(code).expect_stderr(words);
    let asked: Vec<String> =
        world.scene.sandbox.calls().into_iter().skip(before).map(|(action, _)| action).collect();
    assert!(asked.iter().all(|action| action == "GetCallerIdentity"), "{asked:?}");
    assert!(!world.scene.lab.path("lifeboat-runs").exists(), "{ended}");
    world.end();
}

/// An account has to be named, where things are deleted without a journal as well.
#[test]
fn gc_wants_to_know_in_which_account() {
    let world = World::new("");
    let ended = world.does(world.lifeboat().arg("gc"));
    ended.expect_code(2).expect_stderr(&["in which account?", "--plan"]);
    assert_eq!(world.front.names(), BTreeSet::new());
    world.end();
}
