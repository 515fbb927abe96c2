//! Notices that AWS sends, read where moto keeps them: a queue that hears the topic, and the messages of SES.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::support::{Ended, Lab, Moto, Process, Record, Run, python, request};

const LIMIT: Duration = Duration::from_secs(120);
const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:drills";

/// A topic that a queue hears, and a sender that is verified.
const MAKE: &str = "
import boto3, sys
of = lambda name: boto3.client(name, endpoint_url=sys.argv[1], region_name='us-east-1', aws_access_key_id='test',
    aws_secret_access_key='test')
topic = of('sns').create_topic(Name='drills')['TopicArn']
of('sqs').create_queue(QueueName='heard')
of('sns').subscribe(TopicArn=topic, Protocol='sqs', Endpoint=topic.replace(':sns:', ':sqs:').replace('drills', 'heard'))
of('ses').verify_email_identity(EmailAddress='drills@example.com')
";

fn scene(lab: &Lab) -> Moto {
    let moto = Moto::start(lab);
    let output = Command::new(python()).args(["-c", MAKE, &moto.endpoint]).output().expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    moto
}

fn plan(endpoint: &str, notices: &str) -> String {
    format!(
        r#"
[environment]
name = "stand-in"
provider = "localstack"
endpoint = "{endpoint}"

[targets.orders]
kind = "dynamodb-table"
table = "orders"

[[drills]]
name = "restore"
scenario = "dynamodb-pitr"
target = "orders"
{notices}
"#
    )
}

fn notices(topic: &str, from: &str) -> String {
    format!(
        "[[notices]]\nname = 'topic'\nkind = 'sns'\ntopic = '{topic}'\nonly = 'failures'\n\
         [[notices]]\nname = 'mail'\nkind = 'email'\nfrom = '{from}'\nto = ['ops@example.com', 'dba@example.com']\n"
    )
}

/// A run whose drill finds no table.
fn run(lab: &Lab, dir: &str, plan: &str) -> (Ended, Record) {
    let plan = lab.write("plan.toml", plan);
    let mut command = lab.lifeboat();
    command.arg("run").arg(plan);
    Run::of(lab, command, dir).finish(LIMIT)
}

/// The messages that SES was given, as moto tells them.
fn mails(moto: &Moto) -> Vec<Value> {
    let (status, body) = request(&moto.endpoint, "GET", "/moto-api/data.json", "");
    assert_eq!(status, 200, "{body}");
    let all: Value = serde_json::from_str(&body).expect("JSON");
    all["ses"]["Message"].as_array().cloned().unwrap_or_default()
}

#[test]
fn a_topic_and_a_mail_tell_what_the_record_says_or_why_not() {
    let lab = Lab::new();
    let moto = scene(&lab);
    let (ended, record) = run(&lab, "run", &plan(&moto.endpoint, &notices(TOPIC, "drills@example.com")));
    ended.expect_code(101);
    record.expect("errored", "clean", &["orders"]);
    let told = record.value["notices"].as_array().expect("notices");
    assert!(told.len() == 2 && told.iter().all(|one| one.get("error").is_none()), "{told:?}");
    let run_id = record.value["run_id"].as_str().expect("an id");

    let queue = format!("{}/123456789012/heard", moto.endpoint);
    let heard =
        moto.told(&["sqs", "receive-message", "--queue-url", &queue, "--max-number-of-messages", "10"]);
    let [message] = heard["Messages"].as_array().expect("messages").as_slice() else { panic!("{heard}") };
    let message: Value = serde_json::from_str(message["Body"].as_str().expect("a body")).expect("JSON");
    assert_eq!(message["TopicArn"], TOPIC);
    assert_eq!(message["Subject"], "lifeboat: ERRORED, simulated: stand-in");
    let text = message["Message"].as_str().expect("a text");
    for part in ["ERRORED on stand-in", "restore (dynamodb-pitr on orders): errored", run_id, "report.html"] {
        assert!(text.contains(part), "{part}: {text}");
    }

    let mails = mails(&moto);
    let [mail] = mails.as_slice() else { panic!("{mails:?}") };
    assert_eq!(mail["source"], "drills@example.com");
    assert_eq!(mail["subject"], message["Subject"]);
    assert_eq!(mail["body"], text);
    assert_eq!(
        mail["destinations"]["ToAddresses"],
        serde_json::json!(["ops@example.com", "dba@example.com"])
    );

    // A topic that is not there, a sender that nobody has verified: what AWS says is the warning, and the run is what it was.
    let gone = TOPIC.replace("drills", "gone");
    let (ended, record) = run(&lab, "refused", &plan(&moto.endpoint, &notices(&gone, "nobody@example.com")));
    ended.expect_code(101);
    record.expect("errored", "clean", &["orders"]);
    let why = |number: usize| record.value["notices"][number]["error"].as_str().expect("an error").to_owned();
    assert!(why(0).starts_with("Publish: NotFound"), "{}", why(0));
    assert!(why(1).starts_with("SendEmail: MessageRejected"), "{}", why(1));
    ended.expect_stderr(&["the notice `topic` (sns) was not sent", "the notice `mail` (email) was not sent"]);
    assert_eq!(self::mails(&moto).len(), 1, "no other was sent");
}

/// The policy allows what these call, on that topic and for that sender, and no more.
#[test]
fn the_policy_allows_them() {
    let lab = Lab::new();
    let policy = |notices: &str| -> Value {
        let plan = lab.write("plan.toml", &plan("http://127.0.0.1:1", notices));
        let mut command = lab.lifeboat();
        command.arg("iam-policy").arg(plan).args(["--account", "123456789012"]);
        let ended = Process::start(&lab, &mut command).wait(LIMIT);
        ended.expect_code(0);
        serde_json::from_str(&ended.stdout).expect("JSON")
    };
    let with = policy(&notices(TOPIC, "drills@example.com"));
    let all = |policy: &Value| policy["Statement"].as_array().expect("statements").clone();
    let without = all(&policy(""));
    let more: Vec<Value> = all(&with).into_iter().filter(|one| !without.contains(one)).collect();
    let expected = serde_json::json!([
        { "Sid": "TellTopic", "Effect": "Allow", "Action": ["sns:Publish"], "Resource": [TOPIC] },
        {
            "Sid": "TellByMail", "Effect": "Allow", "Action": ["ses:SendEmail"],
            "Resource": [
                "arn:aws:ses:us-east-1:123456789012:identity/drills@example.com",
                "arn:aws:ses:us-east-1:123456789012:identity/example.com",
            ],
            "Condition": { "StringEquals": { "ses:FromAddress": ["drills@example.com"] } },
        },
    ]);
    assert_eq!(Value::Array(more), expected);
    let hooks = "[[notices]]\nname = 'chat'\nkind = 'slack'\nurl = '${HOOK}'\n";
    assert_eq!(all(&policy(hooks)), without, "AWS does not send these");
}
