//! The summary of a CI job: what GitHub shows of a run without a download.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use lifeboat_model::RunRecord;

/// GitHub drops the summary of a step that is longer than 1,024 kB, all of it.
const ROOM: u64 = 1_000_000;

/// Appends the Markdown report to the file that `GITHUB_STEP_SUMMARY` names; nothing where it names none.
///
/// # Errors
/// As a sentence, if it could not be appended. The run is what it was without it.
pub fn append(record: &RunRecord) -> Result<(), String> {
    match std::env::var_os("GITHUB_STEP_SUMMARY") {
        Some(path) if !path.is_empty() => append_to(Path::new(&path), &lifeboat_reports::markdown(record)),
        _ => Ok(()),
    }
}

fn append_to(path: &Path, text: &str) -> Result<(), String> {
    let because = |why: String| {
        format!("the job's summary was not written to {} (GITHUB_STEP_SUMMARY): {why}", path.display())
    };
    let there = match std::fs::metadata(path) {
        // Opening anything else may wait for good.
        Ok(found) if !found.is_file() => return Err(because("it is not a file".into())),
        Ok(found) => found.len(),
        Err(_) => 0,
    };
    if there + text.len() as u64 + 1 > ROOM {
        let why = format!("with the {there} bytes that it holds it would be longer than GitHub shows");
        return Err(because(why));
    }
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .map_err(|error| because(error.to_string()))?;
    file.write_all(format!("{text}\n").as_bytes()).map_err(|error| because(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_appended_while_there_is_room() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("summary.md");
        append_to(&path, "one").expect("made");
        append_to(&path, "two").expect("appended");
        assert_eq!(std::fs::read_to_string(&path).expect("text"), "one\ntwo\n");
        let full = append_to(&path, &"x".repeat(1_000_000)).expect_err("no room");
        assert!(full.contains("longer than GitHub shows"), "{full}");
        assert_eq!(std::fs::read_to_string(&path).expect("text"), "one\ntwo\n");
        let other = append_to(folder.path(), "x").expect_err("no file");
        assert!(other.contains("not a file"), "{other}");
    }
}
