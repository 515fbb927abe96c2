//! The budget of a plan: told beforehand, held against the plan before anything is called, and kept in the run.

use std::time::Duration;

use rstest::rstest;
use serde_json::Value;

use crate::support::{BACKED_UP_SEED, Ended, External, Lab, Process, Run, restore_plan, snapshot};

const MINUTE: Duration = Duration::from_secs(60);

fn command(lab: &Lab, sandbox: Option<&External>, plan: &str, arguments: &[&str]) -> Ended {
    let plan = lab.write("plan.toml", plan);
    let mut command = lab.lifeboat();
    match sandbox {
        Some(sandbox) => command.envs(&sandbox.exports),
        // Nothing answers there.
        None => {
            command.env("AWS_ENDPOINT_URL", "http://127.0.0.1:1").env("LIFEBOAT_SANDBOX_PASSWORD", "none")
        }
    };
    command.args(arguments).arg(plan);
    Process::start(lab, &mut command).wait(MINUTE)
}

fn with_safety(options: &str, safety: &str) -> String {
    restore_plan("rds-pitr", options) + "\n[safety]\n" + safety
}

#[rstest]
#[case::no_copy("", "max_restored = 0", &["`restore`", "restores 1", "max_restored = 0"])]
#[case::life("", "longest_life = '2m'", &["`restore`", "a DB instance", "longest_life is 2 min", "lower give_up"])]
#[case::fallback(
    "fallback_classes = ['db.r6g.xlarge']",
    "largest_class = 'db.r6g.large'",
    &["`restore`", "fallback_classes has db.r6g.xlarge", "largest_class", "it is larger"]
)]
#[case::fallback_of_no_size(
    "fallback_classes = ['db.serverless']",
    "largest_class = 'db.r6g.large'",
    &["`restore`", "db.serverless", "cannot be compared"]
)]
#[case::fallback_of_two_zones("fallback_zones = ['us-east-1b']\nmulti_az = true", "", &["`restore`", "fallback_zones", "multi_az"])]
#[case::fallback_under_its_name(
    "fallback_classes = ['db.t4g.large']\npromote = true\nwrites_stopped = true",
    "",
    &["`restore`", "promote", "fallback_classes"]
)]
#[case::kept("keep = true", "longest_life = '40h'", &["`restore`", "keep = true", "longest_life"])]
#[case::ticket("", "require_change_ticket = true", &["[safety]", "require_change_ticket", "no change_ticket"])]
#[case::blank_ticket("", "require_change_ticket = true\nchange_ticket = ' '", &["no change_ticket"])]
fn what_goes_beyond_it_is_refused_before_anything_is_called(
    #[case] options: &str,
    #[case] safety: &str,
    #[case] words: &[&str],
) {
    let lab = Lab::new();
    let plan = with_safety(options, safety);
    for subcommand in ["run", "plan"] {
        let ended = command(&lab, None, &plan, &[subcommand]);
        ended.expect_code(2).expect_stderr(words);
    }
    assert!(!lab.path("lifeboat-runs").exists());
}

#[test]
fn a_plan_says_what_is_restored_and_billed() {
    let lab = Lab::new();
    let plan = with_safety("", "max_restored = 3\nlongest_life = '10h'\nlargest_class = 'db.r6g.large'");
    let ended = command(&lab, None, &plan, &["plan"]);
    ended.expect_code(0);
    for words in [
        "restored copies: 1 in all, at most 1 at once",
        "max_restored = 3, largest_class = db.r6g.large, longest_life = 10 h",
        "restore: billed: a DB instance of the source's class",
        " at most, and until it is deleted",
    ] {
        assert!(ended.stdout.contains(words), "`{words}` is not in {ended}");
    }
}

#[test]
fn a_class_that_is_too_large_is_refused_by_the_guard() {
    let lab = Lab::new();
    let sandbox = External::start(&lab, BACKED_UP_SEED);
    let before = snapshot(&sandbox).expect("a snapshot");
    let plan = with_safety("", "largest_class = 'db.t4g.nano'");
    let checked = command(&lab, Some(&sandbox), &plan, &["plan", "--check"]);
    checked.expect_code(101);
    for words in ["restore: its copy: class db.t4g.micro, 20 GiB", "largest_class = \"db.t4g.nano\""] {
        assert!(checked.stdout.contains(words), "`{words}` is not in {checked}");
    }
    let (ended, record) = Run::start(&lab, &sandbox, &plan, &[]).finish(MINUTE);
    ended.expect_code(101);
    record.expect("errored", "clean", &["`orders`", "db.t4g.nano", "class db.t4g.micro", "raise the limit"]);
    assert_eq!(record.drill()["undos"], serde_json::json!([]), "{ended}");
    assert_eq!(snapshot(&sandbox).expect("a snapshot"), before);
    sandbox.stop(&lab);
}

/// Two tables, each restored into a copy: side by side, but for the budget.
#[test]
fn drills_wait_until_there_is_room_for_their_copies() {
    let lab = Lab::new();
    let table =
        |name: &str| format!("[[tables]]\nname = '{name}'\nkey = ['id']\nattributes = {{ id = 'S' }}\n");
    let sandbox = External::start(&lab, &(table("one") + &table("two")));
    let drill = |name: &str| {
        format!(
            "[targets.{name}]\nkind = 'dynamodb-table'\ntable = '{name}'\n\
             [[drills]]\nname = '{name}'\nscenario = 'dynamodb-backup-restore'\ntarget = '{name}'\ncanary_table = true\n"
        )
    };
    let environment = "[environment]\nname = 'e'\nprovider = 'sandbox'\nendpoint = '${AWS_ENDPOINT_URL}'\n";
    let plan = format!("{environment}{}{}[safety]\nmax_restored = 1\n", drill("one"), drill("two"));
    let run = Run::start(&lab, &sandbox, &plan, &[]);
    let dir = run.dir.clone();
    let (ended, record) = run.finish(MINUTE * 2);
    ended.expect_code(0);
    assert_eq!(record.value["verdict"], "passed");
    let journal = std::fs::read_to_string(dir.join("journal.jsonl")).expect("the journal");
    let events: Vec<Value> = journal.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let bounds: Vec<(&str, &str)> = events
        .iter()
        .filter_map(|event| Some((event["event"].as_str()?, event["drill"].as_str()?)))
        .filter(|(event, _)| ["drill-started", "drill-ended"].contains(event))
        .collect();
    let [("drill-started", a), ("drill-ended", b), ("drill-started", c), ("drill-ended", d)] = bounds[..]
    else {
        panic!("side by side: {bounds:?}");
    };
    assert!(a == b && c == d && a != c, "{bounds:?}");
    sandbox.stop(&lab);
}
