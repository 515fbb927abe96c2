//! `lifeboat iam-policy`: it allows every call that a run makes, on the resources that it makes it on, and nothing that no
//! run makes. Its conditions are not evaluated here: the sandbox knows no policies.

use std::collections::BTreeSet;
use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{
    Aws, BACKED_UP_SEED, External, Lab, ORDERS_SEED, Process, Run, SECRET, Table, dynamodb_plan,
    failover_plan, kept, kept_seed, restore_plan, token_seed, with_tokens,
};

const ACCOUNT: &str = "000000000000";

/// What the policy allows, and only some runs call.
const ONLY_AT_TIMES: [(&str, &str); 4] = [
    // Deletion protection is taken off before a deletion where somebody has put it on.
    ("rds:ModifyDBInstance", "DeleteCopy"),
    // Items are read by their keys where only a sample is compared, and where two scans differ.
    ("dynamodb:BatchGetItem", "ReadItems"),
    // Continuous backups are turned off before a deletion where they are on.
    ("dynamodb:UpdateContinuousBackups", "DeleteWhatIsMade"),
    // The stream is put back where the source has one.
    ("dynamodb:UpdateTable", "PutSettingsBack"),
];

/// What AWS asks of who restores a table, so that its restore may do it.
const CALLED_BY_AWS: &str = "FillCopy";

/// What is called without being allowed: anybody may ask who he is.
const ALLOWED_TO_ALL: &str = "sts:GetCallerIdentity";

/// A call that a run made.
struct Called {
    action: String,
    resources: Vec<String>,
}

fn called(sandbox: &External, from: usize) -> Vec<Called> {
    let calls = sandbox.admin("GET", "calls", "");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    calls
        .as_array()
        .expect("a list")
        .iter()
        .skip(from)
        .map(|call| Called {
            action: format!("{}:{}", text(&call["service"]), text(&call["action"])),
            resources: call["resources"].as_array().expect("ARNs").iter().map(text).collect(),
        })
        .collect()
}

/// Whether a pattern with `*` and `?` is that of a text.
fn fits(pattern: &str, text: &str) -> bool {
    let mut after = text.chars();
    match pattern.chars().next() {
        None => text.is_empty(),
        Some('*') => (0..=text.len())
            .filter(|at| text.is_char_boundary(*at))
            .any(|at| fits(&pattern[1..], &text[at..])),
        Some(wanted) => {
            after.next().is_some_and(|found| wanted == '?' || wanted == found)
                && fits(&pattern[wanted.len_utf8()..], after.as_str())
        }
    }
}

/// The statements of a policy as (id, actions, resources).
fn statements(policy: &Value) -> Vec<(String, BTreeSet<String>, Vec<String>)> {
    let texts = |value: &Value| {
        value
            .as_array()
            .expect("a list")
            .iter()
            .map(|text| text.as_str().expect("a text").to_owned())
            .collect()
    };
    let all = policy["Statement"].as_array().expect("statements").iter();
    all.map(|one| {
        assert_eq!(one["Effect"], "Allow");
        let actions: Vec<String> = texts(&one["Action"]);
        (
            one["Sid"].as_str().expect("an id").to_owned(),
            actions.into_iter().collect(),
            texts(&one["Resource"]),
        )
    })
    .collect()
}

/// The calls that a policy does not allow: an action has to be allowed on every resource that the call names.
fn not_allowed(policy: &Value, calls: &[Called]) -> BTreeSet<String> {
    let statements = statements(policy);
    let mut missing = BTreeSet::new();
    for call in calls.iter().filter(|call| call.action != ALLOWED_TO_ALL) {
        let allowing = || statements.iter().filter(|(_, actions, _)| actions.contains(&call.action));
        if allowing().next().is_none() {
            missing.insert(call.action.clone());
        }
        for resource in &call.resources {
            if !allowing().any(|(_, _, patterns)| patterns.iter().any(|pattern| fits(pattern, resource))) {
                missing.insert(format!("{} on {resource}", call.action));
            }
        }
    }
    missing
}

/// What a policy allows and was not called.
fn not_called(policy: &Value, calls: &[Called]) -> Vec<(String, String)> {
    let called: BTreeSet<&str> = calls.iter().map(|call| call.action.as_str()).collect();
    let allowed = statements(policy).into_iter().filter(|(id, ..)| id != CALLED_BY_AWS);
    let pairs =
        allowed.flat_map(|(id, actions, _)| actions.into_iter().map(move |action| (action, id.clone())));
    pairs
        .filter(|(action, id)| !called.contains(action.as_str()) && !ONLY_AT_TIMES.contains(&(action, id)))
        // What is put on a copy to be taken for the run's own goes with the restore's call.
        .filter(|(action, id)| !(action == "rds:AddTagsToResource" && id == "TagWhatIsMade"))
        .collect()
}

