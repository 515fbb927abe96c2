//! Mistakes in a plan or on the command line: exit code 2, one sentence that names what is wrong and where, and nothing
//! started for it.

use std::time::Duration;

use rstest::rstest;

use crate::support::{Ended, Lab, Process};

const PLAN: &str = r#"
[environment]
name = "test"
provider = "sandbox"

[targets.plain]
kind = "postgres"
host = "127.0.0.1"
port = "${PLAIN_PORT}"
database = "app"
user = "drill"
password = "${PLAIN_PASSWORD}"

[[drills]]
name = "exhaustion"
scenario = "connection-exhaustion"
target = "plain"
"#;

/// Longer than any refusal takes, and shorter than a sandbox needs to start and be stopped.
const AT_ONCE: Duration = Duration::from_secs(10);

fn run(lab: &Lab, plan: &str, arguments: &[&str]) -> Ended {
    let plan = lab.write("plan.toml", plan);
    let mut command = lab.lifeboat();
    command.arg("run").arg(plan).args(arguments).env("PLAIN_PORT", "1").env("PLAIN_PASSWORD", "hunter2");
    Process::start(lab, &mut command).wait(AT_ONCE)
}

/// Refused before anything was begun, with these words in one sentence.
#[track_caller]
fn is_refused(lab: &Lab, ended: &Ended, words: &[&str]) {
    ended.expect_code(2).expect_stderr(words);
    assert!(ended.stderr.starts_with("lifeboat: "), "{ended}");
    assert!(!ended.stderr.contains("hunter2"), "a secret is told: {ended}");
    assert!(!ended.stderr.contains("panicked"), "{ended}");
    assert_eq!(ended.stdout, "", "{ended}");
    assert_eq!(lab.leftovers(), Vec::<String>::new());
    assert!(!lab.path("lifeboat-runs").exists(), "a folder was made for a run that is none");
}

