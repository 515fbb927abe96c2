//! The schema of plans against the command: what the one refuses the other refuses, and the same with what they take.

use std::process::Command;
use std::time::Duration;

use rstest::rstest;

use crate::schemas::{committed, json_of_plan};
use crate::support::{Lab, Process, schema_problems};

const MINUTE: Duration = Duration::from_secs(60);

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

[targets.orders]
kind = "rds-instance"
identifier = "orders"
database = "app"
user = "drill"
password = "${PLAIN_PASSWORD}"

[[drills]]
name = "exhaustion"
scenario = "connection-exhaustion"
target = "plain"
rto = "5s"

[[drills]]
name = "restore"
scenario = "rds-pitr"
target = "orders"
"#;

/// What `lifeboat plan` and the schema say of a plan.
fn both(plan: &str) -> (Option<i32>, Option<String>) {
    let lab = Lab::new();
    let path = lab.write("plan.toml", plan);
    let mut command: Command = lab.lifeboat();
    command
        .arg("plan")
        .arg(path)
        .env("PLAIN_PORT", "5432")
        .env("PLAIN_PASSWORD", "x")
        .env("WORD", "sandbox")
        .env("URL", "https://127.0.0.1:1/x");
    let ended = Process::start(&lab, command.env("TIME", "5s")).wait(MINUTE);
    (ended.code, schema_problems(&committed("plan"), &[json_of_plan(plan)]).remove(0))
}

