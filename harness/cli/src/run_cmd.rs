//! `lifeboat run`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use futures_util::future::join_all;
use lifeboat_engine::{Clock, Journal, Ledger, RunFiles, Services, Watching, doubt, judge_dir, run_drill};
use lifeboat_model::{EventKind, ExitCode, JOURNAL_FORMAT, Provider, Restoration, RunRecord};
use lifeboat_reports::SigningKey;
use lifeboat_targets::WorldInterpreter;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::args::RunArgs;
use crate::conclusion::conclude;
use crate::embedded::Embedded;
use crate::evidence;
use crate::failure::Failure;
use crate::history_file;
use crate::job_summary;
use crate::out_folder;
use crate::prepare::{self, Caller, Ready, Source};
use crate::print::{self, errln};
use crate::progress::{Voice, follow};
use crate::resources;
use crate::signals::{Signals, unwind_on_signal};
use crate::stopping;
use crate::target_locks;

/// Runs the drills of a plan.
pub async fn run(args: RunArgs) -> Result<ExitCode, Failure> {
    let source = Source::read(&args.plan)?;
    let mut environment = source.environment(&BTreeMap::new())?;
    prepare::settle_endpoint(&mut environment)?;
    // What is wrong with the plan shows before a sandbox is started for it.
    check(&source, &args, environment.endpoint.clone())?;
    out_folder::check(args.out.as_deref())?;
    let key = args.sign_key.as_deref().map(evidence::signing_key).transpose()?;
    if let Some(history) =
        out_folder::history(args.history.as_deref(), args.out.as_deref()).filter(|path| path.exists())
    {
        // Before the drills: one that cannot be added to would be said too late.
        history_file::read(&history)?;
    }
    if environment.provider == Provider::Aws || environment.endpoint.is_some() {
        return drive(&args, &source, environment.endpoint, None, key).await;
    }
    if environment.production {
        return Err(Failure::usage(
            "production = true and an environment that the run starts for itself: nothing in that is production; give \
             the endpoint of what is, or drop production",
        ));
    }
    let sandbox = if environment.provider == Provider::Localstack {
        Embedded::localstack(&environment.localstack.unwrap_or_default()).await?
    } else {
        let seed = environment.seed.as_deref().map(|seed| source.beside(seed));
        Embedded::sandbox(seed.as_deref(), args.sandbox).await?
    };
    if !args.quiet {
        errln!("lifeboat: {} ready: {}", environment.provider.name(), sandbox.ready);
    }
    let endpoint = sandbox.endpoint().map(str::to_owned);
    let done = drive(&args, &source, endpoint, Some(&sandbox), key).await;
    match (sandbox.stop().await, done) {
        (Ok(()), done) => done,
        (Err(left), done) => {
            errln!("lifeboat: {left}");
            done.map(|_| ExitCode::Residue)
        }
    }
}

/// Plans every drill once, with the values that are not known yet left open.
fn check(source: &Source, args: &RunArgs, endpoint: Option<String>) -> Result<(), Failure> {
    let mut plan = source.resolve_for_print()?;
    plan.environment.endpoint = endpoint;
    prepare::drills(&plan, &caller(args, "check", &BTreeMap::new())).map(drop)
}

fn caller<'a>(args: &'a RunArgs, run_id: &'a str, own: &'a BTreeMap<String, String>) -> Caller<'a> {
    Caller {
        run_id,
        only: &args.drills,
        confirmed: &args.confirmed,
        own_exports: own,
        profile: args.sandbox.profile,
    }
}

