//! Two runs on one target: on one machine a file keeps them apart, from two machines a tag on the target. Another's lock is
//! left alone, an expired one is taken over with a word of it, and the run's own is released however the run ends.

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{
    Ended, External, Lab, ORDERS_SEED, PLAIN_SEED, Process, Run, Signal, Table, dynamodb, dynamodb_plan,
    eventually, everything, exhaustion_plan, failover_plan, request_with, snapshot,
};

const LIMIT: Duration = Duration::from_secs(120);
const LOCK: &str = "lifeboat:lock";
const OTHER: &str = "20200101-000000-0a1b2c";

/// A sandbox with the table `orders` and no server.
struct World {
    lab: Lab,
    sandbox: External,
}

impl World {
    fn new() -> Self {
        let lab = Lab::new();
        let sandbox = External::start(&lab, "");
        Table::default().make(&sandbox);
        Self { lab, sandbox }
    }

    /// A run as on a machine of its own, which knows nothing of the files of others.
    fn run_from(&self, machine: &str, plan: &str) -> Run {
        let plan = self.lab.write(&format!("{machine}.toml"), plan);
        let mut command = self.lab.lifeboat();
        command.envs(&self.sandbox.exports).arg("run").arg(plan);
        command.env("XDG_STATE_HOME", self.lab.path(&format!("state-{machine}")));
        Run::of(&self.lab, command, machine)
    }

    fn arn(&self) -> Value {
        dynamodb(&self.sandbox, "DescribeTable", json!({ "TableName": "orders" }))["Table"]["TableArn"]
            .clone()
    }

    fn set_lock(&self, value: &str) {
        let tags = json!([{ "Key": LOCK, "Value": value }]);
        dynamodb(&self.sandbox, "TagResource", json!({ "ResourceArn": self.arn(), "Tags": tags }));
    }

    /// The lock on the table, as the sandbox's own books have it: no lie is about them.
    fn lock(&self) -> Option<String> {
        self.sandbox.inventory()["tables"]["orders"]["tags"][LOCK].as_str().map(str::to_owned)
    }

    fn undo(&self, dir: &str) -> Ended {
        let mut command = self.lab.lifeboat();
        command.envs(&self.sandbox.exports).arg("undo").arg(self.lab.path(dir));
        Process::start(&self.lab, &mut command).wait(LIMIT)
    }
}

fn plan() -> String {
    dynamodb_plan("dynamodb-pitr", "writes_stopped = true")
}

/// The files of the locks below a folder for state.
fn files(lab: &Lab) -> usize {
    std::fs::read_dir(lab.path("state/lifeboat/locks")).map_or(0, Iterator::count)
}

#[test]
fn two_runs_on_one_machine_are_kept_apart_by_a_file() {
    let lab = Lab::new();
    let sandbox = External::start(&lab, PLAIN_SEED);
    let before = snapshot(&sandbox).expect("a snapshot");
    let confirm = sandbox.plain_address();
    let plan = exhaustion_plan("hold = '500ms'\nstable_for = '500ms'");
    let mut first = Run::start_in(&lab, &sandbox, &plan, "first", &["--confirm", &confirm]);
    first.await_step("start-probes");
    first.process.signal(Signal::SIGSTOP);
    // By another name for the same server.
    let by_name = plan.replace("${LIFEBOAT_SANDBOX_PLAIN_HOST}", "localhost");
    let confirm_name = confirm.replace("127.0.0.1", "localhost");
    let second = Run::start_in(&lab, &sandbox, &by_name, "second", &["--confirm", &confirm_name]);
    let refused = second.process.wait(LIMIT);
    let (id, process) = (first.id(), first.process.id());
    refused.expect_code(101).expect_stderr(&[
        "target `plain`",
        "is being drilled by another run on this machine",
        &id,
        &format!("process {process},"),
        &first.dir.display().to_string(),
        "nothing was done",
        "wait until it has ended",
    ]);
    assert!(!second.dir.exists(), "a run that was refused has no folder");
    first.process.signal(Signal::SIGCONT);
    let (ended, record) = first.finish(LIMIT);
    ended.expect_code(0);
    record.expect("passed", "clean", &[]);
    assert_eq!(files(&lab), 0, "the files of the locks are taken away");

    // A dead run locks nobody out, whatever it wrote.
    let mut third = Run::start_in(&lab, &sandbox, &plan, "third", &["--confirm", &confirm]);
    third.await_step("start-probes");
    third.process.signal(Signal::SIGKILL);
    third.process.wait(LIMIT);
    assert!(files(&lab) > 0);
    let mut undo = lab.lifeboat();
    undo.envs(&sandbox.exports).arg("undo").arg(lab.path("third"));
    Process::start(&lab, &mut undo).wait(LIMIT).expect_code(0);
    let fourth = Run::start_in(&lab, &sandbox, &plan, "fourth", &["--confirm", &confirm]);
    fourth.finish(LIMIT).1.expect("passed", "clean", &[]);
    assert_eq!(snapshot(&sandbox).expect("a snapshot"), before);
    sandbox.stop(&lab);
}

