//! Plans as people get them wrong: each error names the section and what to do.

use rstest::rstest;

use super::*;
use crate::{Password, Secret};

const PLAN: &str = r#"
[environment]
name = "staging"
provider = "aws"
region = "eu-west-1"
account = "123456789012"

[targets.orders]
kind = "rds-instance"
identifier = "orders-${ENV}"
database = "app"
user = "drill"
password = "${ORDERS_PASSWORD}"

[targets.plain]
kind = "postgres"
host = "127.0.0.1"
port = "${PORT}"
database = "app"
user = "drill"
password = "${ORDERS_PASSWORD}"

[[drills]]
name = "orders-failover"
scenario = "rds-failover"
target = "orders"
rto = "120s"
rpo = "0s"
stable_for = "5s"
"#;

fn lookup(name: &str) -> Option<String> {
    let value = match name {
        "ENV" => "blue",
        "PORT" => "6432",
        "ORDERS_PASSWORD" => "hunter2",
        _ => return None,
    };
    Some(value.into())
}

fn resolve(text: &str) -> Result<PlanFile, PlanFileError> {
    PlanFile::resolve(&PlanFile::raw(text)?, &lookup)
}

#[test]
fn a_whole_plan() {
    let plan = resolve(PLAN).unwrap();
    let TargetEntry::RdsInstance(orders) = &plan.targets["orders"] else { panic!("another kind") };
    let password = Password::from(Secret::new("hunter2".into()));
    assert_eq!((orders.identifier.as_str(), &orders.password), ("orders-blue", &password));
    let TargetEntry::Postgres(plain) = &plan.targets["plain"] else { panic!("another kind") };
    assert_eq!(plain.port, crate::Port::Number(6432));
    let drill = &plan.drills[0];
    assert_eq!(drill.rto.unwrap().0.as_secs(), 120);
    assert_eq!(drill.options.keys().collect::<Vec<_>>(), ["stable_for"], "what is left is the drill's own");
    let names = PlanFile::variables(&PlanFile::raw(PLAN).unwrap()).unwrap();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["ENV", "ORDERS_PASSWORD", "PORT"]);
    assert!(!format!("{plan:?}").contains("hunter2"));
}

#[rstest]
#[case("database = \"app\"\nuser", "databse = \"app\"\nuser", &["[targets.orders]", "databse"])]
#[case("provider = \"aws\"", "provider = \"gcp\"", &["[environment]", "gcp", "sandbox"])]
#[case("rto = \"120s\"", "rto = 120", &["[[drills]] number 1", "120", "in `rto`"])]
#[case("rto = \"120s\"", "rto = \"120\"", &["[[drills]] number 1", "`120`", "ms, s, m, h"])]
#[case("kind = \"postgres\"", "kind = \"mysql\"", &["[targets.plain]", "mysql", "postgres"])]
#[case("kind = \"postgres\"\n", "", &["[targets.plain]", "`kind`", "postgres"])]
#[case("kind = \"postgres\"", "kind = 1", &["[targets.plain]", "1", "postgres"])]
#[case("host = \"127.0.0.1\"", "host = 1", &["[targets.plain]", "in `host`"])]
#[case("port = \"${PORT}\"", "port = 70000", &["[targets.plain]", "70000", "65535", "in `port`"])]
#[case("password = \"${ORDERS_PASSWORD}\"", "password = \"x\"", &["targets.orders", "password", "${NAME}"])]
#[case("password = \"${ORDERS_PASSWORD}\"", "password = 73313", &["targets.orders", "password", "${NAME}"])]
#[case("password = \"${ORDERS_PASSWORD}\"", "", &["[targets.orders]", "`password`", "`password_secret`"])]
#[case("password =", "password_secret = \"a\"\npassword =", &["[targets.orders]", "password and password_secret", "drop one"])]
#[case("password =", "admin_password_secret = \"a\"\nadmin_password = \"${ENV}\"\npassword =", &["admin_password and", "drop one"])]
#[case("password = \"${ORDERS_PASSWORD}\"", "password_secret = 73313", &["password_secret", "ARN or name"])]
#[case("password = \"${ORDERS_PASSWORD}\"", "password_secret = \"hunter2 x\"", &["password_secret", "ARN or name"])]
#[case("password = \"${ORDERS_PASSWORD}\"", "password_secret = \"arn:aws:rds:eu-west-1:1:db:x\"", &["ARN or name"])]
#[case("password = \"${ORDERS_PASSWORD}\"", "password = { secret = \"x\" }", &["targets.orders", "password", "${NAME}"])]
#[case("password = \"${ORDERS_PASSWORD}\"", "password_secret = \"a\"\nadmin_user = \"root\"", &["admin_password_secret"])]
#[case("stable_for = \"5s\"", "app_health = \"http://a:hunter2@h/\"", &["[drills.0] app_health", "${NAME}"])]
#[case("${ORDERS_PASSWORD}\"", "hunter2", &["not valid TOML", "line 13, column "])]
#[case("\"${ORDERS_PASSWORD}\"", "hunter2", &["not valid TOML", "line 13, column "])]
#[case("password = \"${ORDERS_PASSWORD}\"", "password \"hunter2\"", &["not valid TOML", "line 13, column "])]
#[case("password = \"${ORDERS_PASSWORD}\"", "password = \"${ENV}\" hunter2", &["not valid TOML", "line 13, column "])]
#[case("${ENV}", "${NOPE}", &["[targets.orders] identifier", "NOPE", "not set"])]
#[case("${ENV}", "${ENV", &["[targets.orders] identifier", "${NAME}"])]
#[case("target = \"orders\"", "target = \"order\"", &["orders-failover", "order", "orders, plain"])]
#[case("[environment]", "[enviroment]", &["[environment]", "missing"])]
#[case("[[drills]]", "[[drill]]", &["drill", "unknown section"])]
#[case("name = \"staging\"", "name = \"stag", &["not valid TOML", "line 3"])]
fn each_mistake_is_named(#[case] from: &str, #[case] to: &str, #[case] says: &[&str]) {
    let text = PLAN.replacen(from, to, 1);
    assert_ne!(text, PLAN);
    let error = resolve(&text).unwrap_err().to_string();
    for word in says {
        assert!(error.contains(word), "`{error}` does not say {word}");
    }
    assert!(!error.contains("hunter2") && !error.contains("73313"), "{error}");
}

