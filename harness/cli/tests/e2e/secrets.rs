//! Known secrets, and a search of all that a command says and writes, with every log at its most talkative: none of them
//! is anywhere.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::crash::Scene;
use crate::support::{
    Ended, External, ORDERS_SEED, Process, SECRET, Signal, failover_plan, kept, kept_seed, with_tokens,
};

const MINUTE: Duration = Duration::from_secs(60);

const KEY: &str = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY73";
const TOKEN: &str = "FwoGZXIvYXdzEBYaDHsessionTOKEN0123456789EXAMPLEabcdefgh";
const WRONG: &str = "wrong-Passw0rd-of-the-test-4711";
const OF_ADDRESS: &str = "address-Passw0rd-of-the-test-4712";

/// Base64, as a header for basic authentication has it.
fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let word =
            chunk.iter().fold(0_u32, |word, byte| (word << 8) | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            out.push(char::from(DIGITS[(word >> (18 - 6 * place)) as usize & 63]));
        }
    }
    out
}

/// The secrets, each in the forms in which it may be written.
struct Search {
    needles: Vec<(String, Vec<u8>)>,
    bytes: usize,
}

impl Search {
    fn new(password: &str, kept: &str) -> Self {
        let mut needles = Vec::new();
        for (name, secret) in [
            ("password", password),
            ("kept password", kept),
            ("key", KEY),
            ("token", TOKEN),
            ("wrong", WRONG),
            ("address", OF_ADDRESS),
        ] {
            let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
            let listed = format!("{:?}", secret.as_bytes());
            // Wherever it stands in a longer text: without the letters that hold a part of what is beside it.
            let within = [(0, 0), (1, 2), (2, 3)].map(|(before, shared)| {
                let whole = base64(&format!("{}{secret}", "x".repeat(before)));
                whole[shared..(before + secret.len()) / 3 * 4].to_owned()
            });
            let forms = [secret.to_owned(), hex, listed.trim_matches(['[', ']']).to_owned()];
            for form in forms.into_iter().chain(within) {
                needles.push((name.to_owned(), form.into_bytes()));
            }
        }
        Self { needles, bytes: 0 }
    }

    /// The secrets of the sessions that the sandbox has issued by now.
    fn learn(&mut self, sandbox: &External) {
        let sessions = sandbox.admin("GET", "sessions", "");
        for session in sessions.as_array().expect("sessions") {
            for name in ["secret_access_key", "session_token"] {
                let needle = (name.to_owned(), session[name].as_str().expect("a text").as_bytes().to_vec());
                if !self.needles.contains(&needle) {
                    self.needles.push(needle);
                }
            }
        }
    }

    fn text(&mut self, place: &str, bytes: &[u8]) {
        self.bytes += bytes.len();
        for (name, needle) in &self.needles {
            if let Some(at) = bytes.windows(needle.len()).position(|window| window == needle) {
                let around = String::from_utf8_lossy(&bytes[at.saturating_sub(300)..at]).into_owned();
                panic!("{place} holds the {name}, after: {around}");
            }
        }
    }

    fn said(&mut self, what: &str, ended: &Ended) {
        self.text(&format!("stdout of {what}"), ended.stdout.as_bytes());
        self.text(&format!("stderr of {what}"), ended.stderr.as_bytes());
    }

    fn folder(&mut self, dir: &Path) {
        for entry in std::fs::read_dir(dir).expect("the folder") {
            let path = entry.expect("an entry").path();
            self.text(&path.display().to_string(), &std::fs::read(&path).expect("a file"));
        }
    }
}

/// An address with a password, which answers 204.
fn health() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let _ = stream.read(&mut [0; 4096]);
            let _ = write!(stream, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
        }
    });
    format!("http://shop:{OF_ADDRESS}@127.0.0.1:{port}/health")
}

