//! `lifeboat run`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use futures_util::future::join_all;
use lifeboat_engine::{Clock, Journal, Ledger, RunFiles, Services, Watching, doubt, judge_dir, run_drill};
use lifeboat_model::{EventKind, ExitCode, JOURNAL_FORMAT, Provider, Restoration, RunRecord};
use lifeboat_targets::WorldInterpreter;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::args::RunArgs;
use crate::conclusion::Conclusion;
use crate::control_plane;
use crate::earlier;
use crate::embedded::Embedded;
use crate::event_stream::EventStream;
use crate::failure::Failure;
use crate::job_summary;
use crate::notices;
use crate::out_folder;
use crate::prepare::{self, Caller, Ready, Source};
use crate::print::{self, errln};
use crate::progress::follow;
use crate::resources;
use crate::signals::{Hurry, Signals, unwind_on_signal};
use crate::stopping;
use crate::target_locks;

/// Runs the drills of a plan.
pub async fn run(args: RunArgs) -> Result<ExitCode, Failure> {
    let (mut stream, hurry) = (EventStream::default(), Hurry::default());
    let done = begin(args, &mut stream, &hurry).await;
    let code = done.as_ref().map_or_else(|failure| failure.code, |code| *code);
    if stream.end(code, &hurry).await { done } else { done.map(with_something_undone) }
}

/// The exit code where something that was asked for beside the verdict is not done.
pub fn with_something_undone(code: ExitCode) -> ExitCode {
    if code == ExitCode::Met { ExitCode::Internal } else { code }
}

async fn begin(args: RunArgs, stream: &mut EventStream, hurry: &Hurry) -> Result<ExitCode, Failure> {
    let source = Source::read(&args.plan)?;
    let mut environment = source.environment(&BTreeMap::new())?;
    control_plane::settle_endpoint(&mut environment)?;
    // What is wrong with the plan shows before a sandbox is started for it.
    check(&source, &args, environment.endpoint.clone())?;
    out_folder::check(args.out.as_deref())?;
    if environment.is_aws_itself() {
        // Before anything is asked of a key or a bucket.
        let mut environment = environment.clone();
        environment.name_session("lifeboat-identity");
        control_plane::identify(&environment, None, true).await?;
    }
    let evidence = source.evidence()?;
    let history = out_folder::history(args.history.as_ref(), args.out.as_deref());
    let conclusion =
        Conclusion::ready(&environment, &evidence, args.sign_key.as_deref(), history.as_ref()).await?;
    if environment.provider == Provider::Aws || environment.endpoint.is_some() {
        return drive(&args, &source, environment.endpoint, None, &conclusion, stream, hurry).await;
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
    let done = drive(&args, &source, endpoint, Some(&sandbox), &conclusion, stream, hurry).await;
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
    notices::check(&plan)?;
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
    conclusion: &Conclusion,
    stream: &mut EventStream,
    hurry: &Hurry,
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
    let (mut environment, operator) = control_plane::identify(&plan.environment, runtime, asks).await?;
    prepare::settle_account(&mut drills, &environment);
    // What is asked from here on is asked of this account alone, with whatever credentials.
    plan.environment.account = environment.account.clone().or(plan.environment.account);
    environment.change_ticket = plan.safety.ticket().map(str::to_owned);
    let aws = control_plane::connect(&plan.environment).await;
    prepare::fetch_secrets(&plan, &drills, &aws).await?;
    let notifiers = notices::ready(&plan, &aws)?;
    let dir = out_folder::of(args.out.as_deref(), &run_id);
    // Before the run has a folder: one that is refused has done nothing that could be told.
    let locked = target_locks::take(&drills, aws.as_ref().ok(), &run_id, &dir).await?;
    let conditions = stopping::ready(&plan, &run_id, &aws).await?;

    let files = RunFiles::create(&dir).map_err(Failure::usage)?;
    files.write_json("plan.json", &source.document()).map_err(Failure::internal)?;
    earlier::keep(&files, &conclusion.earlier, &environment, &drills)?;
    let ledger = Ledger::create(&files.path("ledger.jsonl")).map_err(Failure::internal)?;
    let journal = Journal::open(&files.path("journal.jsonl"), clock, 1).map_err(Failure::internal)?;
    if args.json {
        stream.begin(&journal, &files.path("journal.jsonl"))?;
    }
    let following = (!args.quiet && !args.json).then(|| follow(&journal));
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
    // Before the one of the run ends, so that none is missed between the two.
    match Signals::take() {
        Ok(signals) => hurry.watch(signals, dir.clone()),
        Err(failure) => errln!("lifeboat: {failure}"),
    }
    watching.abort();
    let ended = end(&services).await;
    // What follows touches no target and may take long.
    drop(locked);
    if let (Ok(()), Some(following)) = (&ended, following) {
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

    let mut record = judged(&files, unwritten)?;
    if notices::send(&notifiers, &record, &dir, &journal, hurry).await {
        record = judged(&files, unwritten)?;
    }
    stream.judged(&record, &dir);
    let reported = match write_reports(&files, &record) {
        Ok(()) => match hurry.soon_after(conclusion.conclude(&files, &record)).await {
            // What the run came to weighs more than a signature that is missing.
            Some(Err(failure)) if record.exit_code != 0 => {
                errln!("lifeboat: {failure}");
                Some(Ok(()))
            }
            done => done.map(|done| done.map(drop)),
        },
        failed => Some(failed),
    };
    if let Err(warning) = job_summary::append(&record) {
        errln!("lifeboat: {warning}");
    }
    if !args.quiet {
        print::err(format_args!("{}", lifeboat_reports::summary(&record)));
    }
    let code = ExitCode::try_from(record.exit_code).map_err(Failure::internal)?;
    match reported {
        Some(Ok(())) if !args.quiet => errln!("reports: {}", dir.display()),
        Some(Ok(())) => {}
        // What was left behind weighs more than a report that is missing.
        Some(Err(failure)) if record.restoration == Restoration::Residue => errln!("lifeboat: {failure}"),
        Some(Err(failure)) => return Err(failure),
        None => {
            errln!("lifeboat: {}", conclusion.cut_off(&files));
            return Ok(with_something_undone(code));
        }
    }
    Ok(code)
}

/// The record of a run that has ended; `unwritten` is whether its last lines may not be on disk.
fn judged(files: &RunFiles, unwritten: bool) -> Result<RunRecord, Failure> {
    let mut record = judge_dir(files, &lifeboat_drills::find).map_err(Failure::internal)?;
    if unwritten {
        doubt(&mut record);
    }
    Ok(record)
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
    // Before anything is made of it: whatever becomes of that, the record is there.
    files.write_json("record.json", record).map_err(Failure::internal)?;
    write_views(files, record)
}

/// The files that [`write_views`] writes.
pub const REPORTS: [&str; 6] =
    ["verdict.json", "junit.xml", "report.html", "report.md", "metrics.prom", "badge.svg"];

/// Writes what is made of the record that is there, and not the record.
pub fn write_views(files: &RunFiles, record: &RunRecord) -> Result<(), Failure> {
    let junit = lifeboat_reports::junit(record).map_err(Failure::internal)?;
    let html = lifeboat_reports::html(record).map_err(Failure::internal)?;
    let badge = lifeboat_reports::badge(record).map_err(Failure::internal)?;
    files
        .write_json("verdict.json", &lifeboat_reports::verdict(record))
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