#[rstest]
#[case::unknown_key_of_the_environment("name = \"test\"", "name = \"test\"\nzone = 1", &["[environment]", "`zone`", "expected"])]
#[case::unknown_key_of_a_target("host =", "hosts =", &["[targets.plain]", "`hosts`", "expected"])]
#[case::unknown_option_of_a_drill("target = \"plain\"", "target = \"plain\"\nholds = \"1s\"", &["`exhaustion`", "`holds`", "expected"])]
#[case::unknown_section("[[drills]]", "[extra]\na = 1\n[[drills]]", &["extra", "unknown section", "`drills`"])]
#[case::wrong_type_in_the_environment("provider = \"sandbox\"", "provider = \"sandbox\"\nproduction = \"no\"", &["[environment]", "`production`", "boolean"])]
#[case::wrong_type_in_a_target("user = \"drill\"", "user = 7", &["[targets.plain]", "`user`", "string"])]
#[case::wrong_type_in_a_drill("target = \"plain\"", "target = \"plain\"\nrto = 5", &["[[drills]]", "`rto`", "string"])]
#[case::wrong_type_of_an_option("target = \"plain\"", "target = \"plain\"\nconnections = \"all\"", &["`exhaustion`", "`connections`", "u32"])]
#[case::negative_option("target = \"plain\"", "target = \"plain\"\nconnections = -1", &["`exhaustion`", "`connections`", "-1"])]
#[case::no_duration("target = \"plain\"", "target = \"plain\"\nrto = \"soon\"", &["`rto`", "`soon`", "ms, s, m, h"])]
#[case::an_objective_without_meaning("target = \"plain\"", "target = \"plain\"\nrpo = \"0s\"", &["`exhaustion`", "rpo", "drop it"])]
#[case::no_port("\"${PLAIN_PORT}\"", "0", &["[targets.plain]", "`port`", "1 to 65535"])]
#[case::malformed_variable("${PLAIN_PASSWORD}", "${PLAIN_PASSWORD", &["[targets.plain] password", "${NAME}"])]
#[case::password_in_clear("${PLAIN_PASSWORD}", "hunter2", &["[targets.plain] password", "export it"])]
#[case::unknown_provider("\"sandbox\"", "\"cloud\"", &["[environment]", "`provider`", "`cloud`", "`localstack`"])]
#[case::unknown_kind("\"postgres\"", "\"mysql\"", &["[targets.plain]", "mysql", "`rds-instance`"])]
#[case::missing_key("database = \"app\"\n", "", &["[targets.plain]", "missing", "`database`"])]
#[case::unknown_target("target = \"plain\"", "target = \"plane\"", &["`exhaustion`", "[targets.plane]", "it has: plain"])]
#[case::unknown_scenario("\"connection-exhaustion\"", "\"meteor\"", &["`exhaustion`", "`meteor`", "rds-failover"])]
#[case::scenario_for_another_kind("\"connection-exhaustion\"", "\"rds-failover\"", &["`exhaustion`", "rds-instance", "`plain`"])]
#[case::production_without_a_cap("name = \"test\"", "name = \"test\"\nproduction = true", &["`exhaustion`", "production", "connections = N"])]
#[case::tls_without_a_ca("user = \"drill\"", "user = \"drill\"\ntls = \"verify-full\"", &["[targets.plain] tls_ca", "PEM file"])]
#[case::unknown_tls("user = \"drill\"", "user = \"drill\"\ntls = \"require\"", &["[targets.plain]", "`tls`", "`verify-full`"])]
#[case::a_ca_without_tls("user = \"drill\"", "user = \"drill\"\ntls = \"off\"\ntls_ca = \"ca.pem\"", &["[targets.plain] tls_ca", "off"])]
#[case::no_environment("[environment]\nname = \"test\"\nprovider = \"sandbox\"\n", "", &["[environment]", "missing"])]
#[case::no_toml("kind = \"postgres\"", "kind is postgres", &["not valid TOML", "line 7"])]
#[case::no_toml_around_a_secret("\"${PLAIN_PASSWORD}\"", "hunter2", &["not valid TOML", "line 12"])]
#[case::aws_nowhere("\"sandbox\"", "\"aws\"", &["[environment]", "AWS itself", "`region` and `account`", "allow_loopback"])]
#[case::aws_in_any_region("\"sandbox\"", "\"aws\"\naccount = \"123456789012\"", &["[environment]", "`region`"])]
#[case::aws_in_any_account("\"sandbox\"", "\"aws\"\nregion = \"eu-west-1\"", &["[environment]", "`account`"])]
#[case::aws_in_no_account(
    "\"sandbox\"",
    "\"aws\"\nregion = \"eu-west-1\"\naccount = \"mine\"",
    &["[environment]", "`account`, twelve digits"]
)]
#[case::aws_in_no_region(
    "\"sandbox\"",
    "\"aws\"\nregion = \"\"\naccount = \"123456789012\"",
    &["[environment]", "`region`"]
)]
#[case::aws_on_a_server_of_this_machine(
    "\"sandbox\"\n\n[targets.plain]",
    "\"aws\"\nregion = \"eu-west-1\"\naccount = \"123456789012\"\n\n[targets.plain]\ntls = \"off\"",
    &["[targets.plain] host", "`127.0.0.1`", "verify-full"]
)]
#[case::aws_endpoint(
    "\"sandbox\"",
    "\"aws\"\nendpoint = \"https://rds.eu-west-1.amazonaws.com\"",
    &["`https://rds.eu-west-1.amazonaws.com`", "nor all of AWS", "leave `endpoint` out"]
)]
#[case::a_token_in_clear(
    "\"sandbox\"",
    "\"localstack\"\nlocalstack = { auth_token = \"in-clear\" }",
    &["[environment.localstack]", "auth_token", "${NAME}"]
)]
#[case::aws_on_this_machine(
    "\"sandbox\"",
    "\"aws\"\nendpoint = \"http://127.0.0.1:1\"",
    &["provider \"aws\"", "`http://127.0.0.1:1`", "allow_loopback = true"]
)]
#[case::loopback_and_no_address(
    "\"sandbox\"",
    "\"aws\"\nallow_loopback = true",
    &["allow_loopback = true", "AWS_ENDPOINT_URL", "AWS itself"]
)]
#[case::loopback_where_there_is_no_other(
    "\"sandbox\"",
    "\"sandbox\"\nallow_loopback = true",
    &["allow_loopback", "provider \"sandbox\""]
)]
#[case::stop_conditions_target("[[drills]]", "[[stop_conditions]]\nname = \"x\"\nsql = \"select true\"\ntarget = \"plane\"\n[[drills]]", &["`x`", "[targets.plane]"])]
#[case::sandbox_elsewhere(
    "\"sandbox\"",
    "\"sandbox\"\nendpoint = \"http://10.1.2.3:4566\"",
    &["`http://10.1.2.3:4566`", "not on this machine"]
)]
fn in_a_plan(#[case] from: &str, #[case] to: &str, #[case] words: &[&str]) {
    let lab = Lab::new();
    let plan = PLAN.replacen(from, to, 1);
    assert_ne!(plan, PLAN);
    is_refused(&lab, &run(&lab, &plan, &[]), words);
}

/// What a plan for AWS itself has to say.
const AWS_ITSELF: &str = "\"aws\"\nregion = \"eu-west-1\"\naccount = \"123456789012\"";

/// The variables of the machine decide as much as the plan.
#[test]
fn aws_by_the_variable_for_endpoints() {
    let lab = Lab::new();
    let plan = lab.write("plan.toml", &PLAN.replacen("\"sandbox\"", AWS_ITSELF, 1));
    for (variable, value) in [
        ("AWS_ENDPOINT_URL", "https://rds.eu-west-1.amazonaws.com"),
        ("AWS_ENDPOINT_URL", "https://aws.example.com"),
        ("AWS_ENDPOINT_URL_RDS", "http://rds.eu-west-1.amazonaws.com"),
    ] {
        let mut command = lab.lifeboat();
        command.arg("run").arg(&plan).env(variable, value);
        let ended = Process::start(&lab, &mut command).wait(AT_ONCE);
        is_refused(&lab, &ended, &[&format!("`{value}`"), "nor all of AWS"]);
    }
}

