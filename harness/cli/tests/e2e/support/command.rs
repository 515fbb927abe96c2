//! The command as a process: started, signalled, waited for within a limit, with what it said.

use std::fs::File;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub use nix::sys::signal::Signal;

use super::{Lab, eventually};

/// A process of a test; it is killed if the test gives up on it.
pub struct Process {
    child: Child,
    said: [PathBuf; 2],
    began: Instant,
    command: String,
    ended: Option<ExitStatus>,
}

/// How a process ended.
pub struct Ended {
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
    command: String,
}

impl Process {
    /// Starts a command. What it says goes to files: a pipe would be kept open by a child that outlives it.
    pub fn start(lab: &Lab, command: &mut Command) -> Self {
        Self::start_into(lab, command, None)
    }

    /// The same with its stdout elsewhere.
    pub fn start_into(lab: &Lab, command: &mut Command, stdout: Option<Stdio>) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let said = ["out", "err"].map(|kind| lab.path(&format!("said-{number}.{kind}")));
        let [out, err] = said.each_ref().map(|path| File::create(path).expect("a file"));
        let child = command
            .stdin(Stdio::null())
            .stdout(stdout.unwrap_or(out.into()))
            .stderr(err)
            .spawn()
            .expect("started");
        let command = format!("{command:?}");
        Self { child, said, began: Instant::now(), command, ended: None }
    }

    pub fn id(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a pid")
    }

    pub fn has_ended(&mut self) -> bool {
        self.ended = self.ended.or(self.child.try_wait().expect("a child of this process"));
        self.ended.is_some()
    }

    /// Signals it, if it has not been waited for.
    pub fn signal(&self, signal: Signal) {
        assert!(self.ended.is_none(), "{} has ended already", self.command);
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.id()), signal).expect("signalled");
    }

    /// Its state, as the kernel shows it: `T` is stopped.
    pub fn state(&self) -> Option<char> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).ok()?;
        stat.rsplit_once(") ")?.1.chars().next()
    }

    /// What it said so far, on both streams.
    pub fn said(&self) -> String {
        Said { command: self.command.clone(), said: self.said.clone() }.to_string()
    }

    /// Waits for its end.
    pub fn wait(mut self, limit: Duration) -> Ended {
        let what = format!("the end of {}", self.command);
        let status = eventually(&what, limit, || {
            match self.has_ended() {
                true => Ok(self.ended.expect("it has ended")),
                // Read in the failure alone: this is looked at a thousand times a second.
                false => Err(Said { command: self.command.clone(), said: self.said.clone() }),
            }
        });
        Ended {
            code: status.code(),
            signal: status.signal(),
            stdout: read(&self.said[0]),
            stderr: read(&self.said[1]),
            took: self.began.elapsed(),
            command: self.command.clone(),
        }
    }
}

/// What a process says, read when it is shown.
struct Said {
    command: String,
    said: [PathBuf; 2],
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [out, err] = self.said.each_ref().map(read);
        write!(f, "{}\n--- stdout:\n{out}\n--- stderr:\n{err}", self.command)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.has_ended() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl Ended {
    /// Asserts the exit code, with all that was said in the failure.
    #[track_caller]
    pub fn expect_code(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// Asserts that every one of these stands in what it said on stderr.
    #[track_caller]
    pub fn expect_stderr(&self, parts: &[&str]) -> &Self {
        for part in parts {
            assert!(self.stderr.contains(part), "`{part}` is not in {self}");
        }
        self
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}: exit {:?}, signal {:?}, {:.1} s\n--- stdout:\n{}\n--- stderr:\n{}",
            self.command,
            self.code,
            self.signal,
            self.took.as_secs_f64(),
            self.stdout,
            self.stderr
        )
    }
}

fn read(path: &PathBuf) -> String {
    String::from_utf8(std::fs::read(path).expect("what was said")).expect("UTF-8")
}
