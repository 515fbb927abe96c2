//! The sandbox or LocalStack that a run starts for itself: a child process that ends when this process does, however that comes about.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use lifeboat_model::LocalstackImage;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::timeout;

use crate::args::SandboxOptions;
use crate::failure::Failure;
use crate::localstack_cmd::TOKEN;

/// How long the sandbox gets to start: images are checked, servers initialised.
const SANDBOX_LIMIT: Duration = Duration::from_secs(300);

/// How long LocalStack gets to start, the pull of its image included. The child gives up before, and says why.
const LOCALSTACK_LIMIT: Duration = Duration::from_secs(630);

/// How long it gets to clean up.
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// What its last line before it is ready begins with.
pub const READY: &str = "# ready: ";

/// A running sandbox of this process's own.
pub struct Embedded {
    what: &'static str,
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
    /// Starts a sandbox and waits until it is ready.
    pub async fn sandbox(seed: Option<&Path>, options: SandboxOptions) -> Result<Self, Failure> {
        let mut arguments: Vec<OsString> =
            ["sandbox", "up", "--runtime", options.runtime.name(), "--profile", options.profile.name()]
                .map(OsString::from)
                .to_vec();
        if let Some(seed) = seed {
            arguments.extend(["--seed".into(), seed.into()]);
        }
        Self::start("the sandbox", arguments, None, SANDBOX_LIMIT).await
    }

    /// Starts LocalStack and waits until it is ready.
    pub async fn localstack(image: &LocalstackImage) -> Result<Self, Failure> {
        let mut arguments: Vec<OsString> = vec!["localstack".into()];
        for (option, value) in [("--image", &image.image), ("--tag", &image.tag)] {
            arguments.extend(value.iter().flat_map(|value| [option.into(), value.into()]));
        }
        let token = image.auth_token.as_ref().map(|token| (TOKEN, token.expose()));
        Self::start("LocalStack", arguments, token, LOCALSTACK_LIMIT).await
    }

    async fn start(
        what: &'static str,
        arguments: Vec<OsString>,
        variable: Option<(&str, &str)>,
        limit: Duration,
    ) -> Result<Self, Failure> {
        let failed =
            |error: &dyn std::fmt::Display| Failure::not_run(format!("cannot start {what}: {error}"));
        let program = std::env::current_exe().map_err(|error| failed(&error))?;
        let mut command = Command::new(program);
        command.args(arguments).arg("--until-stdin-closes").envs(variable);
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
        let ready = timeout(limit, reading).await;
        match ready {
            Ok(Ok(Some(ready))) => {
                let runtime = ready.split([' ', ':']).next().unwrap_or_default().to_owned();
                Ok(Self { what, child, stdin, exports, runtime, ready })
            }
            Ok(Ok(None)) => {
                drop(stdin);
                let _ = child.wait().await;
                Err(failed(&"it ended before it was ready, for the reason that it gave above"))
            }
            Ok(Err(error)) => Err(failed(&error)),
            Err(_) => Err(failed(&format!(
                "it was not ready within {} s, the pull of its image included; pull that beforehand where it takes long",
                limit.as_secs()
            ))),
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
        let Self { what, mut child, stdin, .. } = self;
        drop(stdin);
        match timeout(STOP_LIMIT, child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => {
                Err(format!("{what} did not clean up whole ({status}); its next start removes the rest"))
            }
            Ok(Err(error)) => Err(format!("cannot wait for {what}: {error}")),
            Err(_) => Err(format!("{what} has not ended within {} s", STOP_LIMIT.as_secs())),
        }
    }
}
