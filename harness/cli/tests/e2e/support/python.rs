//! What Python alone can do: validating against an XML schema.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::repository;

const VALIDATE: &str = "
import sys
from lxml import etree
schema = etree.XMLSchema(etree.parse(sys.argv[1]))
report = etree.parse(sys.argv[2])
if not schema.validate(report):
    print(schema.error_log)
";

/// What is wrong with a JUnit report, or nothing.
pub fn junit_problems(report: &Path) -> String {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/data/junit-10.xsd");
    let output =
        Command::new(python()).args(["-c", VALIDATE]).arg(schema).arg(report).output().expect("Python runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    text(&output.stdout) + &text(&output.stderr)
}

fn python() -> PathBuf {
    if let Some(given) = std::env::var_os("LIFEBOAT_PYTHON") {
        return given.into();
    }
    let made = repository().join(".venv/bin/python");
    assert!(made.exists(), "there is no {}: ci/test.sh makes it", made.display());
    made
}

/// A program that is installed beside the tests' interpreter.
pub fn beside_python(program: &str) -> PathBuf {
    python().with_file_name(program)
}
