//! `lifeboat undo`.

use std::collections::BTreeMap;
use std::time::Duration;

use lifeboat_engine::{Clock, Journal, RunFiles, read_events, unwind, wait_for};
use lifeboat_model::{
    Environment, EnvironmentRecord, Event, EventKind, ExitCode, Password, PendingUndo, PlanFile, Provider,
    UndoAction, UndoEnd, pending_undos,
};
use lifeboat_reports::{UNDO_JOURNAL, Undone};
use lifeboat_targets::{Aws, WorldInterpreter, bind_passwords};
use time::OffsetDateTime;

use crate::args::UndoArgs;
use crate::control_plane;
use crate::failure::Failure;
use crate::prepare;
use crate::print::{errln, outln};
use crate::run_plan;
use crate::undo_signing::UndoSigning;

/// How long a sandbox that lost its run gets to end.
const SANDBOX_LIMIT: Duration = Duration::from_secs(60);

/// Finishes what a run left undone.
pub async fn undo(args: &UndoArgs) -> Result<ExitCode, Failure> {
    let files = RunFiles::of(&args.dir);
    let signing = UndoSigning::of(args.sign_key.as_deref(), &files)?;
    let started_at = OffsetDateTime::now_utc();
    let journal_path = files.path("journal.jsonl");
    let events = read_events(&journal_path).map_err(Failure::usage)?;
    let Some(EventKind::RunStarted { format, tool_version, sandbox_pid, environment, .. }) =
        events.first().map(|event| &event.kind)
    else {
        if events.is_empty() {
            outln!("the run was killed before it did anything: nothing is left to undo");
            return Ok(ExitCode::Met);
        }
        return Err(Failure::usage(format!("{} is not a journal of lifeboat", journal_path.display())));
    };
    // The run holds its journal; a lock on it means that it goes on.
    let _held = Journal::claim(&journal_path).map_err(Failure::usage)?;
    let undo_path = files.path(UNDO_JOURNAL);
    let earlier =
        if undo_path.exists() { read_events(&undo_path).map_err(Failure::usage)? } else { Vec::new() };
    let all: Vec<Event> = events.iter().chain(&earlier).cloned().collect();
    let unknown = all.iter().filter(|event| event.kind == EventKind::Unknown).count();
    if unknown > 0 {
        errln!(
            "lifeboat: the journal ({format}) holds {unknown} events of a newer version, {tool_version}; they change nothing \
             about what is to be taken back"
        );
    }
    let pending = pending_undos(&all);
    if pending.is_empty() {
        outln!("nothing is left to undo");
        signing.sign_earlier(&files).await?;
        return Ok(ExitCode::Met);
    }
    let next = all.last().map_or(1, |event| event.seq + 1);
    let journal = Journal::open(&undo_path, Clock::start(), next).map_err(Failure::internal)?;
    let (own, foreign): (Vec<PendingUndo>, Vec<PendingUndo>) =
        pending.iter().cloned().partition(|undo| undo.action.ends_with_the_sandbox(sandbox_pid.is_some()));
    if !own.is_empty() {
        sandbox_gone(*sandbox_pid).await?;
        for undo in &own {
            let message = Some("the run's own sandbox ended with it, and all that was in it".to_owned());
            let outcome = UndoEnd::NotNeeded;
            let ended = EventKind::UndoEnded { drill: undo.drill.clone(), undo: undo.undo, outcome, message };
            journal.write(ended).await.map_err(Failure::internal)?;
        }
    }
    if !foreign.is_empty() {
        let plan = run_plan::whole(&files)?;
        let passwords = passwords(&plan, &foreign)?;
        let asks_control_plane = foreign.iter().any(|undo| undo.action.asks_control_plane())
            || passwords.values().any(|password| !matches!(password, Password::Given(_)));
        // One that cannot be had keeps nothing else from being taken back.
        let aws = match asks_control_plane {
            true => control_plane(environment, &files).await.map_err(|failure| failure.to_string()),
            false => Err("nothing of the run needs the control plane".into()),
        };
        // Secrets Manager is asked by whoever opens the first session: what needs none does not depend on it.
        if let Ok(aws) = &aws {
            bind_passwords(&plan.targets, aws);
        }
        let interpreter = WorldInterpreter::new(passwords, aws);
        for undo in &foreign {
            errln!("lifeboat: undo: {}", undo.action.describe());
        }
        unwind(&foreign, &journal, &interpreter).await.map_err(Failure::internal)?;
    }
    let (code, done, left) = report(&undo_path, &pending)?;
    let ended_at = OffsetDateTime::now_utc();
    let undone = Undone { done, left, started_at, ended_at, tool_version: env!("CARGO_PKG_VERSION").into() };
    match signing.sign(&files, &undone).await {
        // What was left behind weighs more.
        Err(failure) if code == ExitCode::Residue => errln!("lifeboat: {failure}"),
        signed => signed?,
    }
    if pending.iter().any(|undo| matches!(undo.action, UndoAction::Unknown(_))) {
        outln!(
            "lifeboat {tool_version} ran the drill and knows how to take back the rest: lifeboat undo with that"
        );
    }
    Ok(code)
}

