//! Credentials that a container's or a machine's metadata service gives: a run takes them, and takes new ones where they
//! expire. The services here are the test's own, made after AWS's descriptions; the credentials are the sandbox's.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};

use rstest::rstest;

use crate::crash::Scene;
use crate::credentials::{MINUTE, as_on_aws, counted, run_with, seed};
use crate::support::{Table, dynamodb_plan, request_with};

/// What a container's agent wants to see, and what a machine's service has given.
const WORD: &str = "a-word-of-the-agent";

/// A service that says the credentials of the role `drill`, issued anew for whoever asks.
struct Metadata {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Metadata {
    fn of(sandbox: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (sandbox, log) = (sandbox.to_owned(), Arc::clone(&asked));
        // It ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let _ = answer(&stream.expect("a connection"), &sandbox, &log);
            }
        });
        Self { address, asked }
    }

    /// How often credentials were given.
    fn given(&self) -> usize {
        let asked = self.asked.lock().expect("the log");
        asked.iter().filter(|line| line.ends_with("200 credentials")).count()
    }
}

/// One request on a connection of its own.
fn answer(stream: &TcpStream, sandbox: &str, log: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let head = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    let (mut agent, mut machine) = (false, false);
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(": ") {
            agent |= name.eq_ignore_ascii_case("authorization") && value == WORD;
            machine |= name.eq_ignore_ascii_case("x-aws-ec2-metadata-token") && value == WORD;
        }
    }
    let mut words = head.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let roles = "/latest/meta-data/iam/security-credentials/";
    let (status, what, body) = match (method, path) {
        ("PUT", "/latest/api/token") => (200, "word", WORD.to_owned()),
        ("GET", "/container") if agent => (200, "credentials", credentials(sandbox)),
        ("GET", path) if path == roles && machine => (200, "role", "drill".to_owned()),
        ("GET", path) if path == format!("{roles}drill") && machine => {
            (200, "credentials", credentials(sandbox))
        }
        ("GET", path) if path == "/container" || path.starts_with(roles) => (401, "refused", String::new()),
        _ => (404, "unknown", String::new()),
    };
    log.lock().expect("the log").push(format!("{method} {path} {status} {what}"));
    let length = body.len();
    let more = "X-Aws-Ec2-Metadata-Token-Ttl-Seconds: 21600\r\nConnection: close\r\n";
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 {status} x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{more}\r\n{body}"
    )
}

/// As both services write them.
fn credentials(sandbox: &str) -> String {
    let body = "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A000000000000%3Arole%2Fdrill\
                &RoleSessionName=i-0123456789&ExternalId=shop%2Fdrills%3D4711";
    let form = "Content-Type: application/x-www-form-urlencoded";
    let (status, answer) = request_with(sandbox, "POST", "/", form, body);
    assert_eq!(status, 200, "{answer}");
    let of = |name: &str| {
        let (_, rest) = answer.split_once(&format!("<{name}>")).expect(name);
        rest.split_once('<').expect(name).0.to_owned()
    };
    serde_json::json!({
        "Code": "Success",
        "Type": "AWS-HMAC",
        "LastUpdated": "2026-11-22T08:00:00Z",
        "RoleArn": "arn:aws:iam::000000000000:role/drill",
        "AccessKeyId": of("AccessKeyId"),
        "SecretAccessKey": of("SecretAccessKey"),
        "Token": of("SessionToken"),
        "Expiration": of("Expiration"),
    })
    .to_string()
}

/// ECS, with the agent's word in a variable.
fn container(command: &mut Command, metadata: &Metadata, _: &str) {
    command.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/container", metadata.address));
    command.env("AWS_CONTAINER_AUTHORIZATION_TOKEN", WORD);
}

/// EKS Pod Identity, with the agent's word in a file.
fn pod(command: &mut Command, metadata: &Metadata, word: &str) {
    command.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/container", metadata.address));
    command.env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", word);
}

/// EC2, by IMDSv2.
fn machine(command: &mut Command, metadata: &Metadata, _: &str) {
    command.env_remove("AWS_EC2_METADATA_DISABLED");
    command.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", &metadata.address);
}

#[rstest]
#[case::container(container)]
#[case::pod(pod)]
#[case::machine(machine)]
fn the_role_of_where_it_runs_is_taken_and_taken_anew(#[case] place: fn(&mut Command, &Metadata, &str)) {
    let scene = Scene::new(&seed());
    Table::default().make(&scene.sandbox);
    let metadata = Metadata::of(scene.sandbox.endpoint());
    let word = scene.lab.write("word", WORD);
    let plan = as_on_aws(&dynamodb_plan("dynamodb-backup-restore", ""), "", "");
    let mut run = run_with(&scene, &plan, "run", &|command| {
        place(command, &metadata, word.to_str().expect("UTF-8"));
    });
    run.await_step("make-backup");
    let before = metadata.given();
    scene.sandbox.tell(r#"{"lie":"expire-tokens"}"#);
    let (ended, record) = run.finish(MINUTE * 4);
    let asked = metadata.asked.lock().expect("the log").clone();
    ended.expect_code(0);
    assert!(before > 0 && metadata.given() > before, "{asked:?}");
    assert!(counted(&record.value) > 0, "{ended}");
    assert_eq!(
        record.value["operator"], "arn:aws:sts::000000000000:assumed-role/drill/i-0123456789",
        "{asked:?}"
    );
    scene.sandbox.stop(&scene.lab);
}

/// The agent does not know who asks: nobody falls back to other credentials, and nothing is asked of AWS.
#[test]
fn a_container_that_is_refused_ends_the_run() {
    let scene = Scene::new(&seed());
    let metadata = Metadata::of(scene.sandbox.endpoint());
    let plan = as_on_aws(&dynamodb_plan("dynamodb-backup-restore", ""), "", "");
    let run = run_with(&scene, &plan, "refused", &|command| {
        command.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/container", metadata.address));
        command.env("AWS_CONTAINER_AUTHORIZATION_TOKEN", "another-word");
    });
    let ended = run.process.wait(MINUTE);
    ended.expect_code(101).expect_stderr(&["no credentials"]);
    assert!(!ended.stderr.contains("another-word"), "{ended}");
    assert!(scene.sandbox.calls().is_empty(), "{ended}");
    scene.sandbox.stop(&scene.lab);
}