#[test]
fn two_runs_from_two_machines_are_kept_apart_by_a_tag() {
    let world = World::new();
    let before = everything(&world.sandbox);
    let mut first = world.run_from("a", &plan());
    first.await_step("choose-moment");
    first.process.signal(Signal::SIGSTOP);
    let locked = everything(&world.sandbox);
    let lock = world.lock().expect("a lock");
    assert!(lock.starts_with(&first.id()), "{lock}");
    let (ended, record) = world.run_from("b", &plan()).finish(LIMIT);
    ended.expect_code(101);
    record.expect(
        "errored",
        "clean",
        &[
            "table `orders` is being drilled by run",
            &first.id(),
            LOCK,
            "wait until that run has ended",
            "lifeboat undo",
        ],
    );
    assert_eq!(record.drill()["undos"], json!([]), "nothing was begun");
    assert_eq!(everything(&world.sandbox), locked, "the other run's is as it was");
    first.process.signal(Signal::SIGCONT);
    let (ended, record) = first.finish(LIMIT);
    ended.expect_code(0);
    record.expect("passed", "clean", &[]);
    assert_eq!(everything(&world.sandbox), before);
    world.sandbox.stop(&world.lab);
}

#[rstest]
#[case::of_another_run(&format!("{OTHER} until 2999-01-01T00:00:00Z"), &["is being drilled by run", OTHER, "2999-01-01"])]
#[case::of_nobody_knows_whom("mine", &["that no run wrote", "`mine`", "take it off"])]
fn a_lock_of_another_refuses_and_stays(#[case] value: &str, #[case] why: &[&str]) {
    let world = World::new();
    world.set_lock(value);
    let before = everything(&world.sandbox);
    let (ended, record) = world.run_from("a", &plan()).finish(LIMIT);
    ended.expect_code(101);
    record.expect("errored", "clean", why);
    assert_eq!(everything(&world.sandbox), before, "{ended}");
    world.sandbox.stop(&world.lab);
}

/// Two drills of one run on one target take it one after the other.
#[test]
fn an_expired_lock_is_taken_over_with_a_word_of_it() {
    let world = World::new();
    let before = everything(&world.sandbox);
    world.set_lock(&format!("{OTHER} until 2020-01-02T00:00:00Z"));
    let again =
        "\n[[drills]]\nname = \"again\"\nscenario = \"dynamodb-backup-restore\"\ntarget = \"orders\"\n";
    let (ended, record) = world.run_from("a", &format!("{}{again}", plan())).finish(LIMIT);
    ended.expect_code(0).expect_stderr(&[
        "lock: table `orders` carried the lock of run",
        OTHER,
        "was taken over",
    ]);
    let word = |drill: usize| record.value["drills"][drill]["observations"]["lock-taken-over"].clone();
    assert!(word(0).as_str().is_some_and(|word| word.contains("expired at 2020-01-02")), "{}", word(0));
    assert_eq!(word(1), Value::Null);
    assert_eq!(everything(&world.sandbox), before, "{ended}");
    world.sandbox.stop(&world.lab);
}

#[rstest]
#[case::lost_answer(json!({ "lie": "lose-response", "action": "TagResource" }))]
#[case::server_error(json!({ "lie": "http-5xx", "count": 1, "action": "TagResource" }))]
#[case::lost_answer_of_the_release(json!({ "lie": "lose-response", "action": "UntagResource" }))]
#[case::server_error_of_the_release(json!({ "lie": "http-5xx", "count": 1, "action": "UntagResource" }))]
fn a_call_without_an_answer_leaves_no_lock(#[case] lie: Value) {
    let world = World::new();
    let before = everything(&world.sandbox);
    world.sandbox.tell(&lie.to_string());
    let (ended, record) = world.run_from("a", &plan()).finish(LIMIT);
    record.expect("passed", "clean", &[]);
    assert_eq!(world.sandbox.admin("GET", "lies", ""), json!([]), "the call was not made: {ended}");
    assert_eq!(everything(&world.sandbox), before, "{ended}");
    world.sandbox.stop(&world.lab);
}

#[test]
fn a_run_that_is_killed_leaves_a_lock_that_its_undo_takes_off() {
    let world = World::new();
    let before = everything(&world.sandbox);
    let mut run = world.run_from("a", &plan());
    run.await_step("choose-moment");
    run.process.signal(Signal::SIGKILL);
    let id = run.id();
    run.process.wait(LIMIT);
    assert!(world.lock().is_some_and(|lock| lock.starts_with(&id)));
    let (ended, record) = world.run_from("b", &plan()).finish(LIMIT);
    ended.expect_code(101);
    record.expect("errored", "clean", &[&id]);
    let undo = world.undo("a");
    undo.expect_code(0);
    assert!(undo.stdout.contains("the lock on table `orders` is released"), "{undo}");
    assert_eq!(everything(&world.sandbox), before, "{undo}");
    world.sandbox.stop(&world.lab);
}