async fn drive(
    args: &RunArgs,
    source: &Source,
    endpoint: Option<String>,
    sandbox: Option<&Embedded>,
    key: Option<SigningKey>,
) -> Result<ExitCode, Failure> {
    let variables = sandbox.map(|sandbox| sandbox.exports.clone()).unwrap_or_default();
    let mut plan = source.resolve(&variables)?;
    plan.environment.endpoint = endpoint;
    let clock = Clock::start();
    let run_id = new_run_id(&clock);
    plan.environment.name_session(&format!("lifeboat-{run_id}"));
    let mut drills = prepare::drills(&plan, &caller(args, &run_id, &variables))?;
    let runtime = sandbox.map(|sandbox| sandbox.runtime.clone());
    let asks = prepare::asks_control_plane(&plan, &drills);
    let (mut environment, operator) = prepare::identify(&plan.environment, runtime, asks).await?;
    prepare::settle_account(&mut drills, &environment);
    // What is asked from here on is asked of this account alone, with whatever credentials.
    plan.environment.account = environment.account.clone().or(plan.environment.account);
    environment.change_ticket = plan.safety.ticket().map(str::to_owned);
    let aws = prepare::control_plane(&plan.environment).await;
    prepare::fetch_secrets(&plan, &drills, &aws).await?;
    let dir = out_folder::of(args.out.as_deref(), &run_id);
    // Before the run has a folder: one that is refused has done nothing that could be told.
    let _locked = target_locks::take(&drills, aws.as_ref().ok(), &run_id, &dir).await?;
    let conditions = stopping::ready(&plan, &run_id, &aws).await?;

    let files = RunFiles::create(&dir).map_err(Failure::usage)?;
    files.write_json("plan.json", &source.document()).map_err(Failure::internal)?;
    let ledger = Ledger::create(&files.path("ledger.jsonl")).map_err(Failure::internal)?;
    let journal = Journal::open(&files.path("journal.jsonl"), clock, 1).map_err(Failure::internal)?;
    let voice = match (args.quiet, args.json) {
        (_, true) => Voice::Json,
        (true, false) => Voice::Quiet,
        (false, false) => Voice::Steps,
    };
    let following = follow(&journal, voice);
    let cancel = CancellationToken::new();
    let signals = Signals::take()?;
    let asked = aws.clone().ok();
    let services = Services {
        clock,
        journal: journal.clone(),
        ledger,
        interpreter: Arc::new(WorldInterpreter::new(prepare::passwords(&plan), aws)),
        cancel: cancel.clone(),
        undos: Arc::new(AtomicU64::new(0)),
        copies: plan.safety.max_restored.map(|most| Arc::new(Semaphore::new(most as usize))),
    };
    let started = EventKind::RunStarted {
        format: JOURNAL_FORMAT.into(),
        run_id,
        tool_version: env!("CARGO_PKG_VERSION").into(),
        tool_sha256: digest_of_program().await,
        environment,
        operator,
        sandbox_pid: sandbox.and_then(Embedded::pid),
    };
    journal.write(started).await.map_err(Failure::internal)?;
    // What came since is heard now: the first line of a journal is that of its start.
    let watching = unwind_on_signal(signals, cancel.clone(), journal.clone(), dir.clone());
    let stops = Watching::begin(conditions, clock, &journal, &cancel);
    let ran = all(resources::lines(&drills, asked.as_ref()).await, &services).await;
    stops.end().await;
    watching.abort();
    let ended = end(&services).await;
    if ended.is_ok() {
        let _ = following.await;
    }
    let unwritten = ran.is_err() || ended.is_err();
    for error in [ran.as_ref().err().map(ToString::to_string), ended.err()].into_iter().flatten() {
        errln!("lifeboat: {error}");
    }
    if unwritten {
        errln!(
            "lifeboat: all was taken back that could be, and the journal may not say so; once it can be written, \
             `lifeboat undo {}` makes sure",
            dir.display()
        );
    }

    let mut record = judge_dir(&files, &lifeboat_drills::find).map_err(Failure::internal)?;
    if unwritten {
        doubt(&mut record);
    }
    let history = out_folder::history(args.history.as_deref(), args.out.as_deref());
    let reported = match write_reports(&files, &record) {
        Ok(()) => conclude(&files, &record, key.as_ref(), history.as_deref()).await,
        failed => failed,
    };
    if let Err(warning) = job_summary::append(&record) {
        errln!("lifeboat: {warning}");
    }
    if !args.quiet {
        print::err(format_args!("{}", lifeboat_reports::summary(&record)));
    }
    match reported {
        Ok(()) if !args.quiet => errln!("reports: {}", dir.display()),
        Ok(()) => {}
        // What was left behind weighs more than a report that is missing.
        Err(failure) if record.restoration == Restoration::Residue => errln!("lifeboat: {failure}"),
        Err(failure) => return Err(failure),
    }
    ExitCode::try_from(record.exit_code).map_err(Failure::internal)
}

/// Writes the run's last line, once its ledger is whole on disk: without that the record says that the run is not
/// complete.
async fn end(services: &Services) -> Result<(), String> {
    let lines = services.ledger.finish().await.map_err(|error| {
        format!("cannot write the ledger: {error}; make room and run again, this run proves nothing")
    })?;
    let ended = EventKind::RunEnded { ledger_lines: Some(lines) };
    services.journal.write(ended).await.map_err(|error| error.to_string())
}

/// Runs the drills side by side, those on one resource one after the other.
async fn all(lines: Vec<Vec<&Ready>>, services: &Services) -> Result<(), lifeboat_engine::JournalError> {
    let lines = lines.into_iter().map(|line| async move {
        let mut written = Ok(());
        for ready in line {
            written = written.and(run_drill(ready.drill, &ready.params, services).await);
        }
        written
    });
    // All to their ends, also when one's journal fails: each takes back what it did.
    join_all(lines).await.into_iter().collect()
}

/// Writes everything that is made of the record.
pub fn write_reports(files: &RunFiles, record: &RunRecord) -> Result<(), Failure> {
    let junit = lifeboat_reports::junit(record).map_err(Failure::internal)?;
    let html = lifeboat_reports::html(record).map_err(Failure::internal)?;
    let badge = lifeboat_reports::badge(record).map_err(Failure::internal)?;
    files
        .write_json("record.json", record)
        .and_then(|()| files.write_json("verdict.json", &lifeboat_reports::verdict(record)))
        .and_then(|()| files.write("junit.xml", &junit))
        .and_then(|()| files.write("report.html", &html))
        .and_then(|()| files.write("report.md", lifeboat_reports::markdown(record).as_bytes()))
        .and_then(|()| files.write("metrics.prom", lifeboat_reports::openmetrics(record).as_bytes()))
        .and_then(|()| files.write("badge.svg", badge.as_bytes()))
        .map_err(Failure::internal)
}

/// The digest of the program that runs, so that a record says what made it.
async fn digest_of_program() -> Option<String> {
    let hash = || {
        let mut file = std::fs::File::open(std::env::current_exe().ok()?).ok()?;
        let mut hash = Sha256::new();
        std::io::copy(&mut file, &mut hash).ok()?;
        Some(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    };
    tokio::task::spawn_blocking(hash).await.ok().flatten()
}

/// Date, time and a random part: sorts by time, and no two are alike.
fn new_run_id(clock: &Clock) -> String {
    let now = clock.wall();
    format!(
        "{:04}{:02}{:02}-{:02}{:02}{:02}-{:06x}",
        now.year(),
        u8::from(now.month()),
        now.day(),
        now.hour(),
        now.minute(),
        now.second(),
        rand::random::<u32>() & 0xff_ffff
    )
}