/// The statements that allow tags to be put on the target itself, or taken off, as (id, condition).
fn tags_on_the_target(policy: &Value) -> Vec<(String, Value)> {
    let target = [
        format!("arn:aws:rds:us-east-1:{ACCOUNT}:db:orders"),
        format!("arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/orders"),
    ];
    let ids = statements(policy).into_iter().filter(|(_, actions, resources)| {
        let of_tags = actions.iter().any(|action| action.contains("Tag") && !action.contains("List"));
        of_tags && resources.iter().any(|pattern| target.iter().any(|target| fits(pattern, target)))
    });
    let all = policy["Statement"].as_array().expect("statements");
    let condition =
        |id: &str| all.iter().find(|one| one["Sid"] == id).expect("the statement")["Condition"].clone();
    ids.map(|(id, ..)| (id.clone(), condition(&id))).collect()
}

/// The same policy without one action.
fn without(policy: &Value, action: &str) -> Value {
    let mut less = policy.clone();
    for statement in less["Statement"].as_array_mut().expect("statements") {
        statement["Action"].as_array_mut().expect("actions").retain(|known| known != action);
    }
    less
}

fn policy_of(lab: &Lab, sandbox: &External) -> Value {
    let mut command = lab.lifeboat();
    command.envs(&sandbox.exports).arg("iam-policy").arg(lab.path("run.toml")).args(["--account", ACCOUNT]);
    let ended = Process::start(lab, &mut command).wait(Duration::from_secs(30));
    ended.expect_code(0);
    serde_json::from_str(&ended.stdout).expect("JSON")
}

fn holds(seed: &str, table: bool, plan: &str) {
    let lab = Lab::new();
    let sandbox = External::start(&lab, seed);
    if table {
        Table::default().make(&sandbox);
    }
    if plan.contains("stop_conditions") {
        let aws = Aws::new(&lab, &sandbox);
        aws.does(
            "cloudwatch put-metric-alarm --alarm-name errors --metric-name Errors --namespace Shop --statistic Sum \
             --period 60 --evaluation-periods 1 --threshold 1 --comparison-operator GreaterThanThreshold",
        );
        aws.does("cloudwatch set-alarm-state --alarm-name errors --state-value OK --state-reason test");
    }
    let before = called(&sandbox, 0).len();
    let (ended, record) = Run::start(&lab, &sandbox, plan, &[]).finish(Duration::from_secs(120));
    record.expect("passed", "clean", &[]);
    let calls = called(&sandbox, before);
    assert!(calls.iter().any(|call| call.action == ALLOWED_TO_ALL), "{ended}");

    let policy = policy_of(&lab, &sandbox);
    let nothing: BTreeSet<String> = BTreeSet::new();
    assert_eq!(not_allowed(&policy, &calls), nothing, "{policy:#}");
    assert_eq!(not_called(&policy, &calls), Vec::new(), "{policy:#}");
    // Who drills cannot release a target for drills: of its tags he may change the lock alone.
    let only_the_lock = json!({ "ForAllValues:StringEquals": { "aws:TagKeys": ["lifeboat:lock"] } });
    let locks = match plan.contains("dynamodb-indexes") || plan.contains("canary_table") {
        true => Vec::new(),
        false => vec![("LockTarget".to_owned(), only_the_lock)],
    };
    assert_eq!(tags_on_the_target(&policy), locks, "{policy:#}");
    // Each of its actions is needed, and none of them on other resources.
    let needed: BTreeSet<&str> = calls.iter().map(|call| call.action.as_str()).collect();
    for action in needed.into_iter().filter(|action| *action != ALLOWED_TO_ALL) {
        assert!(not_allowed(&without(&policy, action), &calls).contains(action), "{action}");
    }
    let elsewhere: Value =
        serde_json::from_str(&policy.to_string().replace(ACCOUNT, "111111111111")).expect("JSON");
    assert!(!not_allowed(&elsewhere, &calls).is_empty());
    sandbox.stop(&lab);
}

/// With an alarm, the look at it is allowed as well.
#[rstest]
#[case::alone("")]
#[case::with_an_alarm("\n[[stop_conditions]]\nname = \"errors\"\nalarm = \"errors\"\n")]
fn a_failover(#[case] conditions: &str) {
    holds(ORDERS_SEED, false, &format!("{}{conditions}", failover_plan("stable_for = '500ms'")));
}

