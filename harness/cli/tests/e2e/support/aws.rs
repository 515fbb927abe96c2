//! The AWS CLI, as it is installed beside the tests' Python.

use std::cell::Cell;
use std::process::{Command, Output};

use serde_json::Value;

use super::python::beside_python;
use super::{External, Lab};

/// The CLI with a sandbox's variables, and nothing of this machine's own configuration.
pub struct Aws<'a> {
    lab: &'a Lab,
    sandbox: &'a External,
    calls: Cell<u32>,
}

impl<'a> Aws<'a> {
    pub fn new(lab: &'a Lab, sandbox: &'a External) -> Self {
        Self { lab, sandbox, calls: Cell::new(0) }
    }

    /// How often it was started.
    pub fn calls(&self) -> u32 {
        self.calls.get()
    }

    /// Runs a command whose words have no blanks in them.
    #[track_caller]
    pub fn does(&self, words: &str) {
        self.good(words, None);
    }

    /// The same with a last word that has, as JSON does.
    #[track_caller]
    pub fn does_with(&self, words: &str, last: &str) {
        self.good(words, Some(last));
    }

    /// What a command answers.
    #[track_caller]
    pub fn told(&self, words: &str) -> Value {
        json(&self.good(words, None))
    }

    #[track_caller]
    pub fn told_with(&self, words: &str, last: &str) -> Value {
        json(&self.good(words, Some(last)))
    }

    /// What it says of a call that is refused.
    #[track_caller]
    pub fn refused(&self, words: &str) -> String {
        let output = self.run(words, None);
        assert!(!output.status.success(), "aws {words} was accepted");
        text(&output.stderr)
    }

    #[track_caller]
    fn good(&self, words: &str, last: Option<&str>) -> String {
        let output = self.run(words, last);
        assert!(output.status.success(), "aws {words} {last:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    fn run(&self, words: &str, last: Option<&str>) -> Output {
        self.calls.set(self.calls.get() + 1);
        let mut command = Command::new(beside_python("aws"));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")) {
            command.env_remove(name);
        }
        command.envs(&self.sandbox.exports).env("HOME", self.lab.path("home")).env("TZ", "UTC");
        // Version 1 does not read the endpoint's variable for every service.
        command.args(["--output", "json", "--endpoint-url", self.sandbox.endpoint()]);
        command.args(words.split_whitespace()).args(last);
        command.output().expect("the AWS CLI: ci/test.sh installs it")
    }
}

#[track_caller]
fn json(answer: &str) -> Value {
    // A query that finds nothing answers nothing at all.
    if answer.is_empty() { Value::Null } else { serde_json::from_str(answer).expect("JSON") }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}
