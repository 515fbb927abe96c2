//! AWS under its own names: TLS with certificates of the test's own authority, and a sandbox behind it.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::python::python;
use super::{External, Lab, eventually, preload};

/// An authority, and a certificate of it for the names that AWS's services have in a region.
const CERTIFICATES: &str = r#"
set -e
cd "$1"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -keyout ca.key -out ca.pem -subj /CN=test
openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout front.key -out front.csr -subj /CN=front
printf 'subjectAltName=DNS:*.%s.amazonaws.com,DNS:*.ddb.%s.amazonaws.com,DNS:*.s3.%s.amazonaws.com' "$2" "$2" "$2" >names
openssl x509 -req -in front.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out front.pem
"#;

/// What answers under AWS's names.
pub struct Front {
    child: Child,
    said: PathBuf,
    folder: PathBuf,
    names: PathBuf,
    port: u16,
}

impl Front {
    /// Starts one before a sandbox and waits until it listens.
    pub fn start(lab: &Lab, sandbox: &External) -> Self {
        let folder = lab.path("front");
        std::fs::create_dir(&folder).expect("a folder");
        let region = &sandbox.exports["AWS_REGION"];
        let made = Command::new("sh").args(["-c", CERTIFICATES, "sh"]).arg(&folder).arg(region).output();
        let made = made.expect("a shell");
        assert!(made.status.success(), "openssl: {}", String::from_utf8_lossy(&made.stderr));
        let said = lab.path("front.said");
        let upstream = sandbox.endpoint().rsplit_once(':').expect("a port").1;
        let child = Command::new(python())
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/data/tls_front.py"))
            .args([folder.join("front.pem"), folder.join("front.key")])
            .arg(upstream)
            .stdin(Stdio::null())
            .stdout(File::create(&said).expect("a file"))
            .stderr(File::create(lab.path("front.err")).expect("a file"))
            .spawn()
            .expect("Python starts");
        let names = preload("e2e/support/aws_names.c", &folder);
        let mut front = Self { child, said, folder, names, port: 0 };
        front.port = eventually("its port", Duration::from_secs(60), || {
            let said = std::fs::read_to_string(&front.said).expect("what it said");
            let line = said.split_once('\n').map(|(line, _)| line.to_owned());
            line.and_then(|line| line.parse().ok()).ok_or(said)
        });
        front
    }

    /// Has a command meet it under AWS's names, and trust its authority.
    pub fn lead(&self, command: &mut Command) {
        command.env("LD_PRELOAD", &self.names).env("AWS_FRONT_PORT", self.port.to_string());
        command.env("SSL_CERT_FILE", self.folder.join("ca.pem"));
    }

    /// The names under which it was asked.
    pub fn names(&self) -> BTreeSet<String> {
        let said = std::fs::read_to_string(&self.said).expect("what it said");
        said.lines().skip(1).map(str::to_owned).collect()
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