/// Each is refused by the command and by the schema, which names the place.
#[rstest]
#[case::key_of_a_plan("[environment]", "[environments]\n[environment]", "environments")]
#[case::key_of_the_environment("provider =", "zone = 1\nprovider =", "$.environment: ")]
#[case::key_of_a_target("host =", "hosts = 'x'\nhost =", "hosts")]
#[case::option_of_no_drill("rto = \"5s\"", "holds = '1s'", "holds")]
#[case::option_of_another_drill("rto = \"5s\"", "probe_interval = '1s'", "probe_interval")]
#[case::option_of_every_restore(
    "scenario = \"rds-pitr\"",
    "scenario = \"rds-pitr\"\nshow_value = true",
    "show_value"
)]
#[case::option_of_another_restore(
    "scenario = \"rds-pitr\"",
    "scenario = \"rds-pitr\"\nsnapshot = 'fresh'",
    "snapshot"
)]
#[case::key_in_a_table(
    "target = \"orders\"",
    "target = \"orders\"\ntables = [{ name = 'a', exactly = true }]",
    "tables[0]"
)]
#[case::two_modes(
    "target = \"orders\"",
    "target = \"orders\"\ntables = [{ name = 'a', as_of = 'b', at_least = 1 }]",
    "tables[0]"
)]
#[case::unknown_scenario("\"rds-pitr\"", "\"rds-pitre\"", "scenario")]
#[case::unknown_kind("\"postgres\"", "\"mysql\"", "kind")]
#[case::unknown_provider("\"sandbox\"", "\"cloud\"", "provider")]
#[case::aws_anywhere("provider = \"sandbox\"", "provider = \"aws\"", "$.environment: ")]
#[case::aws_in_any_account(
    "provider = \"sandbox\"",
    "provider = \"aws\"\nregion = 'eu-west-1'\nallow_loopback = false",
    "account"
)]
#[case::aws_in_any_region("provider = \"sandbox\"", "provider = \"aws\"\naccount = '123456789012'", "region")]
#[case::wrong_type_of_a_flag("provider =", "production = 'no'\nprovider =", "production")]
#[case::wrong_type_of_an_objective("rto = \"5s\"", "rto = 5", "rto")]
#[case::no_duration("rto = \"5s\"", "rto = \"soon\"", "rto")]
#[case::a_duration_in_days("rto = \"5s\"", "rto = \"2d\"", "rto")]
#[case::wrong_type_of_an_option("rto = \"5s\"", "connections = 'all'", "connections")]
#[case::negative_option("rto = \"5s\"", "connections = -1", "connections")]
#[case::no_connections("rto = \"5s\"", "connections = 0", "connections")]
#[case::no_port("\"${PLAIN_PORT}\"", "0", "port")]
#[case::too_high_a_port("\"${PLAIN_PORT}\"", "65536", "port")]
#[case::no_port_in_a_text("\"${PLAIN_PORT}\"", "'http'", "port")]
#[case::password_in_clear("${PLAIN_PASSWORD}", "hunter2", "password")]
#[case::no_password("password = \"${PLAIN_PASSWORD}\"\n\n[targets.orders]", "[targets.orders]", "plain")]
#[case::two_passwords("host =", "password_secret = 'a'\nhost =", "plain")]
#[case::a_password_and_tokens("identifier =", "auth = 'iam'\nidentifier =", "orders")]
#[case::tokens_of_a_plain_server(
    "password = \"${PLAIN_PASSWORD}\"\n\n[targets.orders]",
    "auth = 'iam'\n[targets.orders]",
    "plain"
)]
#[case::other_tokens(
    "password = \"${PLAIN_PASSWORD}\"\n\n[[drills]]",
    "auth = 'kerberos'\n[[drills]]",
    "auth"
)]
#[case::two_of_the_administrator(
    "identifier =",
    "admin_user = 'a'\nadmin_auth = 'iam'\nadmin_password = '${PLAIN_PASSWORD}'\nidentifier =",
    "orders"
)]
#[case::no_secret(
    "password = \"${PLAIN_PASSWORD}\"\n\n[targets.orders]",
    "password_secret = 'a b'\n[targets.orders]",
    "password_secret"
)]
#[case::one_secret_for_two(
    "password = \"${PLAIN_PASSWORD}\"\n\n[targets.orders]",
    "password_secret = 'a'\nadmin_user = 'b'\n[targets.orders]",
    "plain"
)]
#[case::missing_key("database = \"app\"\n", "", "database")]
#[case::class_without_a_size(
    "[targets.plain]",
    "[safety]\nlargest_class = 'db.serverless'\n[targets.plain]",
    "largest_class"
)]
#[case::a_condition_of_two_kinds(
    "[[drills]]",
    "[[stop_conditions]]\nname = 'x'\nalarm = 'a'\ntime_budget = '1h'\n[[drills]]",
    "stop_conditions[0]"
)]
#[case::a_key_of_another_condition(
    "[[drills]]",
    "[[stop_conditions]]\nname = 'x'\nalarm = 'a'\nfailures = 2\n[[drills]]",
    "stop_conditions[0]"
)]
#[case::a_condition_of_two_kinds_and_a_key_of_one(
    "[[drills]]",
    "[[stop_conditions]]\nname = 'x'\nhttp = 'http://127.0.0.1:1/'\nfailures = 2\ntime_budget = '1h'\n[[drills]]",
    "stop_conditions[0]"
)]
#[case::a_query_without_its_server(
    "[[drills]]",
    "[[stop_conditions]]\nname = 'x'\nsql = 'select true'\n[[drills]]",
    "stop_conditions[0]"
)]
#[case::no_look_at_a_time_budget(
    "[[drills]]",
    "[[stop_conditions]]\nname = 'x'\ntime_budget = '1h'\nevery = '1s'\n[[drills]]",
    "stop_conditions[0]"
)]
#[case::no_role(
    "provider = \"sandbox\"",
    "provider = \"aws\"\nallow_loopback = true\nassume_role = { role_arn = 'drill' }",
    "role_arn"
)]
#[case::no_key_of_kms("[targets.plain]", "[evidence]\nkms_key = 'k'\n[targets.plain]", "kms_key")]
#[case::no_control("rto = \"5s\"", "controls = ['A1.2']", "controls[0]")]
#[case::a_variable_for_a_control("rto = \"5s\"", "controls = ['soc2:${WORD}']", "controls[0]")]
#[case::a_control_twice("rto = \"5s\"", "controls = ['soc2:A1.2', 'soc2:A1.2']", "controls")]
#[case::no_period_of_controls(
    "rto = \"5s\"",
    "controls = ['soc2:A1.2']\n[controls]\nperiod = '5w'",
    "controls.period"
)]
#[case::too_long_a_period("rto = \"5s\"", "controls = ['soc2:A1.2']\n[controls]\nperiod = '3654d'", "period")]
#[case::no_period_of_a_control(
    "rto = \"5s\"",
    "controls = ['soc2:A1.2']\n[controls.periods]\n'soc2:A1.2' = '0d'",
    "soc2:A1.2"
)]
#[case::no_kind_of_notice("[[drills]]", "[[notices]]\nname = 'n'\nkind = 'pager'\n[[drills]]", "kind")]
#[case::a_webhook_in_clear(
    "[[drills]]",
    "[[notices]]\nname = 'n'\nkind = 'slack'\nurl = 'https://example.com/x'\n[[drills]]",
    "url"
)]
#[case::a_gateway_with_a_password(
    "[[drills]]",
    "[[notices]]\nname = 'n'\nkind = 'pushgateway'\nurl = 'https://a:b@example.com'\n[[drills]]",
    "url"
)]
#[case::a_notice_to_nobody("[[drills]]", "[[notices]]\nname = 'n'\nkind = 'webhook'\n[[drills]]", "url")]
#[case::a_key_of_another_notice(
    "[[drills]]",
    "[[notices]]\nname = 'n'\nkind = 'slack'\nurl = '${WORD}'\nbearer = '${WORD}'\n[[drills]]",
    "notices[0]"
)]
#[case::only_what(
    "[[drills]]",
    "[[notices]]\nname = 'n'\nkind = 'slack'\nurl = '${URL}'\nonly = 'x'\n[[drills]]",
    "only"
)]
#[case::no_address(
    "provider = \"sandbox\"",
    "provider = \"aws\"\nallow_loopback = true\n[[notices]]\nname = 'n'\nkind = 'email'\nfrom = 'a b@example.com'\nto = ['c@example.com']",
    "from"
)]
fn a_mistake(#[case] from: &str, #[case] to: &str, #[case] place: &str) {
    let plan = PLAN.replacen(from, to, 1);
    assert_ne!(plan, PLAN);
    let (code, problem) = both(&plan);
    assert_eq!(code, Some(2), "the command takes it");
    let problem = problem.expect("the schema takes it");
    assert!(problem.contains(place), "{problem}");
}

