//! `lifeboat verify`.

use lifeboat_engine::RunFiles;
use lifeboat_model::{ExitCode, HistoryLine, Restoration};
use lifeboat_reports::{Of, UNDO_JOURNAL, clean_line};

use crate::args::VerifyArgs;
use crate::evidence::{self, SignedFile, Verified};
use crate::failure::Failure;
use crate::history::History;
use crate::history_place::HistoryPlace;
use crate::print::outln;
use crate::stores::Stores;

/// Verifies the signed statements of a run, the files that they are about, and the links between them.
pub async fn verify(args: &VerifyArgs) -> Result<ExitCode, Failure> {
    let key = evidence::public_key(&args.key)?;
    let files = RunFiles::of(&args.dir);
    let not_proved = |why: String| Failure::not_run(format!("NOT VERIFIED: {why}"));
    let all = evidence::verify_all(&files, &key).map_err(not_proved)?;
    all.iter().for_each(tell);
    let journal = std::fs::metadata(files.path(UNDO_JOURNAL)).map_or(0, |file| file.len());
    let last = all[all.len() - 1].files.iter().find(|file| file.name == UNDO_JOURNAL);
    let unsigned = journal.saturating_sub(last.map_or(0, |file| file.bytes));
    if unsigned > 0 {
        outln!("{UNDO_JOURNAL}: {unsigned} bytes are not signed");
    }
    if let Some(history) = &args.history {
        follows(&files, &all[0], history).await.map_err(not_proved)?;
        outln!("its place in {history} is as it was signed");
    }
    outln!("verified with key {}; when it was signed, and by whom, no key can tell", key.hint());
    Ok(ExitCode::Met)
}

fn tell(verified: &Verified) {
    let Verified { name, facts, result, files, .. } = verified;
    let simulated = if facts.simulated { ", simulated: no evidence about a real system" } else { "" };
    let residue = if facts.restoration == Restoration::Residue { ", something left behind" } else { "" };
    let what = match facts.of {
        Of::Run => "run",
        Of::Undo => "undo of run",
    };
    let (run, environment) = (clean_line(&facts.run_id), clean_line(&facts.environment));
    outln!(
        "{name}: {what} {run} on {environment}: {result}; the run {}{residue}{simulated}",
        facts.verdict.name()
    );
    for SignedFile { name, bytes, .. } in files {
        outln!("  {name}: the {bytes} bytes that were signed");
    }
}

/// Whether the run stands in the history where its statement says: after the run that it names.
async fn follows(files: &RunFiles, run: &Verified, history: &HistoryPlace) -> Result<(), String> {
    let lines = History::open(history, &Stores::of_tools()).await.read().await;
    let lines = lines.map_err(|failure| failure.to_string())?;
    let place = lines.iter().position(|line| line.statement_sha256.as_ref() == Some(&run.statement_sha256));
    let place = place.ok_or_else(|| format!("{history} has no run with this statement"))?;
    // The record was verified just now: the line has to be what it was made of.
    let record = files.read_json("record.json").map_err(|error| error.to_string())?;
    let digest = files.digest("record.json").map_err(|error| error.to_string())?.sha256;
    if lines[place] != HistoryLine::of(&record, digest, Some(run.statement_sha256.clone())) {
        return Err(format!("{history}: the line of the run is not what its record says: it was changed"));
    }
    let before = lines[..place].iter().rev().find(|line| line.statement_sha256.is_some());
    let named = run.facts.previous.as_ref();
    if before.map(|line| (&line.run_id, line.statement_sha256.as_ref()))
        == named.map(|link| (&link.run_id, Some(&link.sha256)))
    {
        return Ok(());
    }
    let name = |id: Option<&String>| id.map_or("none".to_owned(), |id| format!("run {id}"));
    Err(format!(
        "{history}: the signed run before this one is {}, and its statement names {}: lines were taken out, added or changed",
        name(before.map(|line| &line.run_id)),
        name(named.map(|link| &link.run_id))
    ))
}
