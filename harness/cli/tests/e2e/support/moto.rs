//! moto's server, which answers most of AWS's calls and does little of what they say.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::python::beside_python;
use super::{Lab, eventually};

/// A moto server of a test's own; it is killed with the test.
pub struct Moto {
    child: Child,
    pub endpoint: String,
}

impl Moto {
    /// Starts one and waits until it listens.
    pub fn start(lab: &Lab) -> Self {
        // Free a moment ago: moto takes no port 0.
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
        let said = std::fs::File::create(lab.path("moto.said")).expect("a file");
        let child = Command::new(beside_python("moto_server"))
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(said.try_clone().expect("the file again"))
            .stderr(said)
            .spawn()
            .expect("moto_server starts");
        let moto = Self { child, endpoint: format!("http://127.0.0.1:{port}") };
        eventually("moto to listen", Duration::from_secs(60), || {
            TcpStream::connect(("127.0.0.1", port)).map_err(|error| error.to_string())
        });
        moto
    }

    /// Runs the AWS CLI against it; the answer must be success.
    pub fn aws(&self, arguments: &[&str]) {
        let output = Command::new(beside_python("aws"))
            .args(["--endpoint-url", &self.endpoint, "--region", "us-east-1"])
            .args(arguments)
            .envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")])
            .output()
            .expect("the AWS CLI runs");
        assert!(output.status.success(), "aws {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
