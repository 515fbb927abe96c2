//! A test's own folder: plans, runs, and the folder for temporary files of everything that it starts.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// Where a test keeps everything, so that what is left behind can be seen.
pub struct Lab {
    folder: TempDir,
}

impl Lab {
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("lb-test-").tempdir().expect("a folder");
        let lab = Self { folder };
        std::fs::create_dir(lab.temporary()).expect("a folder for temporary files");
        // PostgreSQL runs as another user below it when the tests run as root.
        for path in [lab.folder.path(), &lab.temporary()] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("permissions");
        }
        lab
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What the processes of this test take for `/tmp`: a sandbox makes its folder there.
    pub fn temporary(&self) -> PathBuf {
        self.path("tmp")
    }

    /// What is left in the folder for temporary files.
    pub fn leftovers(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.temporary()).expect("the folder");
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).expect("written");
        path
    }

    /// The command, without variables of the machine's own that could change what it does.
    pub fn lifeboat(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lifeboat"));
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("AWS_") || text.starts_with("LIFEBOAT_") || text == "GITHUB_STEP_SUMMARY" {
                command.env_remove(&name);
            }
        }
        // Nobody's credentials are found, wherever a test goes wrong to.
        command.env("HOME", self.path("home")).env("AWS_EC2_METADATA_DISABLED", "true");
        command.env("XDG_STATE_HOME", self.path("state"));
        command.env("TMPDIR", self.temporary()).env("LIFEBOAT_POSTGRES_IMAGE", image());
        command.current_dir(self.folder.path());
        command
    }
}

/// The repository's root.
pub fn repository() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().expect("the repository's root")
}

fn image() -> String {
    std::env::var("LIFEBOAT_POSTGRES_IMAGE").unwrap_or_else(|_| "lifeboat/postgres:local".into())
}

/// Why nothing can run on docker here, if so.
pub fn without_docker() -> Option<String> {
    match Command::new("docker").args(["image", "inspect", &image()]).output() {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Some(format!("docker: {error}")),
    }
}