/// The variables and the environment are read before the rest: what is said of those comes after.
#[rstest]
#[case("${ORDERS_PASSWORD}", "hunter2${x")]
#[case("stable_for = \"5s\"", "app_health = \"http://a:hunter2@h/${ENV-X}\"")]
#[case("[[drills]]", "[environment.localstack]\nauth_token = 73313\n[[drills]]")]
fn a_secret_in_clear_is_refused_first(#[case] from: &str, #[case] to: &str) {
    let error = PlanFile::raw(&PLAN.replacen(from, to, 1)).unwrap_err();
    assert!(matches!(error, PlanFileError::SecretInClear { .. }), "{error}");
    let error = error.to_string();
    assert!(!error.contains("hunter2") && !error.contains("73313"), "{error}");
}

#[test]
fn two_drills_of_one_name_and_none_at_all() {
    let drill = &PLAN[PLAN.find("[[drills]]").unwrap()..];
    let twice = resolve(&format!("{PLAN}{drill}")).unwrap_err().to_string();
    assert!(twice.contains("orders-failover"), "{twice}");
    let none = resolve(&PLAN.replace(drill, "")).unwrap_err().to_string();
    assert!(none.contains("[[drills]]"), "{none}");
}

/// On AWS nobody has to ask for TLS; elsewhere who names a CA does.
#[test]
fn whose_sessions_are_encrypted() {
    let tls = |provider, more: &str| {
        let text = PLAN.replacen("identifier =", &format!("{more}\nidentifier ="), 1);
        resolve(&text).unwrap().targets["orders"].server_tls(provider)
    };
    let trusting = |ca: Option<&str>| Some(crate::ServerTls { ca: ca.map(Into::into), name: None });
    assert_eq!(tls(crate::Provider::Aws, ""), trusting(None), "and refused for want of a CA");
    assert_eq!(tls(crate::Provider::Aws, "tls = 'off'"), None);
    for here in [crate::Provider::Sandbox, crate::Provider::Localstack] {
        assert_eq!(tls(here, ""), None);
        assert_eq!(tls(here, "tls_ca = 'ca.pem'"), trusting(Some("ca.pem")));
        assert_eq!(tls(here, "tls = 'verify-full'\ntls_ca = 'ca.pem'"), trusting(Some("ca.pem")));
    }
}

#[test]
fn a_password_may_be_in_a_secret() {
    let arn = "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:rds!db-1a2b-x1y2z3";
    for (written, meant) in [("prod/orders", "prod/orders"), (arn, arn), ("${ENV}/orders", "blue/orders")] {
        let more =
            format!("password_secret = \"{written}\"\nadmin_user = \"root\"\nadmin_password = \"${{ENV}}\"");
        let plan = resolve(&PLAN.replacen("password = \"${ORDERS_PASSWORD}\"", &more, 1)).unwrap();
        let kept: Vec<_> = plan.targets["orders"].kept_passwords().collect();
        let found: Vec<_> = kept.iter().map(|(user, kept)| (*user, kept.secret())).collect();
        assert_eq!(found, [("drill", meant)]);
    }
}
