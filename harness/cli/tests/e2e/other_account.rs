//! An endpoint that leads to another account, where everything is called as in the right one.

use std::time::Duration;

use crate::restores::Scene;
use crate::support::{Lab, Moto, Process, Run, Signal, restore_plan};

const LIMIT: Duration = Duration::from_secs(90);

/// moto's account is another than the sandbox's.
fn with_an_instance(lab: &Lab, name: &str, run: &str) -> Moto {
    let moto = Moto::start(lab);
    let create = format!(
        "rds create-db-instance --db-instance-identifier {name} --engine postgres --db-instance-class db.t4g.micro \
         --allocated-storage 20 --master-username drill --master-user-password secret-secret \
         --tags Key=lifeboat:drill,Value=allowed Key=lifeboat:run,Value={run}"
    );
    moto.aws(&create.split_whitespace().collect::<Vec<_>>());
    moto
}

/// It is there as it was: its tags are all that the run could know it by.
fn is_as_it_was(moto: &Moto, name: &str) {
    let told = moto.told(&["rds", "describe-db-instances", "--db-instance-identifier", name]);
    let found = &told["DBInstances"][0];
    assert_eq!(found["DBInstanceStatus"], "available", "{told}");
    assert_eq!(found["TagList"].as_array().map(Vec::len), Some(2), "{told}");
    let all = moto.told(&["rds", "describe-db-instances"]);
    assert_eq!(all["DBInstances"].as_array().map(Vec::len), Some(1), "{all}");
}

#[test]
fn nothing_but_who_calls_is_asked_of_another_account() {
    let lab = Lab::new();
    let moto = with_an_instance(&lab, "orders", "none");
    let plan = restore_plan("rds-pitr", "").replacen(
        "provider = \"sandbox\"",
        "provider = \"sandbox\"\naccount = \"000000000000\"",
        1,
    );
    let mut command = lab.lifeboat();
    command.env("AWS_ENDPOINT_URL", &moto.endpoint).env("LIFEBOAT_SANDBOX_PASSWORD", "none");
    command.arg("run").arg(lab.write("plan.toml", &plan)).arg("--out").arg(lab.path("run"));
    let ended = Process::start(&lab, &mut command).wait(LIMIT);
    ended.expect_code(2).expect_stderr(&["account 000000000000", "123456789012", "nothing was done"]);
    assert!(!lab.path("run").exists(), "{ended}");
    is_as_it_was(&moto, "orders");
    let asked = moto.said();
    // The test's own three calls and the one that says who calls.
    assert_eq!(asked.matches("POST / ").count(), 4, "{asked}");
}

/// The journal's account is not that of whoever answers at the run's endpoint by now.
#[test]
fn undo_leaves_another_account_alone() {
    let scene = Scene::new();
    let mut run = Run::start(&scene.lab, &scene.sandbox, &restore_plan("rds-pitr", ""), &[]);
    run.await_step("compare-settings");
    run.process.signal(Signal::SIGKILL);
    let id = run.id();
    run.process.wait(LIMIT);
    let copy = scene.instances().into_iter().find(|name| name.starts_with("orders-lb-")).expect("the copy");
    let moto = with_an_instance(&scene.lab, &copy, &id);
    let path = scene.lab.path("run/journal.jsonl");
    let journal = std::fs::read_to_string(&path).expect("the journal");
    let elsewhere = journal.replace(scene.sandbox.endpoint(), &moto.endpoint);
    assert_ne!(elsewhere, journal);
    std::fs::write(&path, elsewhere).expect("written");
    let undo = || {
        let mut command = scene.lab.lifeboat();
        command.envs(&scene.sandbox.exports).arg("undo").arg(scene.lab.path("run"));
        Process::start(&scene.lab, &mut command).wait(LIMIT)
    };
    let refused = undo();
    refused.expect_code(102);
    assert!(
        refused.stdout.contains("123456789012") && refused.stdout.contains("nothing was done"),
        "{refused}"
    );
    is_as_it_was(&moto, &copy);
    assert_eq!(scene.instances(), ["orders", &copy]);
    std::fs::write(&path, journal).expect("written");
    undo().expect_code(0);
    is_as_it_was(&moto, &copy);
    scene.ends_as_it_was();
}
