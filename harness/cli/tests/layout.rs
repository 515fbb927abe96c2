//! The shape of the workspace: which package may know of which, who may name an AWS SDK crate, how long a file may be.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use toml::{Table, Value};

/// What each package of the workspace may depend on, of the workspace.
const MAY_KNOW: [(&str, &[&str]); 7] = [
    ("lifeboat-model", &[]),
    ("lifeboat-engine", &["lifeboat-model"]),
    ("lifeboat-targets", &["lifeboat-model", "lifeboat-engine"]),
    // What a record is made of, the model, goes with the engine.
    ("lifeboat-drills", &["lifeboat-engine", "lifeboat-targets", "lifeboat-model"]),
    ("lifeboat-reports", &["lifeboat-model"]),
    // Nothing of the harness: it stands in for AWS, and must not know who asks.
    ("lifeboat-sandbox", &[]),
    (
        "lifeboat",
        &[
            "lifeboat-model",
            "lifeboat-engine",
            "lifeboat-targets",
            "lifeboat-drills",
            "lifeboat-reports",
            "lifeboat-sandbox",
        ],
    ),
];

/// The model is plain data.
const NOT_IN_THE_MODEL: [&str; 3] = ["tokio", "tokio-postgres", "hyper"];

/// About 400, said the design.
const MOST_LINES: usize = 450;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository's root")
}

fn manifest(folder: &Path) -> Table {
    let path = folder.join("Cargo.toml");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.parse().expect("TOML")
}

/// The dependencies of every package of the workspace, by its name; those of tests apart.
struct Known {
    normal: BTreeSet<String>,
    tests: BTreeSet<String>,
}

fn packages() -> BTreeMap<String, Known> {
    let members = manifest(&root())["workspace"]["members"].as_array().expect("members").clone();
    let read = members.iter().map(|member| {
        let table = manifest(&root().join(member.as_str().expect("a folder")));
        let name = table["package"]["name"].as_str().expect("a name").to_owned();
        let of = |section: &str| -> BTreeSet<String> {
            let everywhere = table.get(section).and_then(Value::as_table);
            let targets = table.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
            let somewhere = targets.filter_map(|target| target.get(section).and_then(Value::as_table));
            let found = everywhere.into_iter().chain(somewhere).flat_map(Table::iter);
            found.map(|(key, value)| package_of(key, value)).collect()
        };
        let normal = of("dependencies").union(&of("build-dependencies")).cloned().collect();
        (name, Known { normal, tests: of("dev-dependencies") })
    });
    read.collect()
}

/// A dependency may be called otherwise than its package.
fn package_of(key: &str, value: &Value) -> String {
    value.get("package").and_then(Value::as_str).unwrap_or(key).to_owned()
}

fn is_of_the_sdk(package: &str) -> bool {
    package.starts_with("aws-") && !package.starts_with("aws-lc")
}

#[test]
fn packages_know_only_what_they_may() {
    let packages = packages();
    let named: BTreeSet<&str> = packages.keys().map(String::as_str).collect();
    let listed: BTreeSet<&str> = MAY_KNOW.iter().map(|(name, _)| *name).collect();
    assert_eq!(named, listed, "a package without a line in this test, or the other way round");
    for (name, may_know) in MAY_KNOW {
        let known = &packages[name];
        for other in known.normal.iter().filter(|other| named.contains(other.as_str())) {
            assert!(may_know.contains(&other.as_str()), "{name} must not know of {other}");
        }
        // Any package may be tested against the sandbox's servers, which know of nobody.
        for other in known.tests.iter().filter(|other| named.contains(other.as_str())) {
            let allowed = may_know.contains(&other.as_str()) || other == "lifeboat-sandbox";
            assert!(allowed, "the tests of {name} must not know of {other}");
        }
    }
}

#[test]
fn only_targets_names_the_aws_sdk() {
    let root_table = manifest(&root());
    let shared = root_table["workspace"]["dependencies"].as_table().expect("dependencies");
    assert!(shared.keys().any(|name| is_of_the_sdk(name)), "the SDK's crates are called otherwise now");
    for (name, known) in packages() {
        let sdk: Vec<_> =
            known.normal.iter().chain(&known.tests).filter(|other| is_of_the_sdk(other)).collect();
        assert!(name == "lifeboat-targets" || sdk.is_empty(), "{name} names {sdk:?}");
    }
}

#[test]
fn the_model_is_plain_data() {
    let model = &packages()["lifeboat-model"];
    let found: Vec<_> = NOT_IN_THE_MODEL.iter().filter(|name| model.normal.contains(**name)).collect();
    assert!(found.is_empty(), "{found:?}");
}

/// Every source file of the workspace.
fn sources() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        ["harness", "drills", "reports", "fixtures"].iter().map(|name| root().join(name)).collect();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    assert!(files.len() > 50, "only {} files were found", files.len());
    files
}

#[test]
fn no_file_is_too_long() {
    let lines = |path: &PathBuf| std::fs::read_to_string(path).expect("a source file").lines().count();
    let long: Vec<_> = sources()
        .into_iter()
        .map(|path| (lines(&path), path))
        .filter(|(count, _)| *count > MOST_LINES)
        .collect();
    assert!(long.is_empty(), "more than {MOST_LINES} lines: {long:?}");
}

/// `mod.rs` and `lib.rs` declare and re-export; what they hold beside that has a file of its own.
#[test]
fn declaring_files_only_declare() {
    let declares = |path: &PathBuf| path.ends_with("mod.rs") || path.ends_with("lib.rs");
    for path in sources().into_iter().filter(declares) {
        let text = std::fs::read_to_string(&path).expect("a source file");
        let other: Vec<_> = text
            .lines()
            .filter(|line| {
                ["fn ", "pub fn ", "pub async fn ", "impl ", "struct ", "pub struct "]
                    .iter()
                    .any(|word| line.starts_with(word))
            })
            .collect();
        let own_tests = path.components().any(|part| part.as_os_str() == "tests");
        assert!(own_tests || other.is_empty(), "{}: {other:?}", path.display());
    }
}
