//! What answers like AWS and is not: nothing that a drill sees there is evidence, and none passes.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use crate::support::{
    External, Lab, Moto, PLAIN_SEED, Process, Record, Run, Signal, containers_labelled, eventually,
};

const LIMIT: Duration = Duration::from_secs(120);

fn environment(provider: &str, more: &str) -> String {
    format!("[environment]\nname = \"stand-in\"\nprovider = \"{provider}\"\n{more}\n")
}

fn run(lab: &Lab, plan: &str, variables: impl IntoIterator<Item = (String, String)>) -> (i32, Record) {
    let plan = lab.write("plan.toml", plan);
    let mut command = lab.lifeboat();
    command.envs(variables).arg("run").arg(plan);
    let (ended, record) = Run::of(lab, command, "run").finish(LIMIT);
    (ended.code.expect("an exit code"), record)
}

#[test]
fn a_failover_that_moto_accepts_is_no_evidence() {
    let lab = Lab::new();
    // The endpoint of moto's instance leads nowhere: a real PostgreSQL stands in for it.
    let sandbox = External::start(&lab, &PLAIN_SEED.replace("max_connections = 30", "max_connections = 80"));
    let moto = Moto::start(&lab);
    let create = "rds create-db-instance --db-instance-identifier orders --engine postgres --multi-az \
                  --db-instance-class db.t4g.micro --allocated-storage 20 --master-username drill \
                  --master-user-password secret-secret --tags Key=lifeboat:drill,Value=allowed";
    moto.aws(&create.split_whitespace().collect::<Vec<_>>());
    let port = sandbox.database("plain").port;
    let plan = environment("localstack", &format!("endpoint = \"{}\"", moto.endpoint))
        + &format!(
            r#"
[targets.orders]
kind = "rds-instance"
identifier = "orders"
host = "127.0.0.1"
port = {port}
database = "app"
user = "drill"
password = "${{LIFEBOAT_SANDBOX_PASSWORD}}"

[[drills]]
name = "failover"
scenario = "rds-failover"
target = "orders"
rto = "5s"
rpo = "0s"
notice = "1s"
stable_for = "500ms"
"#
        );
    let password = ("LIFEBOAT_SANDBOX_PASSWORD", &sandbox.exports["LIFEBOAT_SANDBOX_PASSWORD"]);
    let (code, record) = run(&lab, &plan, [(password.0.to_owned(), password.1.clone())]);
    assert_eq!(code, 101);
    record.expect("invalid", "clean", &["no failover is proved", "simulated, not evidence"]);
    drop(moto);
    sandbox.stop(&lab);
}

/// moto keeps no history: its restore copies the items as they are, whatever moment is asked for.
#[test]
fn a_restore_of_a_table_that_moto_copies_is_no_evidence() {
    let lab = Lab::new();
    let moto = Moto::start(&lab);
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    for call in [
        "dynamodb create-table --table-name orders --attribute-definitions AttributeName=id,AttributeType=S \
         --key-schema AttributeName=id,KeyType=HASH --billing-mode PAY_PER_REQUEST \
         --tags Key=lifeboat:drill,Value=allowed",
        "dynamodb update-continuous-backups --table-name orders \
         --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true",
        "dynamodb put-item --table-name orders --item {\"id\":{\"S\":\"order-1\"}}",
    ] {
        let call = words(call);
        moto.aws(&call.iter().map(String::as_str).collect::<Vec<_>>());
    }
    let plan = environment("localstack", &format!("endpoint = \"{}\"", moto.endpoint))
        + r#"
[targets.orders]
kind = "dynamodb-table"
table = "orders"

[[drills]]
name = "restore"
scenario = "dynamodb-pitr"
target = "orders"
writes_stopped = true
give_up = "4s"
"#;
    let (code, record) = run(&lab, &plan, []);
    assert_eq!(code, 101);
    record.expect("invalid", "clean", &["simulated, not evidence"]);
}

