//! Small C files that are preloaded into the command, so that a call to the kernel does what a broken machine would.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Compiles such a file, relative to the tests' folder, into a folder.
pub fn preload(source: &str, into: &Path) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(source);
    let built = into.join(source.file_stem().expect("a file")).with_extension("so");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]).arg(&built).arg(&source);
    let done = compiler.status().expect("cc");
    assert!(done.success(), "cc could not compile {}", source.display());
    built
}
