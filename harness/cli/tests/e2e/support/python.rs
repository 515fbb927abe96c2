//! What others' libraries say, which Python has: of XML and JSON schemas, and of signatures.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

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

const CHECK: &str = "
import json, sys
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import best_match
schema = json.load(open(sys.argv[1]))
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema, format_checker=FormatChecker(['date-time']))
for document in json.load(open(sys.argv[2])):
    error = best_match(validator.iter_errors(document))
    print(json.dumps(error and f'{error.json_path}: {error.message}'[:1000]))
";

/// What is wrong with each of some documents by a JSON Schema; nothing where it fits.
pub fn schema_problems(schema: &Path, documents: &[Value]) -> Vec<Option<String>> {
    let file = tempfile::NamedTempFile::new().expect("a file");
    serde_json::to_writer(&file, documents).expect("written");
    let output = Command::new(python())
        .args(["-c", CHECK])
        .arg(schema)
        .arg(file.path())
        .output()
        .expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    let problems: Vec<_> = said.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(problems.len(), documents.len());
    problems
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

/// What compliance-trestle has against OSCAL assessment results, or nothing.
pub fn oscal_problems(document: &Path) -> String {
    let script = repository().join("reports/tests/controls/validate.py");
    let output = Command::new(python()).arg(script).arg(document).output().expect("Python runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { text(&output.stdout) } else { text(&output.stderr) }
}

/// The tests' interpreter.
pub fn python() -> PathBuf {
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

/// What a script prints, which has to end well.
pub fn python_prints(script: &str, arguments: &[&str]) -> String {
    let output = Command::new(python()).args(["-c", script]).args(arguments).output().expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}
