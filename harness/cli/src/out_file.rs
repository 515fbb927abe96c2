//! Where a command puts what it makes: a file, or standard output.

use std::path::Path;

use lifeboat_engine::RunFiles;

use crate::failure::Failure;
use crate::print;

/// Writes to a file, or to standard output where that is `-`.
pub fn write(out: &Path, bytes: &[u8]) -> Result<(), Failure> {
    if out.as_os_str() == "-" {
        return print::bytes(bytes)
            .map_err(|error| Failure::usage(format!("cannot write to standard output: {error}")));
    }
    let name = out.file_name().and_then(|name| name.to_str()).ok_or_else(|| {
        let shown = out.display();
        Failure::usage(format!("cannot write {shown}: it names no file; give --out a file, or - for stdout"))
    })?;
    // Whole or not at all: a scraper may read the file at any moment.
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    RunFiles::of(folder.unwrap_or(Path::new("."))).write(name, bytes).map_err(Failure::usage)
}
