//! What follows a run's record: its signed statement, and its line in the history.

use std::path::Path;

use lifeboat_engine::RunFiles;
use lifeboat_model::RunRecord;
use lifeboat_reports::{HistoryLine, SigningKey};

use crate::evidence::sign_run;
use crate::failure::Failure;
use crate::history_file::History;
use crate::print::errln;

/// Signs the run, if there is a key, and adds it to its history. A history that cannot be had is a warning, and the statement
/// names no run before it then.
pub async fn conclude(
    files: &RunFiles,
    record: &RunRecord,
    key: Option<&SigningKey>,
    history: Option<&Path>,
) -> Result<(), Failure> {
    let warn = |failure: Failure| errln!("lifeboat: {failure}");
    let held = match history {
        Some(path) => History::hold(path).await.map_err(warn).ok(),
        None => None,
    };
    let previous = held.as_ref().and_then(History::last_statement);
    let statement = key.map(|key| sign_run(files, record, key, previous)).transpose()?;
    if let Some(held) = held {
        let digest = files.digest("record.json").map_err(Failure::internal)?;
        let _ = held.add(&HistoryLine::of(record, digest.sha256, statement)).map_err(warn);
    }
    Ok(())
}
