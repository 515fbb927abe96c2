//! The section as people write it, right and wrong.

use rstest::rstest;

use super::*;
use crate::{PlanFile, PlanFileError};

const PLAN: &str = r#"
[environment]
name = "e"
provider = "aws"
region = "eu-west-1"
account = "123456789012"

[targets.carts]
kind = "dynamodb-table"
table = "carts"

[[drills]]
name = "d"
scenario = "s"
target = "carts"
"#;

fn resolve(more: &str) -> Result<PlanFile, PlanFileError> {
    PlanFile::resolve(&PlanFile::raw(&format!("{PLAN}{more}"))?, &|_| Some("https://h/hunter2".into()))
}

fn one(lines: &str) -> Result<Notice, String> {
    let plan =
        resolve(&format!("[[notices]]\nname = 'ops'\n{lines}\n")).map_err(|error| error.to_string())?;
    Ok(plan.notices.into_iter().next().expect("the notice"))
}

#[test]
fn each_kind_as_it_is_written() {
    assert_eq!(resolve("").unwrap().notices, []);
    let url = || Secret::new("https://h/hunter2".into());
    let topic = "arn:aws:sns:eu-west-1:123456789012:drills";
    for (lines, kind) in [
        (format!("kind = 'sns'\ntopic = '{topic}'"), NoticeKind::Sns { topic: topic.into() }),
        ("kind = 'slack'\nurl = '${HOOK}'".into(), NoticeKind::Slack { url: url() }),
        (
            "kind = 'email'\nfrom = 'drills@example.com'\nto = ['a@example.com', 'b+c@example.org']".into(),
            NoticeKind::Email {
                from: "drills@example.com".into(),
                to: vec!["a@example.com".into(), "b+c@example.org".into()],
            },
        ),
        ("kind = 'webhook'\nurl = '${HOOK}'".into(), NoticeKind::Webhook { url: url(), bearer: None }),
        (
            "kind = 'webhook'\nurl = '${HOOK}'\nbearer = '${TOKEN}'".into(),
            NoticeKind::Webhook { url: url(), bearer: Some(url()) },
        ),
        (
            "kind = 'pushgateway'\nurl = 'https://push.example.com:9091/x'".into(),
            NoticeKind::Pushgateway { url: Secret::new("https://push.example.com:9091/x".into()) },
        ),
    ] {
        let notice = one(&lines).unwrap();
        assert_eq!(notice, Notice { name: "ops".into(), kind, only_failures: false });
        assert!(!format!("{notice:?}").contains("hunter2"));
    }
    assert!(one("kind = 'slack'\nurl = '${HOOK}'\nonly = 'failures'").unwrap().only_failures);
}

#[rstest]
#[case("kind = 'pager'", &["`ops`", "kind", "`pushgateway`"])]
#[case("kind = 'slack'", &["`ops`", "`url`", "slack"])]
#[case("kind = 'sns'", &["`topic`"])]
#[case("kind = 'email'\nto = ['a@example.com']", &["`from`"])]
#[case("kind = 'email'\nfrom = 'a@example.com'", &["`to`"])]
#[case("kind = 'email'\nfrom = 'a@example.com'\nto = []", &["to: give from 1 to 50"])]
#[case("kind = 'email'\nfrom = 'A <a@example.com>'\nto = ['a@example.com']", &["from", "plain address"])]
#[case("kind = 'email'\nfrom = 'a@example.com'\nto = [\"a@example.com\\nBcc: b@c\"]", &["to", "plain address"])]
#[case("kind = 'slack'\nurl = '${HOOK}'\nbearer = '${HOOK}'", &["bearer is for kind webhook", "drop it"])]
#[case("kind = 'slack'\nurl = '${HOOK}'\nonly = 'success'", &["only = \"failures\""])]
#[case("kind = 'slack'\nurl = '${HOOK}'\nchannel = 'x'", &["`channel`"])]
#[case("kind = 'sns'\ntopic = 'drills'", &["topic", "arn:aws:sns"])]
#[case("kind = 'sns'\ntopic = 'arn:aws:sqs:eu-west-1:123456789012:drills'", &["topic", "arn:aws:sns"])]
#[case("kind = 'sns'\ntopic = 'arn:aws:sns:eu-west-1:123456789012:drills.fifo'", &["FIFO"])]
#[case("kind = 'sns'\ntopic = 'arn:aws:sns:us-east-1:123456789012:drills'", &["us-east-1", "eu-west-1"])]
fn what_is_wrong_is_said(#[case] lines: &str, #[case] words: &[&str]) {
    let error = one(lines).expect_err(lines);
    for word in words.iter().chain(&["[[notices]]"]) {
        assert!(error.contains(word), "`{word}` is not in: {error}");
    }
    assert!(!error.contains("hunter2"), "{error}");
}

/// An address is all that somebody needs to write there, so only that of a Pushgateway may stand in the plan, and only where
/// nothing in it lets anybody in.
#[rstest]
#[case("kind = 'slack'\nurl = 'https://h/hunter2'", "url")]
#[case("kind = 'slack'\nurl = 'https://h/${A}'", "url")]
#[case("kind = 'webhook'\nurl = 'https://h/hunter2'", "url")]
#[case("kind = 'webhook'\nurl = '${A}'\nbearer = 'hunter2'", "bearer")]
#[case("kind = 'webhook'\nurl = ['https://h/hunter2']", "url")]
#[case("kind = 'pushgateway'\nurl = 'https://hunter2@h/'", "url")]
#[case("kind = 'pushgateway'\nurl = 'https://h/?hunter2'", "url")]
#[case("kind = '${K}'\nurl = 'https://h/hunter2'", "url")]
fn a_secret_in_clear_is_refused(#[case] lines: &str, #[case] key: &str) {
    let error = one(lines).expect_err(lines);
    assert!(error.contains(&format!("[notices.ops] {key}: a secret does not belong in a plan")), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn names_are_given_once() {
    let hook = "[[notices]]\nname = 'ops'\nkind = 'slack'\nurl = '${HOOK}'\n";
    let error = resolve(&format!("{hook}{hook}")).unwrap_err().to_string();
    assert!(error.contains("two are called `ops`"), "{error}");
    let error = resolve(&hook.replace("'ops'", "' '")).unwrap_err().to_string();
    assert!(error.contains("blank"), "{error}");
}

#[test]
fn the_sandbox_has_no_sns_and_no_ses() {
    let here = |lines: &str| {
        let plan = PLAN.replace("\"aws\"\nregion = \"eu-west-1\"", "\"sandbox\"");
        let raw = PlanFile::raw(&format!("{plan}[[notices]]\nname = 'ops'\n{lines}\n")).unwrap();
        PlanFile::resolve(&raw, &|_| Some("https://h/".into())).map_err(|error| error.to_string())
    };
    let error = here("kind = 'sns'\ntopic = 'arn:aws:sns:us-east-1:123456789012:drills'").unwrap_err();
    assert!(error.contains("the sandbox has no SNS"), "{error}");
    let error = here("kind = 'email'\nfrom = 'a@example.com'\nto = ['a@example.com']").unwrap_err();
    assert!(error.contains("the sandbox has no SES"), "{error}");
    assert!(here("kind = 'slack'\nurl = '${HOOK}'").is_ok());
}
