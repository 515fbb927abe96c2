//! The sandbox that a run starts for itself: a child process that ends when this process does, however that comes about.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::timeout;

use crate::args::SandboxOptions;
use crate::failure::Failure;

/// How long it gets to start: images are checked, servers initialised.
const START_LIMIT: Duration = Duration::from_secs(180);

/// How long it gets to clean up.
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// What its last line before it is ready begins with.
pub const READY: &str = "# ready: ";

/// A running sandbox of this process's own.
pub struct Embedded {
    child: Child,
    stdin: ChildStdin,
    /// Its variables.
    pub exports: BTreeMap<String, String>,
    /// `docker` or `native`.
    pub runtime: String,
    /// Which runtime and why, in a sentence.
    pub ready: String,
}

impl Embedded {
    /// Starts it and waits until it is ready.
    pub async fn start(seed: Option<&Path>, options: SandboxOptions) -> Result<Self, Failure> {
        let failed =
            |error: &dyn std::fmt::Display| Failure::not_run(format!("cannot start the sandbox: {error}"));
        let program = std::env::current_exe().map_err(|error| failed(&error))?;
        let mut command = Command::new(program);
        command.args(["sandbox", "up", "--until-stdin-closes", "--runtime", options.runtime.name()]);
        command.args(["--profile", options.profile.name()]);
        if let Some(seed) = seed {
            command.arg("--seed").arg(seed);
        }
        // A group of its own, so that Ctrl-C reaches this process only and it can unwind against a living sandbox.
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0).spawn();
        let mut child = spawned.map_err(|error| failed(&error))?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed(&"its pipes are not there"));
        };
        let mut lines = BufReader::new(stdout).lines();
        let mut exports = BTreeMap::new();
        let reading = async {
            while let Some(line) = lines.next_line().await? {
                if let Some(ready) = line.strip_prefix(READY) {
                    return Ok(Some(ready.to_owned()));
                }
                let pair = line.strip_prefix("export ").and_then(|line| line.split_once('='));
                exports
                    .extend(pair.map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_owned())));
            }
            Ok::<_, std::io::Error>(None)
        };
        let ready = timeout(START_LIMIT, reading).await;
        match ready {
            Ok(Ok(Some(ready))) => {
                let runtime = ready.split([' ', ':']).next().unwrap_or_default().to_owned();
                Ok(Self { child, stdin, exports, runtime, ready })
            }
            Ok(Ok(None)) => {
                drop(stdin);
                let _ = child.wait().await;
                Err(failed(&"it ended before it was ready, for the reason that it gave above"))
            }
            Ok(Err(error)) => Err(failed(&error)),
            Err(_) => Err(failed(&format!("it was not ready within {} s", START_LIMIT.as_secs()))),
        }
    }

    /// The address of its endpoint.
    pub fn endpoint(&self) -> Option<&str> {
        self.exports.get("AWS_ENDPOINT_URL").map(String::as_str)
    }

    /// Its process.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Ends it and waits until it has cleaned up. The error says what it left.
    pub async fn stop(self) -> Result<(), String> {
        let Self { mut child, stdin, .. } = self;
        drop(stdin);
        match timeout(STOP_LIMIT, child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => {
                Err(format!("the sandbox did not clean up whole ({status}); its next start removes the rest"))
            }
            Ok(Err(error)) => Err(format!("cannot wait for the sandbox: {error}")),
            Err(_) => Err(format!("the sandbox has not ended within {} s", STOP_LIMIT.as_secs())),
        }
    }
}