/// Each is taken by both.
#[rstest]
#[case::as_it_is("", "")]
#[case::a_variable_for_a_word("provider = \"sandbox\"", "provider = \"${WORD}\"")]
#[case::a_variable_for_a_duration("rto = \"5s\"", "rto = \"${TIME}\"")]
#[case::a_number_for_a_port("\"${PLAIN_PORT}\"", "5432")]
#[case::a_text_for_a_port("\"${PLAIN_PORT}\"", "\"5432\"")]
#[case::a_duration_with_a_point("rto = \"5s\"", "rto = \".5 m\"")]
#[case::a_secret(
    "password = \"${PLAIN_PASSWORD}\"\n\n[targets.orders]",
    "password_secret = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/root-a1'\n[targets.orders]"
)]
#[case::both_tokens(
    "password = \"${PLAIN_PASSWORD}\"\n\n[[drills]]",
    "auth = 'iam'\nadmin_user = 'a'\nadmin_auth = 'iam'\n[[drills]]"
)]
#[case::a_secret_and_an_administrator(
    "password = \"${PLAIN_PASSWORD}\"\n\n[targets.orders]",
    "password_secret = 'a'\nadmin_user = 'b'\nadmin_password = '${PLAIN_PASSWORD}'\n[targets.orders]"
)]
#[case::a_class("[targets.plain]", "[safety]\nlargest_class = 'db.r6g.12xlarge'\n[targets.plain]")]
#[case::conditions(
    "[[drills]]",
    "[[stop_conditions]]\nname = 'x'\nhttp = 'http://127.0.0.1:1/'\nfailures = 2\n[[stop_conditions]]\nname = 'y'\nsql = 'select \
     true'\ntarget = 'plain'\nevery = '1s'\n[[drills]]"
)]
#[case::a_key_of_kms(
    "[targets.plain]",
    "[evidence]\nkms_key = 'arn:aws:kms:eu-west-1:123456789012:alias/drills'\n[targets.plain]"
)]
#[case::controls(
    "rto = \"5s\"",
    "controls = ['soc2:A1.2', 'nist-800-53:cp-9(1)']\n[controls]\nperiod = '035d'\n[controls.periods]\n'soc2:A1.2' = '3653d'"
)]
#[case::notices(
    "[[drills]]",
    "[[notices]]\nname = 'n'\nkind = 'slack'\nurl = '${URL}'\nonly = 'failures'\n[[notices]]\nname = 'm'\nkind = \
     'pushgateway'\nurl = 'http://127.0.0.1:9091'\n[[drills]]"
)]
#[case::another_kind_of_drill("\"rds-pitr\"", "\"rds-failover\"")]
#[case::what_stands_in_for_aws(
    "\"sandbox\"",
    "\"aws\"\nallow_loopback = true\nendpoint = 'http://127.0.0.1:1'"
)]
fn no_mistake(#[case] from: &str, #[case] to: &str) {
    let (code, problem) = both(&PLAN.replacen(from, to, 1));
    assert_eq!((code, problem), (Some(0), None));
}
