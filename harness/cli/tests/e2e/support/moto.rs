//! moto's server, which answers most of AWS's calls and does little of what they say.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::http::request_with;
use super::python::beside_python;
use super::{Lab, eventually};

const PORTS_TRIED: usize = 5;

/// A moto server of a test's own; it is killed with the test.
pub struct Moto {
    child: Child,
    said: PathBuf,
    pub endpoint: String,
}

impl Moto {
    /// Starts one and waits until it listens.
    pub fn start(lab: &Lab) -> Self {
        Self::of(lab, || Command::new(beside_python("moto_server")))
    }

    /// The same, with the calls of S3 and KMS corrected that moto answers otherwise than AWS.
    pub fn like_aws(lab: &Lab) -> Self {
        Self::like_aws_for(lab, 0)
    }

    /// The same, where the first so many conditional puts wait for each other.
    pub fn like_aws_for(lab: &Lab, puts_at_once: usize) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/data/moto_like_aws.py");
        Self::of(lab, || {
            let mut command = Command::new(beside_python("python"));
            command.arg(&script).env("PUTS_AT_ONCE", puts_at_once.to_string());
            command
        })
    }

    fn of(lab: &Lab, program: impl Fn() -> Command) -> Self {
        (0..PORTS_TRIED)
            .find_map(|_| Self::on_a_free_port(lab, program()))
            .expect("a port that nobody else takes")
    }

    /// `None` where somebody took the port in between: moto takes no port 0.
    fn on_a_free_port(lab: &Lab, mut program: Command) -> Option<Self> {
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
        let path = lab.path(&format!("moto-{port}.said"));
        let said = std::fs::File::create(&path).expect("a file");
        let child = program
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(said.try_clone().expect("the file again"))
            .stderr(said)
            .spawn()
            .expect("moto_server starts");
        let mut moto = Self { child, said: path.clone(), endpoint: format!("http://127.0.0.1:{port}") };
        // What it says of itself, since somebody else may be the one who answers there.
        let listens = eventually("moto to listen", Duration::from_secs(60), || {
            let ended = moto.child.try_wait().expect("a child of this process").is_some();
            let said = std::fs::read_to_string(&path).expect("what it said");
            match (said.contains(&format!("Running on {}", moto.endpoint)), ended) {
                (true, false) => Ok(true),
                (_, true) if said.contains("in use") => Ok(false),
                _ => Err(said),
            }
        });
        listens.then_some(moto)
    }

    /// Runs the AWS CLI against it; the answer must be success.
    pub fn aws(&self, arguments: &[&str]) {
        self.answer(arguments);
    }

    /// What it answers.
    pub fn told(&self, arguments: &[&str]) -> Value {
        serde_json::from_slice(&self.answer(arguments)).expect("JSON")
    }

    fn answer(&self, arguments: &[&str]) -> Vec<u8> {
        let output = Command::new(beside_python("aws"))
            .args(["--output", "json", "--endpoint-url", &self.endpoint, "--region", "us-east-1"])
            .args(arguments)
            .envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")])
            .output()
            .expect("the AWS CLI runs");
        assert!(output.status.success(), "aws {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// The variables with which the command asks it as S3 and KMS, and as nothing else.
    pub fn stores(&self) -> [(&'static str, String); 4] {
        [
            ("AWS_ENDPOINT_URL_S3", self.endpoint.clone()),
            ("AWS_ENDPOINT_URL_KMS", self.endpoint.clone()),
            ("AWS_ACCESS_KEY_ID", "test".into()),
            ("AWS_SECRET_ACCESS_KEY", "test".into()),
        ]
    }

    /// From here on, calls are held against the policies of their users.
    pub fn checks_policies(&self) {
        let (status, said) =
            request_with(&self.endpoint, "POST", "/moto-api/reset-auth", "Content-Type: text/plain", "0");
        assert_eq!(status, 200, "{said}");
    }

    /// The requests that it answered, as it says them.
    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.said).expect("what it said")
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