/// A run that starts LocalStack for itself, from the stand-in's image.
fn starter(lab: &Lab, image: &str) -> Command {
    let (name, tag) = image.rsplit_once(':').expect("a tag");
    let plan = environment(
        "localstack",
        &format!(
            "localstack = {{ image = \"{name}\", tag = \"{tag}\", auth_token = \"${{TOKEN_OF_THE_TEST}}\" }}"
        ),
    ) + r#"
[targets.nobody]
kind = "rds-instance"
identifier = "nobody"
database = "app"
user = "drill"
password = "${TOKEN_OF_THE_TEST}"

[[drills]]
name = "failover"
scenario = "rds-failover"
target = "nobody"
"#;
    let plan = lab.write("plan.toml", &plan);
    let mut command = lab.lifeboat();
    command.env("TOKEN_OF_THE_TEST", "a-secret-of-the-test").arg("run").arg(plan);
    command
}

/// The stand-in's image, or why there is none.
fn image() -> Result<String, &'static str> {
    std::env::var("LIFEBOAT_LOCALSTACK_STANDIN").map_err(|_| "no stand-in for LocalStack: see ci/test.sh")
}

#[test]
fn localstack_is_started_for_the_run_and_removed_after_it() {
    let image = match image() {
        Ok(image) => image,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let lab = Lab::new();
    let run = Run::of(&lab, starter(&lab, &image), "run");
    let dir = run.dir.clone();
    let (ended, record) = run.finish(LIMIT);
    // The stand-in is up and empty.
    ended.expect_code(101);
    record.expect("errored", "clean", &["DBInstanceNotFound"]);
    ended.expect_stderr(&["localstack ready: docker: LocalStack from the image", &image]);
    assert_eq!(record.value["environment"]["simulated"], true);
    assert_eq!(containers_labelled("lifeboat.sandbox", &image), Vec::<String>::new());
    for entry in std::fs::read_dir(dir).expect("the run's folder") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("text");
        assert!(!text.contains("a-secret-of-the-test"), "the token is in {}", path.display());
    }
}

#[test]
fn localstack_goes_with_a_run_that_is_killed() {
    let image = match image() {
        Ok(image) => image,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let lab = Lab::new();
    let process = Process::start(&lab, &mut starter(&lab, &image));
    eventually("the container", LIMIT, || {
        if containers_labelled("lifeboat.sandbox", &image).is_empty() { Err(process.said()) } else { Ok(()) }
    });
    process.signal(Signal::SIGKILL);
    process.wait(LIMIT);
    eventually("the end of the container", LIMIT, || {
        let left = containers_labelled("lifeboat.sandbox", &image);
        if left.is_empty() { Ok(()) } else { Err(left.join(", ")) }
    });
}

/// Answers who calls, and that it has nothing else, in the words of LocalStack's free edition.
fn without_rds() -> String {
    const CALLER: &str = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
        <GetCallerIdentityResult><Arn>arn:aws:iam::000000000000:root</Arn><UserId>A</UserId>\
        <Account>000000000000</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";
    const MISSING: &str = "<ErrorResponse><Error><Code>InternalFailure</Code><Message>API for service 'rds' not yet \
        implemented or pro feature</Message></Error><RequestId>r</RequestId></ErrorResponse>";
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut reader = BufReader::new(stream.try_clone().expect("the connection again"));
            let (mut length, mut line) = (0, String::new());
            while reader.read_line(&mut line).expect("a line") > 2 {
                let header = line.to_lowercase();
                if let Some(value) = header.strip_prefix("content-length:") {
                    length = value.trim().parse().expect("a length");
                }
                line.clear();
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("a body");
            let known = String::from_utf8_lossy(&body).contains("GetCallerIdentity");
            let (status, answer) = if known { ("200 OK", CALLER) } else { ("501 Not Implemented", MISSING) };
            let head =
                format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", answer.len());
            stream.write_all((head + answer).as_bytes()).expect("answered");
        }
    });
    endpoint
}

#[test]
fn what_an_edition_does_not_have_is_invalid_in_one_sentence() {
    let lab = Lab::new();
    let plan = environment("localstack", &format!("endpoint = \"{}\"", without_rds()))
        + r#"
[targets.orders]
kind = "rds-instance"
identifier = "orders"
database = "app"
user = "drill"
password = "${PASSWORD_OF_THE_TEST}"

[[drills]]
name = "failover"
scenario = "rds-failover"
target = "orders"
rto = "5s"
"#;
    let (code, record) = run(&lab, &plan, [("PASSWORD_OF_THE_TEST".to_owned(), "none".to_owned())]);
    assert_eq!(code, 101);
    record.expect("invalid", "clean", &["does not have the call", "DescribeDBInstances", "pro feature"]);
}