/// The secret of the target, by its name and by its ARN, and no other.
#[rstest]
#[case::by_name(false)]
#[case::by_arn(true)]
fn a_failover_with_a_kept_password(#[case] by_arn: bool) {
    let lab = Lab::new();
    let seed = kept_seed(ORDERS_SEED, "orders");
    let sandbox = External::start(&lab, &seed);
    let arn = sandbox.secrets("DescribeSecret", &json!({ "SecretId": SECRET }))["ARN"].clone();
    let named = if by_arn { arn.as_str().expect("an ARN") } else { SECRET };
    let plan = kept(&failover_plan("stable_for = '500ms'")).replace(SECRET, named);
    let before = called(&sandbox, 0).len();
    let (_, record) = Run::start(&lab, &sandbox, &plan, &[]).finish(Duration::from_secs(120));
    record.expect("passed", "clean", &[]);
    let (policy, calls) = (policy_of(&lab, &sandbox), called(&sandbox, before));
    assert_eq!(not_allowed(&policy, &calls), BTreeSet::new(), "{policy:#}");
    assert_eq!(not_called(&policy, &calls), Vec::new(), "{policy:#}");
    let asked = "secretsmanager:GetSecretValue";
    assert!(not_allowed(&without(&policy, asked), &calls).contains(asked), "{policy:#}");
    let allowed: Vec<_> =
        statements(&policy).into_iter().filter(|(_, actions, _)| actions.contains(asked)).collect();
    let [(_, _, patterns)] = &allowed[..] else { panic!("one statement: {policy:#}") };
    let expected = if by_arn {
        named.to_owned()
    } else {
        format!("arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:{SECRET}-??????")
    };
    assert_eq!(*patterns, [expected]);
    sandbox.stop(&lab);
}

/// The copy's resource id is not known before: any instance of the account, for this user.
#[test]
fn a_restore_with_tokens() {
    let plan = with_tokens(&restore_plan("rds-pitr", "")).replace("rto = \"120s\"", "rto = \"10m\"");
    holds(&token_seed(BACKED_UP_SEED), false, &plan);
}

#[test]
fn an_exhaustion() {
    let plan = failover_plan("").replace("rds-failover", "connection-exhaustion").replace("rpo = \"0s\"", "");
    holds(ORDERS_SEED, false, &format!("{plan}hold = '500ms'\nstable_for = '500ms'\n"));
}

#[rstest]
#[case("rds-pitr", "")]
#[case("rds-pitr", "promote = true\nwrites_stopped = true")]
#[case("rds-snapshot-restore", "snapshot = \"fresh\"")]
fn a_restore(#[case] scenario: &str, #[case] options: &str) {
    // What it takes is not the question here.
    let plan = restore_plan(scenario, options).replace("rto = \"120s\"", "rto = \"10m\"");
    holds(BACKED_UP_SEED, false, &plan);
}

#[rstest]
#[case("dynamodb-pitr", "put_back = true")]
#[case("dynamodb-pitr", "")]
#[case("dynamodb-backup-restore", "canary_table = true")]
#[case("dynamodb-backup-restore", "")]
fn a_restore_of_a_table(#[case] scenario: &str, #[case] options: &str) {
    holds("", true, &dynamodb_plan(scenario, options));
}

/// Nothing else looks at the instance.
#[test]
fn a_query_of_a_stop_condition() {
    let condition = "\n[targets.db]\nkind = \"rds-instance\"\nidentifier = \"orders\"\ndatabase = \"app\"\nuser = \"drill\"\n\
                     password = \"${LIFEBOAT_SANDBOX_PASSWORD}\"\n\
                     [[stop_conditions]]\nname = \"flag\"\nsql = \"select false\"\ntarget = \"db\"\n";
    holds(ORDERS_SEED, true, &(dynamodb_plan("dynamodb-pitr", "") + condition));
}

#[test]
fn indexes_that_are_read() {
    let indexes = r#"indexes = [{ name = "by-status", partition_key = "status", sort_key = "created_at", projection = "KEYS_ONLY" }]"#;
    holds("", true, &dynamodb_plan("dynamodb-indexes", indexes));
}

#[test]
fn a_policy_is_for_an_account() {
    let lab = Lab::new();
    let plan = lab.write("run.toml", &failover_plan(""));
    let mut command = lab.lifeboat();
    command.arg("iam-policy").arg(plan);
    let ended = Process::start(&lab, &mut command).wait(Duration::from_secs(30));
    ended.expect_code(2).expect_stderr(&["drill `failover`", "account", "--account"]);
}

#[test]
fn a_star_is_any_text_and_a_question_mark_one_character() {
    for (pattern, text, expected) in [
        ("*", "x", true),
        ("db:orders-lb-*", "db:orders-lb-1", true),
        ("db:orders-lb-*", "db:orders", false),
        ("secret:a-??????", "secret:a-x1y2z3", true),
        ("secret:a-??????", "secret:a-b-x1y2z3", false),
        ("table/lifeboat-*-copy", "table/lifeboat-1-copy", true),
        ("table/lifeboat-*-copy", "table/lifeboat-1-copy-2", false),
    ] {
        assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
    }
}
