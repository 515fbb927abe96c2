//! Credentials that a container's or a machine's metadata service gives, or IAM Identity Center: a run takes them, and takes
//! new ones where they expire. The services here are the test's own, made after AWS's descriptions; the credentials are the
//! sandbox's.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};

use rstest::rstest;
use serde_json::{Value, json};

use crate::crash::Scene;
use crate::credentials::{MINUTE, as_on_aws, counted, run_with, seed};
use crate::support::{Table, dynamodb_plan, request_with};

/// What a container's agent wants to see, what a machine's service has given, and what a sign-in is known by.
const WORD: &str = "a-word-of-the-agent";

/// What a sign-in is renewed with.
const RENEWAL: &str = "a-word-for-another";

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
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    reader.read_line(&mut head)?;
    let (mut agent, mut machine, mut signed_in, mut length) = (false, false, false, 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        agent |= name.eq_ignore_ascii_case("authorization") && value == WORD;
        machine |= name.eq_ignore_ascii_case("x-aws-ec2-metadata-token") && value == WORD;
        signed_in |= name.eq_ignore_ascii_case("x-amz-sso_bearer_token") && value == WORD;
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse().expect("a length");
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let renews = String::from_utf8_lossy(&body).contains(RENEWAL);
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
        ("GET", path) if path.starts_with("/federation/credentials?") && signed_in => {
            let of: Value = serde_json::from_str(&credentials(sandbox)).expect("JSON");
            let ends = time::OffsetDateTime::now_utc() + time::Duration::HOUR;
            let role = json!({
                "accessKeyId": of["AccessKeyId"],
                "secretAccessKey": of["SecretAccessKey"],
                "sessionToken": of["Token"],
                "expiration": ends.unix_timestamp() * 1000,
            });
            (200, "credentials", json!({ "roleCredentials": role }).to_string())
        }
        ("POST", "/token") if renews => {
            let token = json!({ "accessToken": WORD, "expiresIn": 3600, "tokenType": "Bearer" });
            (200, "sign-in", token.to_string())
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
    json!({
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

/// A sign-in of IAM Identity Center as `aws sso login` leaves it, known by this word, and the profile `dr` of it.
pub fn sign_in(scene: &Scene, word: &str, ends: &str) {
    let token = json!({
        "startUrl": "https://example.awsapps.com/start",
        "region": "us-east-1",
        "accessToken": word,
        "expiresAt": ends,
        "clientId": "a-client",
        "clientSecret": "of-the-client",
        "registrationExpiresAt": "2999-01-01T00:00:00Z",
        "refreshToken": RENEWAL,
    });
    // SHA-1 of the session's name, `drill`.
    let file = "home/.aws/sso/cache/12e014092855ffa74e381ebd16531ccd486f7b85.json";
    std::fs::create_dir_all(scene.lab.path("home/.aws/sso/cache")).expect("a folder");
    scene.lab.write(file, &token.to_string());
    scene.lab.write(
        "home/.aws/config",
        "[profile dr]\nsso_session = drill\nsso_account_id = 000000000000\nsso_role_name = drill\n\
         [sso-session drill]\nsso_region = us-east-1\nsso_start_url = https://example.awsapps.com/start\n",
    );
}

/// New credentials of a sign-in that has ended meanwhile: it is renewed first, as the AWS CLI does.
#[test]
fn a_sign_in_that_ends_in_the_midst_of_a_run_is_renewed() {
    let scene = Scene::new(&seed());
    Table::default().make(&scene.sandbox);
    let centre = Metadata::of(scene.sandbox.endpoint());
    sign_in(&scene, WORD, "2999-01-01T00:00:00Z");
    let plan = as_on_aws(&dynamodb_plan("dynamodb-backup-restore", ""), "profile = \"dr\"\n", "");
    let mut run = run_with(&scene, &plan, "run", &|command| {
        command.env("AWS_ENDPOINT_URL_SSO", &centre.address);
        command.env("AWS_ENDPOINT_URL_SSO_OIDC", &centre.address);
    });
    run.await_step("make-backup");
    let before = centre.given();
    sign_in(&scene, "one-that-has-ended", "2020-01-01T00:00:00Z");
    scene.sandbox.tell(r#"{"lie":"expire-tokens"}"#);
    let (ended, record) = run.finish(MINUTE * 4);
    let asked = centre.asked.lock().expect("the log").clone();
    ended.expect_code(0);
    assert!(before > 0 && centre.given() > before, "{asked:?}");
    assert!(asked.iter().any(|line| line == "POST /token 200 sign-in"), "{asked:?}");
    assert!(counted(&record.value) > 0, "{ended}");
    scene.sandbox.stop(&scene.lab);
}