/// The control plane of the run, if the credentials are still of its account.
async fn control_plane(of_run: &EnvironmentRecord, files: &RunFiles) -> Result<Aws, Failure> {
    let provider = Provider::of_name(&of_run.provider).ok_or_else(|| {
        Failure::usage(format!(
            "the journal's provider `{}` is not known; use a newer lifeboat",
            of_run.provider
        ))
    })?;
    // The journal does not say with whose credentials the run asked; its plan does.
    let written = run_plan::environment(files)?;
    let mut environment = Environment {
        account: of_run.account.clone(),
        endpoint: of_run.endpoint.clone(),
        allow_loopback: of_run.endpoint.is_some(),
        production: of_run.production,
        profile: written.profile,
        assume_role: written.assume_role,
        ..Environment::new(&of_run.name, provider, &of_run.region)
    };
    environment.name_session("lifeboat-undo");
    control_plane::identify(&environment, None, true).await?;
    Ok(Aws::connect(&environment).await)
}

/// The passwords of the targets that the actions name; no other variable of the plan has to be set.
fn passwords(
    plan: &PlanFile,
    pending: &[PendingUndo],
) -> Result<BTreeMap<(String, String), Password>, Failure> {
    let all = prepare::passwords(plan);
    let mut found = BTreeMap::new();
    for server in pending.iter().filter_map(|undo| undo.action.server()) {
        let key = (server.target.clone(), server.user.clone());
        let Some(password) = all.get(&key) else { continue };
        let target = &server.target;
        let unset = match password {
            Password::Given(given) => given.expose().starts_with("${").then(|| ("password", given.expose())),
            Password::Kept(kept) => kept.secret().contains("${").then(|| ("secret", kept.secret())),
            Password::Token(_) => None,
        };
        if let Some((what, variable)) = unset {
            return Err(run_plan::wrong(&format!(
                "the {what} of target `{target}`, {variable}, is not set; export it"
            )));
        }
        found.insert(key, password.clone());
    }
    Ok(found)
}

/// A sandbox that a run started ends with the run, and everything in it. Of one that was killed itself, the servers are
/// left: they are removed here as the next start of a sandbox would.
async fn sandbox_gone(pid: Option<u32>) -> Result<(), Failure> {
    let process = pid.map(|pid| std::path::PathBuf::from(format!("/proc/{pid}/cmdline")));
    wait_for("the run's sandbox to end", Duration::from_millis(200), SANDBOX_LIMIT, || async {
        let words = process.as_ref().and_then(|path| std::fs::read(path).ok()).unwrap_or_default();
        // The process's number may belong to another by now; a zombie has no words.
        if String::from_utf8_lossy(&words).contains("--until-stdin-closes") {
            Err("it cleans up")
        } else {
            Ok(())
        }
    })
    .await
    .map_err(Failure::not_run)?;
    lifeboat_sandbox::sweep_dead().await;
    Ok(())
}

/// Says how each undo ended.
fn report(
    path: &std::path::Path,
    pending: &[PendingUndo],
) -> Result<(ExitCode, Vec<String>, Vec<String>), Failure> {
    let events = read_events(path).map_err(Failure::internal)?;
    let mut ends: BTreeMap<u64, (UndoEnd, String)> = BTreeMap::new();
    for event in events {
        if let EventKind::UndoEnded { undo, outcome, message, .. } = event.kind {
            ends.insert(undo, (outcome, message.unwrap_or_default()));
        }
    }
    let (mut code, mut done, mut left) = (ExitCode::Met, Vec::new(), Vec::new());
    for undo in pending {
        let end = ends.get(&undo.undo);
        match end {
            Some((UndoEnd::Undone | UndoEnd::NotNeeded, _)) => done.push(undo.action.describe()),
            _ => left.push(undo.action.describe()),
        }
        match end {
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
    Ok((code, done, left))
}