/// The undo of a dead run does not take off what another has put there since.
#[test]
fn an_undo_leaves_the_lock_of_another_alone() {
    let world = World::new();
    let mut run = world.run_from("a", &plan());
    run.await_step("choose-moment");
    run.process.signal(Signal::SIGKILL);
    run.process.wait(LIMIT);
    let theirs = format!("{OTHER} until 2999-01-01T00:00:00Z");
    world.set_lock(&theirs);
    let undo = world.undo("a");
    undo.expect_code(0);
    assert!(undo.stdout.contains("has no lock of this run; it carries one that is not this run's"), "{undo}");
    assert_eq!(world.lock(), Some(theirs));
    world.sandbox.stop(&world.lab);
}

#[test]
fn who_is_overwritten_before_he_reads_back_gives_way() {
    let world = World::new();
    let run = Run::stopped_at(&world.lab, &world.sandbox, &plan(), "lock-target");
    // Its read-back waits for so long, and reads then.
    world.sandbox.tell(r#"{"lie":"slow-answers","ms":5000}"#);
    run.process.signal(Signal::SIGCONT);
    let id = run.id();
    eventually("the lock", LIMIT, || world.lock().filter(|lock| lock.starts_with(&id)).ok_or("none"));
    world.sandbox.admin("DELETE", "lies", "");
    let theirs = format!("{OTHER} until 2999-01-01T00:00:00Z");
    world.set_lock(&theirs);
    let locked = everything(&world.sandbox);
    let (ended, record) = run.finish(LIMIT);
    ended.expect_code(101);
    record.expect("errored", "clean", &["table `orders` is being drilled by run", OTHER]);
    assert_eq!(everything(&world.sandbox), locked, "theirs is left alone: {ended}");
    world.sandbox.stop(&world.lab);
}

/// Who comes first while a run's call was refused and waits to be made again has the target. The next three calls would be
/// refused as well: there are seconds for it.
#[test]
fn who_locks_between_two_attempts_is_not_overwritten() {
    let world = World::new();
    let tagged = || world.sandbox.calls().iter().filter(|(action, _)| action == "TagResource").count();
    let already = tagged();
    world.sandbox.tell(r#"{"lie":"throttling","action":"TagResource","count":4}"#);
    let run = world.run_from("a", &plan());
    eventually("the refused call", LIMIT, || if tagged() > already { Ok(()) } else { Err(tagged()) });
    run.process.signal(Signal::SIGSTOP);
    world.sandbox.admin("DELETE", "lies", "");
    world.set_lock(&format!("{OTHER} until 2999-01-01T00:00:00Z"));
    let locked = everything(&world.sandbox);
    run.process.signal(Signal::SIGCONT);
    let (ended, record) = run.finish(LIMIT);
    ended.expect_code(101);
    record.expect("errored", "clean", &["is being drilled by run", OTHER]);
    assert_eq!(everything(&world.sandbox), locked, "theirs is left alone: {ended}");
    world.sandbox.stop(&world.lab);
}

fn tag_instance(sandbox: &External, value: &str) {
    let form = format!(
        "Action=AddTagsToResource&Version=2014-10-31&ResourceName=arn:aws:rds:us-east-1:000000000000:db:orders\
         &Tags.Tag.1.Key={LOCK}&Tags.Tag.1.Value={}",
        value.replace(' ', "%20")
    );
    let form_type = "Content-Type: application/x-www-form-urlencoded";
    let (status, answer) = request_with(sandbox.endpoint(), "POST", "/", form_type, &form);
    assert_eq!(status, 200, "{answer}");
}

#[test]
fn an_instance_is_locked_as_a_table_is() {
    let lab = Lab::new();
    let sandbox = External::start(&lab, ORDERS_SEED);
    let before = snapshot(&sandbox).expect("a snapshot");
    tag_instance(&sandbox, &format!("{OTHER} until 2999-01-01T00:00:00Z"));
    let plan = failover_plan("stable_for = '500ms'");
    let (ended, record) = Run::start_in(&lab, &sandbox, &plan, "refused", &[]).finish(LIMIT);
    ended.expect_code(101);
    record.expect("errored", "clean", &["DB instance `orders` is being drilled by run", OTHER]);
    assert!(!sandbox.calls().iter().any(|(action, _)| action == "RebootDBInstance"), "{ended}");
    tag_instance(&sandbox, &format!("{OTHER} until 2020-01-01T00:00:00Z"));
    sandbox.tell(r#"{"lie":"lose-response","action":"AddTagsToResource"}"#);
    let (ended, record) = Run::start_in(&lab, &sandbox, &plan, "passed", &[]).finish(LIMIT);
    record.expect("passed", "clean", &[]);
    ended.expect_stderr(&["lock: DB instance `orders` carried the lock of run"]);
    eventually("the state before", LIMIT, || match snapshot(&sandbox) {
        Ok(now) if now == before => Ok(()),
        Ok(now) => Err(format!("{now:#}")),
        Err(error) => Err(error),
    });
    sandbox.stop(&lab);
}
