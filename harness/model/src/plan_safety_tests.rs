//! The two sections as people write them, right and wrong.

use rstest::rstest;

use super::*;
use crate::{PlanFile, PlanFileError};

const PLAN: &str = r#"
[environment]
name = "e"
provider = "sandbox"

[targets.orders]
kind = "postgres"
host = "h"
database = "app"
user = "drill"
password = "${P}"

[targets.carts]
kind = "dynamodb-table"
table = "carts"

[[drills]]
name = "d"
scenario = "s"
target = "orders"
"#;

fn resolve(more: &str) -> Result<PlanFile, PlanFileError> {
    PlanFile::resolve(&PlanFile::raw(&format!("{PLAN}{more}"))?, &|_| Some("value".into()))
}

#[test]
fn without_them_nothing_is_limited_and_nothing_stops() {
    let plan = resolve("").unwrap();
    assert_eq!(plan.safety, Safety::default());
    assert_eq!(plan.safety.check(), Ok(()));
    assert_eq!(plan.stop_conditions, []);
}

#[test]
fn both_sections_in_full() {
    let plan = resolve(
        r#"
        [safety]
        change_ticket = "${TICKET}"
        require_change_ticket = true
        max_restored = 2
        largest_class = "db.r6g.large"
        longest_life = "6h"
        [[stop_conditions]]
        name = "alarm"
        alarm = "orders-errors"
        [[stop_conditions]]
        name = "shop"
        http = "http://shop/health"
        [[stop_conditions]]
        name = "lag"
        sql = "select true"
        target = "orders"
        every = "1s"
        unreadable_for = "10s"
        [[stop_conditions]]
        name = "time"
        time_budget = "2h"
        "#,
    )
    .unwrap();
    assert_eq!(plan.safety.ticket(), Some("value"));
    let secs = Duration::from_secs;
    let expected = [
        StopKind::Alarm {
            alarm: "orders-errors".into(),
            pace: Pace { every: secs(10), unreadable_for: secs(60) },
        },
        StopKind::Http { address: "http://shop/health".into(), failures: 3, every: secs(5) },
        StopKind::Sql {
            sql: "select true".into(),
            target: "orders".into(),
            pace: Pace { every: secs(1), unreadable_for: secs(10) },
        },
        StopKind::TimeBudget(secs(7200)),
    ];
    let kinds: Vec<StopKind> = plan.stop_conditions.into_iter().map(|condition| condition.kind).collect();
    assert_eq!(kinds, expected);
}

#[test]
fn a_ticket_that_is_demanded_has_to_be_there_and_not_blank() {
    for (given, fine) in [("", false), ("change_ticket = \" \"", false), ("change_ticket = \"CHG-1\"", true)]
    {
        let plan = resolve(&format!("[safety]\nrequire_change_ticket = true\n{given}")).unwrap();
        assert_eq!(plan.safety.check().is_ok(), fine, "{given}");
    }
    assert_eq!(resolve("[safety]\nchange_ticket = \" \"").unwrap().safety.ticket(), None);
}

#[rstest]
#[case("[safety]\nmax_restore = 1", &["[safety]", "max_restore", "max_restored"])]
#[case("[safety]\nmax_restored = -1", &["[safety]", "-1"])]
#[case("[safety]\nlargest_class = \"db.serverless\"", &["[safety]", "db.serverless", "cannot be compared"])]
#[case("[[stop_conditions]]\nname = \"x\"", &["[[stop_conditions]] number 1", "`x`", "exactly one"])]
#[case("[[stop_conditions]]\nname = \"x\"\nalarm = \"a\"\ntime_budget = \"1h\"", &["`x`", "exactly one"])]
#[case("[[stop_conditions]]\nalarm = \"a\"", &["number 1", "`name`"])]
#[case("[[stop_conditions]]\nname = \"x\"\nalarm = \"a\"\nfailures = 2", &["`x`", "failures is for http"])]
#[case("[[stop_conditions]]\nname = \"x\"\nhttp = \"a\"\nunreadable_for = \"2s\"", &["unreadable_for is for alarm and sql"])]
#[case("[[stop_conditions]]\nname = \"x\"\nhttp = \"a\"\nfailures = 0", &["failures", "at least 1"])]
#[case("[[stop_conditions]]\nname = \"x\"\ntime_budget = \"1h\"\nevery = \"2s\"", &["every is for"])]
#[case("[[stop_conditions]]\nname = \"x\"\nalarm = \"a\"\nevery = \"1ms\"", &["every", "50 ms"])]
#[case("[[stop_conditions]]\nname = \"x\"\nalarm = \"a\"\nevery = \"2m\"", &["unreadable_for is shorter than every"])]
#[case("[[stop_conditions]]\nname = \"x\"\nsql = \"select true\"", &["`x`", "target = \"NAME\""])]
#[case("[[stop_conditions]]\nname = \"x\"\nsql = \"s\"\ntarget = \"order\"", &["`x`", "[targets.order]"])]
#[case("[[stop_conditions]]\nname = \"x\"\nsql = \"s\"\ntarget = \"carts\"", &["`x`", "`carts` has no SQL"])]
#[case(
    "[[stop_conditions]]\nname = \"x\"\nalarm = \"a\"\n[[stop_conditions]]\nname = \"x\"\nalarm = \"b\"",
    &["[[stop_conditions]]", "two are called `x`"]
)]
#[case("[stop_conditions]\nname = \"x\"", &["stop_conditions", "write [[stop_conditions]]"])]
fn each_mistake_is_named(#[case] more: &str, #[case] says: &[&str]) {
    let error = resolve(more).unwrap_err().to_string();
    for word in says {
        assert!(error.contains(word), "`{error}` does not say {word}");
    }
}