/// A variable that sends all tools to a stand-in is not what a plan for AWS means, unless it says so.
#[test]
fn aws_and_a_variable_that_leads_to_this_machine() {
    let lab = Lab::new();
    let run = |more: &str| {
        let plan = lab.write("plan.toml", &PLAN.replacen("\"sandbox\"", &format!("\"aws\"{more}"), 1));
        let mut command = lab.lifeboat();
        command.arg("run").arg(plan).env("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
        command.env("PLAIN_PORT", "1").env("PLAIN_PASSWORD", "hunter2");
        Process::start(&lab, &mut command).wait(AT_ONCE)
    };
    let itself = AWS_ITSELF.trim_start_matches("\"aws\"");
    is_refused(
        &lab,
        &run(itself),
        &["`http://127.0.0.1:1`", "allow_loopback = true", "unset AWS_ENDPOINT_URL"],
    );
    // Meant, the run goes on to its target, where nothing answers either.
    run("\nallow_loopback = true").expect_code(101).expect_stderr(&["127.0.0.1:1", "not released"]);
}

#[test]
fn no_drills_and_two_of_one_name() {
    let lab = Lab::new();
    let drill = &PLAN[PLAN.find("[[drills]]").expect("a drill")..];
    is_refused(&lab, &run(&lab, &PLAN.replace(drill, ""), &[]), &["no [[drills]]", "lifeboat list"]);
    is_refused(&lab, &run(&lab, &format!("{PLAN}{drill}"), &[]), &["two drills", "`exhaustion`"]);
}

#[test]
fn a_drill_that_the_plan_does_not_have() {
    let lab = Lab::new();
    is_refused(&lab, &run(&lab, PLAN, &["--drill", "meteor"]), &["no drill `meteor`", "it has: exhaustion"]);
}

#[test]
fn a_variable_that_is_not_set() {
    let lab = Lab::new();
    // With an endpoint of its own: else the sandbox's variables are not known before it is there.
    let plan = PLAN.replacen("\"sandbox\"", "\"sandbox\"\nendpoint = \"http://127.0.0.1:1\"", 1);
    let plan = plan.replacen("${PLAIN_PASSWORD}", "${NOBODY_SET_THIS}", 1);
    let words = ["[targets.plain] password", "`NOBODY_SET_THIS`", "not set", "export it"];
    is_refused(&lab, &run(&lab, &plan, &[]), &words);
}

#[rstest]
#[case::missing("missing.toml", &["missing.toml", "No such file"])]
#[case::a_folder("tmp", &["tmp", "Is a directory"])]
#[case::not_text("binary.toml", &["binary.toml", "UTF-8"])]
#[case::empty("empty.toml", &["empty.toml", "[environment]", "missing"])]
fn a_plan_that_is_no_plan(#[case] name: &str, #[case] words: &[&str]) {
    let lab = Lab::new();
    std::fs::write(lab.path("binary.toml"), [0xff, 0xfe, 0x00, 0x80]).expect("written");
    lab.write("empty.toml", "");
    for subcommand in ["run", "plan"] {
        let mut command = lab.lifeboat();
        command.arg(subcommand).arg(lab.path(name));
        is_refused(&lab, &Process::start(&lab, &mut command).wait(AT_ONCE), words);
    }
}

#[rstest]
#[case::no_plan(&["run"], "<PLAN>")]
#[case::unknown_flag(&["run", "plan.toml", "--fast"], "--fast")]
#[case::unknown_runtime(&["run", "plan.toml", "--runtime", "podman"], "podman")]
#[case::no_number(&["sandbox", "up", "--port", "many"], "many")]
#[case::no_folder(&["undo"], "<DIR>")]
fn on_the_command_line(#[case] arguments: &[&str], #[case] word: &str) {
    let lab = Lab::new();
    let ended = Process::start(&lab, lab.lifeboat().args(arguments)).wait(AT_ONCE);
    ended.expect_code(2).expect_stderr(&[word, "--help"]);
}

#[rstest]
#[case("undo", "journal.jsonl")]
#[case("judge", "plan.json")]
fn a_folder_that_is_no_run(#[case] subcommand: &str, #[case] file: &str) {
    let lab = Lab::new();
    let missing = Process::start(&lab, lab.lifeboat().args([subcommand, "nowhere"])).wait(AT_ONCE);
    is_refused(&lab, &missing, &["nowhere/", "No such file"]);
    // Files of another tool are left as they are.
    std::fs::create_dir(lab.path("other")).expect("a folder");
    for name in ["journal.jsonl", "ledger.jsonl", "plan.json"] {
        lab.write(&format!("other/{name}"), "{\"a\": 1}\n");
    }
    let other = Process::start(&lab, lab.lifeboat().args([subcommand, "other"])).wait(AT_ONCE);
    is_refused(&lab, &other, &["other"]);
    assert_eq!(std::fs::read_dir(lab.path("other")).expect("the folder").count(), 3, "{file}");
}