/// The command with all secrets set and every log at its most talkative.
fn lifeboat(scene: &Scene, health: &str) -> Command {
    let mut command = scene.lab.lifeboat();
    command.envs(&scene.sandbox.exports).env("HEALTH", health).env("SHOP_PASSWORD", OF_ADDRESS);
    command.env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE").env("AWS_SECRET_ACCESS_KEY", KEY);
    command.env("AWS_SESSION_TOKEN", TOKEN);
    command.env("LIFEBOAT_LOG", "trace").env("RUST_LOG", "trace").env("RUST_BACKTRACE", "full");
    command
}

#[test]
fn no_secret_is_in_anything_that_is_said_or_written() {
    let tokens = "iam_authentication = true\nsql = [\"CREATE ROLE bearer LOGIN IN ROLE rds_iam, pg_monitor; GRANT CREATE ON \
                  DATABASE app TO bearer; ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO bearer; ";
    let seed = ORDERS_SEED.replacen("sql = [\"", tokens, 1);
    let seed = format!("{seed}\n[[roles]]\nname = \"drill\"\n");
    let scene = Scene::new(&kept_seed(&seed, "orders"));
    // So that tokens are issued again and again.
    scene.sandbox.tell(r#"{"lie":"expire-tokens","after_calls":20}"#);
    let password = scene.sandbox.exports["LIFEBOAT_SANDBOX_PASSWORD"].clone();
    let before = scene.sandbox.kept_password(SECRET);
    let mut search = Search::new(&password, &before);
    let health = health();
    // As on AWS: with the caller's own key and token, and those of a role.
    let aws = |drill: &str| {
        let plan = failover_plan(drill).replacen("\"sandbox\"", "\"aws\"\nallow_loopback = true", 1);
        plan.replacen("user = \"drill\"", "user = \"drill\"\ntls = \"off\"\napp_health = \"${HEALTH}\"", 1)
            + "\n[[stop_conditions]]\nname = \"shop\"\nhttp = \"${HEALTH}\"\nevery = \"200ms\"\n\
               [environment.assume_role]\nrole_arn = \"arn:aws:iam::000000000000:role/drill\"\n"
    };
    // Another place for `tls`: role and password stay beside each other.
    let aws_without_tls = |drill: &str| {
        let plan = failover_plan(drill).replacen("\"sandbox\"", "\"aws\"\nallow_loopback = true", 1);
        plan.replacen("[targets.orders]", "[targets.orders]\ntls = \"off\"", 1)
    };
    let run = |name: &str, plan: &str, change: &dyn Fn(&mut Command)| {
        let plan = scene.lab.write(&format!("{name}.toml"), plan);
        let mut command = lifeboat(&scene, &health);
        command.args(["run", "--json"]).arg(plan).arg("--out").arg(scene.lab.path(name));
        change(&mut command);
        command
    };
    let drill = "probe_interval = '50ms'\nstable_for = '300ms'";

    let whole = Process::start(&scene.lab, &mut run("whole", &aws(drill), &|_| {})).wait(MINUTE * 3);
    whole.expect_code(0);
    assert!(whole.stderr.contains("TRACE") && whole.stderr.contains("hyper"), "the logs were not talkative");
    search.learn(&scene.sandbox);
    search.said("a run", &whole);

    let wrong = |command: &mut Command| {
        command.env("LIFEBOAT_SANDBOX_PASSWORD", WRONG);
    };
    let refused = Process::start(&scene.lab, &mut run("refused", &aws(drill), &wrong)).wait(MINUTE);
    refused.expect_code(101);
    search.learn(&scene.sandbox);
    search.said("a run with a wrong password", &refused);

    let mut cut = crate::support::Run {
        process: Process::start(&scene.lab, &mut run("cut", &aws(drill), &|_| {})),
        dir: scene.lab.path("cut"),
    };
    cut.await_step("confirm-steady-state");
    cut.process.signal(Signal::SIGKILL);
    let killed = cut.process.wait(MINUTE);
    search.learn(&scene.sandbox);
    search.said("a run that was killed", &killed);
    for (subcommand, dir) in [("undo", "cut"), ("judge", "cut"), ("judge", "whole"), ("undo", "refused")] {
        let mut command = lifeboat(&scene, &health);
        let ended = Process::start(&scene.lab, command.arg(subcommand).arg(scene.lab.path(dir))).wait(MINUTE);
        assert_ne!(ended.code, Some(1), "{subcommand} {dir}: {}", ended.stderr.len());
        search.learn(&scene.sandbox);
        search.said(subcommand, &ended);
    }

    // The answers of Secrets Manager hold one, and so does what the server refuses.
    let kept_plan = kept(&aws_without_tls(drill));
    let whole = Process::start(&scene.lab, &mut run("kept", &kept_plan, &|_| {})).wait(MINUTE * 3);
    whole.expect_code(0);
    assert!(whole.stderr.contains("GetSecretValue"), "the logs were not talkative");
    search.said("a run with a kept password", &whole);

    // A token of IAM authentication is signed with one of a session, which stands in it, and so does its signature. It is taken
    // in one run, and refused in the other.
    let by_token = with_tokens(&failover_plan(drill)).replacen("user = \"app\"", "user = \"bearer\"", 1);
    let by_token = by_token.replacen("\"sandbox\"", "\"aws\"\nallow_loopback = true", 1).replacen(
        "auth = \"iam\"",
        "auth = \"iam\"\ntls_ca = \"${LIFEBOAT_SANDBOX_CA}\"",
        1,
    ) + "\n[environment.assume_role]\nrole_arn = \"arn:aws:iam::000000000000:role/drill\"\n";
    search.needles.push(("signature of a token".into(), b"X-Amz-Signature=".to_vec()));
    let whole = Process::start(&scene.lab, &mut run("by-token", &by_token, &|_| {})).wait(MINUTE * 3);
    whole.expect_code(0);
    search.learn(&scene.sandbox);
    search.said("a run with tokens", &whole);
    scene.sandbox.tell(r#"{"lie":"tokens-refused"}"#);
    let refused = Process::start(&scene.lab, &mut run("by-refused-token", &by_token, &|_| {})).wait(MINUTE);
    refused.expect_code(101);
    assert!(refused.to_string().contains("rds-db:connect"), "no token was refused");
    search.learn(&scene.sandbox);
    search.said("a run with a token that is refused", &refused);

    // Plans that are wrong in the very place.
    let bad = [
        aws(drill).replacen("${HEALTH}", &health, 1),
        aws(drill).replacen("\"${LIFEBOAT_SANDBOX_PASSWORD}\"", &format!("\"{WRONG}\""), 1),
        aws(drill).replacen("\"${LIFEBOAT_SANDBOX_PASSWORD}\"", &format!("\"{WRONG}"), 1),
        aws(drill).replacen("\"${LIFEBOAT_SANDBOX_PASSWORD}\"", &format!("[\"{WRONG}\"]"), 1),
        aws(drill).replacen("${AWS_ENDPOINT_URL}", "http://a:${SHOP_PASSWORD}@127.0.0.1:1", 1),
        failover_plan("").replacen("${AWS_ENDPOINT_URL}", "http://a:${SHOP_PASSWORD}@127.0.0.1:1", 1),
        aws(drill).replacen("${HEALTH}", "http://a:${SHOP_PASSWORD}@no host/", 1),
    ];
    for (number, plan) in bad.iter().enumerate() {
        let name = format!("bad-{number}");
        let ended = Process::start(&scene.lab, &mut run(&name, plan, &|_| {})).wait(MINUTE);
        assert_ne!(ended.code, Some(0), "{number}");
        search.said(&name, &ended);
    }
    for dir in ["whole", "refused", "cut", "kept", "by-token", "by-refused-token"] {
        search.folder(&scene.lab.path(dir));
    }
    assert!(search.needles.iter().any(|(name, _)| name == "session_token"), "no session was issued");
    assert!(search.bytes > 100_000, "only {} bytes were searched", search.bytes);
    scene.is_as_before();
    scene.sandbox.stop(&scene.lab);
}
