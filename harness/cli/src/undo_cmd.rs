//! `lifeboat undo`.

use std::collections::BTreeMap;
use std::time::Duration;

use lifeboat_engine::{Clock, Journal, RunFiles, read_events, unwind, wait_for};
use lifeboat_model::{
    Event, EventKind, ExitCode, JOURNAL_FORMAT, PendingUndo, PlanFile, UndoEnd, pending_undos,
};
use lifeboat_targets::PostgresInterpreter;

use crate::args::DirArgs;
use crate::failure::Failure;
use crate::prepare;
use crate::print::{errln, outln};

/// The file that an undo writes: what a run left is never edited.
const UNDO_JOURNAL: &str = "undo.jsonl";

/// How long a sandbox that lost its run gets to end.
const SANDBOX_LIMIT: Duration = Duration::from_secs(60);

/// Finishes what a run left undone.
pub async fn undo(args: &DirArgs) -> Result<ExitCode, Failure> {
    let files = RunFiles::of(&args.dir);
    let journal_path = files.path("journal.jsonl");
    let events = read_events(&journal_path).map_err(Failure::usage)?;
    let Some(EventKind::RunStarted { format, environment, .. }) = events.first().map(|event| &event.kind)
    else {
        if events.is_empty() {
            outln!("the run was killed before it did anything: nothing is left to undo");
            return Ok(ExitCode::Met);
        }
        return Err(Failure::usage(format!("{} is not a journal of lifeboat", journal_path.display())));
    };
    if format != JOURNAL_FORMAT {
        return Err(Failure::usage(format!("the journal's format is `{format}`; use a newer lifeboat")));
    }
    // The run holds its journal; a lock on it means that it goes on.
    let _held = Journal::claim(&journal_path).map_err(Failure::usage)?;
    let undo_path = files.path(UNDO_JOURNAL);
    let earlier =
        if undo_path.exists() { read_events(&undo_path).map_err(Failure::usage)? } else { Vec::new() };
    let all: Vec<Event> = events.iter().chain(&earlier).cloned().collect();
    let pending = pending_undos(&all);
    if pending.is_empty() {
        outln!("nothing is left to undo");
        return Ok(ExitCode::Met);
    }
    let next = all.last().map_or(1, |event| event.seq + 1);
    let journal = Journal::open(&undo_path, Clock::start(), next).map_err(Failure::internal)?;
    let document = files.plan().map_err(Failure::usage)?;
    let own_sandbox = environment.provider == "sandbox" && !names_endpoint(&document.plan);
    if own_sandbox {
        let endpoint = environment.endpoint.as_deref().unwrap_or_default();
        sandbox_gone(endpoint).await?;
        return close_all(&pending, &journal).await;
    }
    let plan = PlanFile::resolve(&document.plan, &|name| std::env::var(name).ok())
        .map_err(|error| Failure::usage(format!("plan.json of the run: {error}")))?;
    let interpreter = PostgresInterpreter::new(prepare::passwords(&plan));
    for undo in &pending {
        errln!("lifeboat: undo: {}", undo.action.describe());
    }
    unwind(&pending, &journal, &interpreter).await.map_err(Failure::internal)?;
    report(&undo_path, &pending)
}

fn names_endpoint(plan: &toml::Table) -> bool {
    plan.get("environment").and_then(|environment| environment.get("endpoint")).is_some()
}

/// A sandbox that a run started ends with the run, and everything in it.
async fn sandbox_gone(endpoint: &str) -> Result<(), Failure> {
    let address = endpoint.strip_prefix("http://").unwrap_or(endpoint).to_owned();
    wait_for("the run's sandbox to end", Duration::from_millis(200), SANDBOX_LIMIT, || async {
        match tokio::net::TcpStream::connect(&address).await {
            Ok(_) => Err(format!("it still answers at {address}")),
            Err(_) => Ok(()),
        }
    })
    .await
    .map_err(Failure::not_run)
}

async fn close_all(pending: &[PendingUndo], journal: &Journal) -> Result<ExitCode, Failure> {
    for undo in pending {
        let (drill, number) = (undo.drill.clone(), undo.undo);
        let message = Some("the sandbox ended with the run, and all that was in it".to_owned());
        let ended = EventKind::UndoEnded { drill, undo: number, outcome: UndoEnd::NotNeeded, message };
        journal.write(ended).await.map_err(Failure::internal)?;
    }
    outln!("the run's own sandbox ended with it, and all that was in it: nothing is left");
    Ok(ExitCode::Met)
}

/// Says how each undo ended.
fn report(path: &std::path::Path, pending: &[PendingUndo]) -> Result<ExitCode, Failure> {
    let events = read_events(path).map_err(Failure::internal)?;
    let mut ends: BTreeMap<u64, (UndoEnd, String)> = BTreeMap::new();
    for event in events {
        if let EventKind::UndoEnded { undo, outcome, message, .. } = event.kind {
            ends.insert(undo, (outcome, message.unwrap_or_default()));
        }
    }
    let mut code = ExitCode::Met;
    for undo in pending {
        match ends.get(&undo.undo) {
            Some((UndoEnd::Undone | UndoEnd::NotNeeded, how)) => outln!("done: {how}"),
            Some((UndoEnd::Failed, why)) => {
                code = ExitCode::Residue;
                outln!("left behind: {}: {why}", undo.action.describe());
            }
            None => {
                code = ExitCode::Residue;
                outln!("left behind: {}", undo.action.describe());
            }
        }
    }
    Ok(code)
}
