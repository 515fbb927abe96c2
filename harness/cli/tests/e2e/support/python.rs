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

const VERIFY: &str = "
import json, sys
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey
envelope = Envelope.from_dict(json.load(open(sys.argv[1]))['dsseEnvelope'])
key = SSlibKey.from_crypto(load_pem_public_key(open(sys.argv[2], 'rb').read()))
# It wants the same id in both, and takes none for a reason to make one.
key.keyid = ''
envelope.verify([key], 1)
";

/// Whether another's library finds a bundle signed by the key of this file; if not, its words.
pub fn verified_by_python(bundle: &Path, key: &Path) -> Result<(), String> {
    let output =
        Command::new(python()).args(["-c", VERIFY]).arg(bundle).arg(key).output().expect("Python runs");
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
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
