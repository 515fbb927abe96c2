//! How long what a drill makes may be needed, and whose a target is.

use lifeboat_engine::ProbeSettings;
use lifeboat_model::{DurationText, PlanFile, Provider, Safety};

use super::*;

fn params(longest_life: Option<Duration>) -> Params {
    let plan = r#"
        [environment]
        name = "e"
        provider = "sandbox"
        [targets.t]
        kind = "dynamodb-table"
        table = "t"
        [[drills]]
        name = "d"
        scenario = "dynamodb-pitr"
        target = "t"
    "#;
    let plan = PlanFile::resolve(&PlanFile::raw(plan).unwrap(), &|_| None).unwrap();
    let ms = Duration::from_millis;
    let probe = ProbeSettings { interval: ms(10), deadline: ms(100), notice: ms(10), api_interval: ms(10) };
    Params {
        safety: Safety { longest_life: longest_life.map(DurationText), ..Safety::default() },
        ..Params::of("r", &plan, &plan.drills[0], plan.targets["t"].clone(), probe)
    }
}

/// Seconds until the tag says that it has expired, to the next second.
fn life(longest_life: Option<Duration>, give_up: Duration) -> i64 {
    let before = OffsetDateTime::now_utc();
    let tags = tags(&params(longest_life), give_up, Duration::ZERO);
    let expires = OffsetDateTime::parse(&tags[EXPIRES_TAG], &Rfc3339).unwrap();
    // The tag has whole seconds.
    (expires - before).whole_seconds() + 1
}

#[test]
fn what_is_made_expires_after_a_day_or_longer_and_never_beyond_the_plans_limit() {
    let hour = Duration::from_secs(3600);
    let within = |life: i64, hours: i64| (hours * 3600 - 5..=hours * 3600 + 5).contains(&life);
    assert!(within(life(None, hour), 24));
    assert!(within(life(None, hour * 3), 30));
    assert!(within(life(Some(hour * 6), hour), 6));
    assert!(within(life(Some(hour * 100), hour), 24));
}

#[test]
fn a_target_is_of_the_runs_account_and_region() {
    let environment = Environment {
        account: Some("111122223333".into()),
        ..Environment::new("e", Provider::Aws, "eu-west-1")
    };
    let refused = |arn: &str| is_of_the_run(&environment, arn).is_err();
    assert!(!refused("arn:aws:rds:eu-west-1:111122223333:db:orders"));
    assert!(!refused("arn:aws-cn:dynamodb:eu-west-1:111122223333:table/orders"));
    assert!(refused("arn:aws:rds:eu-west-1:444455556666:db:orders"));
    assert!(refused("arn:aws:rds:us-east-1:111122223333:db:orders"));
    assert!(refused(""));
}
