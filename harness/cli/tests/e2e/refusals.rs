//! What is wrong with the world and not with the plan: the target, its password, its release for drills, the folder for
//! the run's files, the runtimes. Each is told with its subject, and leaves nothing behind.

use std::time::Duration;

use rstest::{fixture, rstest};

use crate::support::{Ended, External, Lab, PLAIN_SEED, Process, Record, Run, snapshot};

const MINUTE: Duration = Duration::from_secs(60);

const SEED: &str = r#"
[[instances]]
identifier = "untagged"
multi_az = true
max_connections = 60
master_user = "drill"
database = "app"
sql = ["CREATE TABLE orders (id bigint)"]

[[instances]]
identifier = "tagged"
max_connections = 60
master_user = "drill"
database = "app"
tags = { "lifeboat:drill" = "allowed" }
sql = ["CREATE TABLE orders (id bigint)"]

[[servers]]
name = "plain"
database = "app"
user = "drill"
max_connections = 30
sql = ["CREATE TABLE orders (id bigint)"]
"#;

const PLAN: &str = r#"
[environment]
name = "test"
provider = "sandbox"
endpoint = "${AWS_ENDPOINT_URL}"
# more

[targets.instance]
kind = "rds-instance"
identifier = "untagged"
database = "app"
user = "drill"
password = "${LIFEBOAT_SANDBOX_PASSWORD}"

[targets.plain]
kind = "postgres"
host = "127.0.0.1"
port = "${LIFEBOAT_SANDBOX_PLAIN_PORT}"
database = "app"
user = "drill"
password = "${LIFEBOAT_SANDBOX_PASSWORD}"

[[drills]]
name = "failover"
scenario = "rds-failover"
target = "instance"
stable_for = "300ms"

[[drills]]
name = "exhaustion"
scenario = "connection-exhaustion"
target = "plain"
stable_for = "300ms"
hold = "300ms"
connections = 5
"#;

struct World {
    lab: Lab,
    sandbox: External,
}

#[fixture]
fn world() -> World {
    let lab = Lab::new();
    let sandbox = External::start(&lab, SEED);
    World { lab, sandbox }
}

/// For what is refused before any target is looked at.
#[fixture]
fn bare() -> World {
    let lab = Lab::new();
    let sandbox = External::start(&lab, PLAIN_SEED);
    World { lab, sandbox }
}

impl World {
    fn run(&self, dir: &str, plan: &str, arguments: &[&str]) -> (Ended, Record) {
        Run::start_in(&self.lab, &self.sandbox, plan, dir, arguments).finish(MINUTE)
    }

    /// One drill of a changed plan is refused by a guard, and what it looked at is as it was.
    fn refuses(&self, dir: &str, drill: &str, change: (&str, &str), confirmed: &[&str], why: &[&str]) {
        let before = snapshot(&self.sandbox).expect("a snapshot");
        let plan = PLAN.replacen(change.0, change.1, 1);
        let mut arguments = vec!["--drill", drill];
        arguments.extend(confirmed.iter().flat_map(|id| ["--confirm", id]));
        let (ended, record) = self.run(dir, &plan, &arguments);
        ended.expect_code(101);
        record.expect("errored", "clean", why);
        assert_eq!(record.drill()["undos"], serde_json::json!([]), "something was begun: {ended}");
        assert_eq!(snapshot(&self.sandbox).expect("a snapshot"), before);
    }
}

/// One sandbox for all: nothing is done to it.
#[rstest]
fn targets_that_are_not_released(world: World) {
    let address = world.sandbox.plain_address();
    let none = ("# more", "# more");
    let production = ("# more", "production = true");
    let tagged = ("# more", "production = true\n# tagged");
    let instance = ["`untagged` is not released", "lifeboat:drill", "--confirm=untagged"];
    world.refuses("a", "failover", none, &[], &instance);
    world.refuses("b", "failover", none, &["tagged", "untagge"], &instance);
    world.refuses(
        "c",
        "failover",
        production,
        &["untagged"],
        &["production", "tag it", "--confirm=untagged"],
    );
    let plan = PLAN.replacen("identifier = \"untagged\"", "identifier = \"tagged\"", 1);
    let (ended, record) = world.run("d", &plan.replacen(tagged.0, tagged.1, 1), &["--drill", "failover"]);
    ended.expect_code(101);
    record.expect("errored", "clean", &["`tagged`", "production", "--confirm=tagged"]);
    let plain = ["is not released", &address, "--confirm="];
    world.refuses("e", "exhaustion", none, &[], &plain);
    world.refuses("f", "exhaustion", production, &["untagged"], &plain);
    world.sandbox.stop(&world.lab);
}

