//! A sandbox of a test's own, that outlives the runs against it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::http::{request, request_with};
use super::{Database, Lab, eventually};

const READY: &str = "# ready: ";

/// `lifeboat sandbox up`, which ends with this process if not before.
pub struct External {
    child: Child,
    pub exports: BTreeMap<String, String>,
    said: PathBuf,
}

impl External {
    /// Starts one on the native runtime and waits until it is ready.
    pub fn start(lab: &Lab, seed: &str) -> Self {
        Self::start_on(lab, seed, "native")
    }

    /// Starts one on a runtime and waits until it is ready.
    pub fn start_on(lab: &Lab, seed: &str, runtime: &str) -> Self {
        let seed = lab.write("seed.toml", seed);
        let said = lab.path("sandbox.err");
        let mut command = lab.lifeboat();
        command.args(["sandbox", "up", "--until-stdin-closes", "--runtime", runtime, "--seed"]).arg(seed);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(File::create(&said).expect("a file"));
        let child = command.spawn().expect("started");
        let mut external = Self { child, exports: BTreeMap::new(), said };
        for line in BufReader::new(external.child.stdout.take().expect("its output")).lines() {
            let line = line.expect("UTF-8");
            if line.starts_with(READY) {
                return external;
            }
            let (name, value) =
                line.strip_prefix("export ").and_then(|pair| pair.split_once('=')).expect("an export");
            external.exports.insert(name.to_owned(), value.trim_matches('\'').to_owned());
        }
        panic!(
            "the sandbox is not ready: {}",
            std::fs::read_to_string(&external.said).expect("what it said")
        );
    }

    pub fn endpoint(&self) -> &str {
        &self.exports["AWS_ENDPOINT_URL"]
    }

    /// Asks its admin endpoint; the answer must be success.
    pub fn admin(&self, method: &str, what: &str, body: &str) -> Value {
        let (status, answer) = request(self.endpoint(), method, &format!("/_sandbox/{what}"), body);
        assert_eq!(status, 200, "{method} {what} {body}: {answer}");
        serde_json::from_str(&answer).expect("JSON")
    }

    pub fn tell(&self, lie: &str) {
        self.admin("POST", "lies", lie);
    }

    /// Calls Secrets Manager; the answer must be success.
    pub fn secrets(&self, action: &str, input: &Value) -> Value {
        let headers =
            format!("Content-Type: application/x-amz-json-1.1\r\nX-Amz-Target: secretsmanager.{action}");
        let (status, answer) = request_with(self.endpoint(), "POST", "/", &headers, &input.to_string());
        assert_eq!(status, 200, "{action}: {answer}");
        serde_json::from_str(&answer).expect("JSON")
    }

    /// The password in a secret that is the JSON of a role.
    pub fn kept_password(&self, secret: &str) -> String {
        let answer = self.secrets("GetSecretValue", &json!({ "SecretId": secret }));
        let text = answer["SecretString"].as_str().expect("a text");
        let members: Value = serde_json::from_str(text).expect("JSON");
        members["password"].as_str().expect("a password").to_owned()
    }

    /// Gives the role of a secret another password.
    pub fn rotate(&self, secret: &str) {
        self.admin("POST", "rotations", &json!({ "secret": secret }).to_string());
    }

    pub fn inventory(&self) -> Value {
        self.admin("GET", "inventory", "")
    }

    /// The calls that it answered, as (action, error code).
    pub fn calls(&self) -> Vec<(String, Option<String>)> {
        let calls = self.admin("GET", "calls", "");
        let calls = calls.as_array().expect("a list").iter().map(|call| {
            (call["action"].as_str().expect("an action").to_owned(), call["code"].as_str().map(str::to_owned))
        });
        calls.collect()
    }

    /// The master user's way into an instance or a plain server, through the stable endpoint.
    pub fn database(&self, name: &str) -> Database {
        let inventory = self.inventory();
        let of = |kind: &str| inventory[kind][name]["port"].as_u64();
        let port = of("instances").or_else(|| of("servers")).expect("a port");
        Database {
            port: u16::try_from(port).expect("a port"),
            user: "drill".into(),
            password: self.exports["LIFEBOAT_SANDBOX_PASSWORD"].clone(),
            name: "app".into(),
        }
    }

    /// The address of a plain server, as `--confirm` wants it.
    pub fn plain_address(&self) -> String {
        format!("127.0.0.1:{}", self.database("plain").port)
    }

    /// Stops it; it has to clean up after itself.
    pub fn stop(mut self, lab: &Lab) {
        drop(self.child.stdin.take());
        let status = self.end();
        let said = std::fs::read_to_string(&self.said).expect("what it said");
        assert!(status.is_some_and(|status| status.success()), "the sandbox ended with {status:?}: {said}");
        assert_eq!(lab.leftovers(), Vec::<String>::new(), "the sandbox left something behind: {said}");
    }

    fn end(&mut self) -> Option<std::process::ExitStatus> {
        eventually("the end of the sandbox", Duration::from_secs(60), || {
            match self.child.try_wait().expect("a child of this process") {
                Some(status) => Ok(Some(status)),
                None => Err("it runs"),
            }
        })
    }
}

impl Drop for External {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        if !std::thread::panicking() {
            self.end();
        }
    }
}

/// The folders of sandboxes below a folder, with their ids.
pub fn sandbox_folders(temporary: &Path) -> Vec<(PathBuf, String)> {
    let entries = std::fs::read_dir(temporary).expect("the folder").filter_map(Result::ok);
    let found = entries.filter_map(|entry| {
        let id = entry.file_name().to_str()?.strip_prefix("lifeboat-sandbox-")?.to_owned();
        Some((entry.path(), id))
    });
    found.collect()
}

/// The processes whose command line or working folder is below a folder.
pub fn processes_in(folder: &Path) -> Vec<(i32, String)> {
    let folder = folder.display().to_string();
    let entries = std::fs::read_dir("/proc").expect("/proc").filter_map(Result::ok);
    let found = entries.filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let words = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let words = String::from_utf8_lossy(&words).replace('\0', " ");
        let cwd = std::fs::read_link(entry.path().join("cwd")).unwrap_or_default();
        let inside = words.contains(&folder) || cwd.starts_with(&folder);
        inside.then_some((pid, words))
    });
    found.collect()
}

/// The containers of a sandbox, running or not.
pub fn containers_of(id: &str) -> Vec<String> {
    containers(&["--filter", &format!("label=lifeboat.sandbox={id}")])
}

/// The containers with a label that were made from an image, running or not.
pub fn containers_labelled(label: &str, image: &str) -> Vec<String> {
    containers(&["--filter", &format!("label={label}"), "--filter", &format!("ancestor={image}")])
}

/// The volumes of a sandbox.
pub fn volumes_of(id: &str) -> Vec<String> {
    listed(&["volume", "ls", "--quiet", "--filter", &format!("label=lifeboat.sandbox={id}")])
}

fn containers(filters: &[&str]) -> Vec<String> {
    listed(&[["ps", "--all", "--quiet"].as_slice(), filters].concat())
}

fn listed(arguments: &[&str]) -> Vec<String> {
    let output = Command::new("docker").args(arguments).output().expect("docker");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}