#[rstest]
fn a_target_that_is_confirmed_is_drilled(world: World) {
    let address = world.sandbox.plain_address();
    let (ended, record) = world.run("run", PLAN, &["--confirm", "untagged", "--confirm", &address]);
    ended.expect_code(0);
    assert_eq!(record.value["verdict"], "passed");
    world.sandbox.stop(&world.lab);
}

#[rstest]
fn targets_that_cannot_be_reached(world: World) {
    let user = ("user = \"drill\"", "user = \"nobody\"");
    let database = ("database = \"app\"", "database = \"nowhere\"");
    let password = ("password = \"${LIFEBOAT_SANDBOX_PASSWORD}\"", "password = \"${AWS_REGION}\"");
    let instance = ("identifier = \"untagged\"", "identifier = \"elsewhere\"");
    let ok = ["untagged"];
    world.refuses(
        "a",
        "failover",
        password,
        &ok,
        &["28P01", "`drill`", "check the target's user and password"],
    );
    world.refuses("b", "failover", user, &ok, &["28P01", "`nobody`", "check the target's user and password"]);
    world.refuses("c", "failover", database, &ok, &["3D000", "nowhere", "check the target's database"]);
    world.refuses("d", "failover", instance, &ok, &["`elsewhere`", "DBInstanceNotFound", "check identifier"]);
    let port = ("port = \"${LIFEBOAT_SANDBOX_PLAIN_PORT}\"", "port = 1");
    let why = ["cannot connect to 127.0.0.1:1", "refused", "check the target's host and port"];
    world.refuses("e", "exhaustion", port, &["127.0.0.1:1"], &why);
    world.sandbox.stop(&world.lab);
}

/// A precondition that is not met is no failure of the target's: the drill is skipped.
#[rstest]
fn an_instance_without_a_standby_is_skipped(world: World) {
    let plan = PLAN.replacen("identifier = \"untagged\"", "identifier = \"tagged\"", 1);
    let (ended, record) = world.run("run", &plan, &["--drill", "failover"]);
    ended.expect_code(4);
    record.expect("skipped", "clean", &["`tagged`", "not Multi-AZ", "turn Multi-AZ on"]);
    world.sandbox.stop(&world.lab);
}

#[rstest]
fn another_account_and_no_control_plane(bare: World) {
    let refused = |dir: &str, plan: &str| {
        let plan = bare.lab.write("plan.toml", plan);
        let mut command = bare.lab.lifeboat();
        command.envs(&bare.sandbox.exports).arg("run").arg(plan).arg("--out").arg(bare.lab.path(dir));
        let ended = Process::start(&bare.lab, &mut command).wait(MINUTE);
        assert!(!bare.lab.path(dir).exists(), "{ended}");
        ended
    };
    let account = refused("a", &PLAN.replacen("# more", "account = \"123456789012\"", 1));
    account.expect_code(2).expect_stderr(&["account 123456789012", "000000000000", "nothing was done"]);
    let nobody = refused("b", &PLAN.replacen("${AWS_ENDPOINT_URL}", "http://127.0.0.1:1", 1));
    nobody.expect_code(101).expect_stderr(&["http://127.0.0.1:1", "refused", "check that it runs"]);
    bare.sandbox.stop(&bare.lab);
}

#[rstest]
fn folders_that_cannot_be_written(bare: World) {
    let plan = bare.lab.write("plan.toml", PLAN);
    let kept = bare.lab.path("full");
    std::fs::create_dir(&kept).expect("a folder");
    let file = bare.lab.write("full/kept", "mine");
    let below_a_file = file.join("run");
    let cases: [(&std::path::Path, &str); 3] = [
        (&kept, "is not empty; give another folder"),
        (&below_a_file, "it is no folder"),
        // Not even root makes a folder there.
        (std::path::Path::new("/proc/lifeboat/run"), "No such file or directory"),
    ];
    for (out, why) in cases {
        let mut command = bare.lab.lifeboat();
        command.envs(&bare.sandbox.exports).arg("run").arg(&plan).args(["--confirm", "untagged", "--out"]);
        let ended = Process::start(&bare.lab, command.arg(out)).wait(MINUTE);
        ended.expect_code(2).expect_stderr(&[&out.display().to_string(), why]);
    }
    assert_eq!(std::fs::read_dir(&kept).expect("the folder").count(), 1);
    assert_eq!(std::fs::read_to_string(&file).expect("the file"), "mine");
    bare.sandbox.stop(&bare.lab);
}

#[rstest]
fn a_port_that_is_taken(bare: World) {
    let port = bare.sandbox.database("plain").port.to_string();
    let ended = Process::start(
        &bare.lab,
        bare.lab.lifeboat().args(["sandbox", "up", "--runtime", "native", "--port", &port]),
    )
    .wait(MINUTE);
    ended.expect_code(101).expect_stderr(&[&format!("127.0.0.1:{port}"), "in use", "choose another port"]);
    bare.sandbox.stop(&bare.lab);
}
