//! What the engine takes back: after every way in which a step can end.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use lifeboat_engine::{
    About, Check, Clock, Context, Drill, Interpreter, Journal, Ledger, Makes, OptionsError, Params, Plan,
    ProbeSettings, RunFiles, Services, Step, StepError, doubt, judge_dir, read_events, run_drill, unwind,
};
use lifeboat_model::{
    DrillFacts, EnvironmentRecord, EventKind, Finding, JOURNAL_FORMAT, Judgement, Made, Measurements,
    PendingUndo, Permission, Phase, PlanDocument, PlanFile, Restoration, RunRecord, ServerRef, UndoAction,
    UndoEnd, Verdict, pending_undos,
};
use rstest::rstest;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// How the second of three steps ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Done,
    Failed,
    Indeterminate,
    Unmet,
    Unsupported,
    Keeps,
    Binds,
    BindsAndFails,
    Panic,
    Hang,
    Interrupted,
    Stopped,
    StoppedWhileUndoing,
    CancelledBefore,
}

const LIMIT: Duration = Duration::from_secs(60);

struct Trial(Ending);

impl Drill for Trial {
    fn name(&self) -> &'static str {
        "trial"
    }

    fn about(&self) -> About {
        About { summary: "", targets: &[], needs: "", proves: "", options: &[] }
    }

    fn plan(&self, _: &Params) -> Result<Plan, OptionsError> {
        let ending = self.0;
        // Only what hangs is to come to its limit, on a busy machine as well.
        let limit = if ending == Ending::Hang { Duration::from_millis(300) } else { LIMIT };
        let second = step("second", limit, move |context| second(ending, context));
        Ok(Plan::new()
            .then(step("first", LIMIT, |_| async { Ok(()) }).makes(Makes { what: "a copy", restored: true }))
            .then(if ending == Ending::Keeps { second.keeps_copies() } else { second })
            .then(step("third", LIMIT, |_| async { Ok(()) })))
    }

    fn permissions(&self, _: &Params) -> Result<Vec<Permission>, OptionsError> {
        Ok(Vec::new())
    }

    fn measure(&self, _: &DrillFacts) -> Measurements {
        Measurements::default()
    }

    fn checks(&self) -> Vec<Check> {
        vec![Check { name: "always met", judge: |_| Finding::new(Judgement::Passed, "it is") }]
    }
}

async fn second(ending: Ending, context: Context) -> Result<(), StepError> {
    match ending {
        Ending::Done | Ending::StoppedWhileUndoing | Ending::CancelledBefore => Ok(()),
        Ending::Failed => Err(StepError::Failed("refused".into())),
        Ending::Indeterminate => Err(StepError::Indeterminate("no answer".into())),
        Ending::Unmet => Err(StepError::Unmet("not ready".into())),
        Ending::Unsupported => Err(StepError::Unsupported("not here".into())),
        Ending::Keeps => {
            let first = |action: &UndoAction| matches!(action, UndoAction::DropSchema { schema, .. } if schema == "first");
            context.keep(first, "the plan keeps it").await
        }
        Ending::Binds => bind(&context, &["first", "second"]).await,
        Ending::BindsAndFails => {
            bind(&context, &["second"]).await?;
            Err(StepError::Failed("refused".into()))
        }
        Ending::Panic => panic!("a defect"),
        Ending::Hang | Ending::Interrupted | Ending::Stopped => {
            context.mark("waiting");
            std::future::pending().await
        }
    }
}

/// Says what the acts of these steps made; one is said by a later step, and then said again.
async fn bind(context: &Context, steps: &[&str]) -> Result<(), StepError> {
    for (step, id) in steps.iter().flat_map(|step| [(step, "provisional"), (step, "made")]) {
        let of_step =
            |action: &UndoAction| matches!(action, UndoAction::DropSchema { schema, .. } if schema == step);
        context.bind(of_step, Made { id: id.into(), arn: String::new(), created_at: None }).await?;
    }
    let nobodys = Made { id: "nobody's".into(), arn: String::new(), created_at: None };
    assert!(context.bind(|_| false, nobodys).await.is_err());
    Ok(())
}

fn step<F, Fut>(id: &'static str, limit: Duration, act: F) -> Step
where
    F: FnOnce(Context) -> Fut + Send + 'static,
    Fut: Future<Output = Result<(), StepError>> + Send + 'static,
{
    Step::build(id, Phase::Fault, id, limit, act).undo("take it back", move || Ok(action(id)))
}

fn action(schema: &str) -> UndoAction {
    let server = ServerRef {
        target: "t".into(),
        host: "h".into(),
        port: 1,
        database: "d".into(),
        user: "u".into(),
        own_sandbox: true,
        instance: None,
        patience_s: 0,
        copy: false,
        tls: None,
    };
    UndoAction::DropSchema {
        server,
        schema: schema.into(),
        comment: String::new(),
        application_name: String::new(),
    }
}

/// Keeps what it is asked to take back; one of them it cannot.
#[derive(Default)]
struct Recorder {
    asked: Mutex<Vec<String>>,
    cannot: Option<&'static str>,
    panics: Option<&'static str>,
}

impl Interpreter for Recorder {
    fn undo<'a>(&'a self, pending: &'a PendingUndo) -> BoxFuture<'a, Result<(UndoEnd, String), String>> {
        async move {
            let UndoAction::DropSchema { schema, .. } = &pending.action else {
                return Err("another action".into());
            };
            assert_ne!(self.panics, Some(schema.as_str()), "a defect");
            let id = pending.made.as_ref().map(|made| format!(" {}", made.id)).unwrap_or_default();
            self.asked.lock().unwrap().push(format!("{schema}{id}"));
            if self.cannot == Some(schema.as_str()) {
                return Err("the server is gone".into());
            }
            Ok((UndoEnd::Undone, String::new()))
        }
        .boxed()
    }
}

fn params() -> Params {
    let plan = r#"
        [environment]
        name = "e"
        provider = "sandbox"
        [targets.t]
        kind = "postgres"
        host = "h"
        database = "d"
        user = "u"
        password = "${P}"
        [[drills]]
        name = "d"
        scenario = "trial"
        target = "t"
    "#;
    let raw = PlanFile::raw(plan).unwrap();
    let plan = PlanFile::resolve(&raw, &|_| Some("secret".into())).unwrap();
    let ms = Duration::from_millis;
    Params {
        run_id: "r".into(),
        drill: "d".into(),
        target_name: "t".into(),
        target: plan.targets["t"].clone(),
        environment: plan.environment,
        rto: None,
        rpo: None,
        options: Default::default(),
        probe: ProbeSettings { interval: ms(10), deadline: ms(100), notice: ms(10), api_interval: ms(10) },
        safety: Default::default(),
        confirmed: Default::default(),
        own_sandbox: true,
    }
}

struct Ran {
    record: RunRecord,
    undone: Vec<String>,
    still_pending: usize,
    copies: Arc<Semaphore>,
    _dir: tempfile::TempDir,
}

async fn run(drill: &'static Trial, recorder: Recorder) -> Ran {
    run_with(drill, recorder, Arc::new(Semaphore::new(1))).await
}

/// The same with so many copies that may exist at once; the drill makes one.
async fn run_with(drill: &'static Trial, recorder: Recorder, copies: Arc<Semaphore>) -> Ran {
    let dir = tempfile::tempdir().unwrap();
    let files = RunFiles::create(dir.path()).unwrap();
    let document = PlanDocument {
        schema: PlanDocument::SCHEMA.into(),
        source: "plan.toml".into(),
        sha256: String::new(),
        variables: Vec::new(),
        plan: Default::default(),
    };
    files.write_json("plan.json", &document).unwrap();
    let clock = Clock::start();
    let journal = Journal::open(&files.path("journal.jsonl"), clock, 1).unwrap();
    let recorder = Arc::new(recorder);
    let cancel = CancellationToken::new();
    let services = Services {
        clock,
        journal: journal.clone(),
        ledger: Ledger::create(&files.path("ledger.jsonl")).unwrap(),
        interpreter: recorder.clone(),
        cancel: cancel.clone(),
        undos: Arc::new(AtomicU64::new(0)),
        copies: Some(copies.clone()),
    };
    let environment = EnvironmentRecord {
        name: "e".into(),
        provider: "sandbox".into(),
        region: "r".into(),
        account: None,
        endpoint: None,
        runtime: None,
        simulated: true,
        production: false,
        change_ticket: None,
    };
    let started = EventKind::RunStarted {
        format: JOURNAL_FORMAT.into(),
        run_id: "r".into(),
        tool_version: "0".into(),
        tool_sha256: None,
        environment,
        operator: None,
        sandbox_pid: None,
    };
    journal.write(started).await.unwrap();
    if drill.0 == Ending::CancelledBefore {
        journal.note(EventKind::Interrupted { by: "SIGTERM".into() });
        cancel.cancel();
    }
    let mut events = journal.watch();
    let interrupting = async {
        while let Ok(event) = events.recv().await {
            if matches!(event.kind, EventKind::Marked { .. }) && drill.0 == Ending::Interrupted {
                journal.note(EventKind::Interrupted { by: "SIGTERM".into() });
                cancel.cancel();
            }
            let stops = match event.kind {
                EventKind::Marked { .. } => drill.0 == Ending::Stopped,
                EventKind::UndoStarted { .. } => drill.0 == Ending::StoppedWhileUndoing,
                _ => false,
            };
            if stops {
                journal.note(EventKind::Stopped { condition: "x".into(), why: "too hot".into() });
                cancel.cancel();
            }
            if matches!(event.kind, EventKind::DrillEnded { .. }) {
                break;
            }
        }
    };
    let params = params();
    let (ran, ()) = futures_util::join!(run_drill(drill, &params, &services), interrupting);
    ran.unwrap();
    let ledger_lines = Some(services.ledger.finish().await.unwrap());
    journal.write(EventKind::RunEnded { ledger_lines }).await.unwrap();
    assert_eq!(services.undos.load(Ordering::Relaxed), count_planned(&files));
    let record = judge_dir(&files, &|_| Some(drill)).unwrap();
    let still_pending = pending_undos(&read_events(&files.path("journal.jsonl")).unwrap()).len();
    let undone = recorder.asked.lock().unwrap().clone();
    Ran { record, undone, still_pending, copies, _dir: dir }
}

fn count_planned(files: &RunFiles) -> u64 {
    let events = read_events(&files.path("journal.jsonl")).unwrap();
    events.iter().filter(|event| matches!(event.kind, EventKind::UndoPlanned { .. })).count() as u64
}

#[rstest]
#[case(Ending::Done, &["third", "second", "first"], Verdict::Passed, 0)]
#[case(Ending::Failed, &["first"], Verdict::Errored, 101)]
#[case(Ending::Indeterminate, &["second", "first"], Verdict::Errored, 101)]
#[case(Ending::Unmet, &["first"], Verdict::Skipped, 4)]
#[case(Ending::Unsupported, &["first"], Verdict::Invalid, 101)]
#[case(Ending::Keeps, &["third", "second"], Verdict::Passed, 0)]
#[case(Ending::Binds, &["third", "second made", "first made"], Verdict::Passed, 0)]
#[case(Ending::BindsAndFails, &["second made", "first"], Verdict::Errored, 101)]
#[case(Ending::Panic, &["second", "first"], Verdict::Errored, 101)]
#[case(Ending::Hang, &["second", "first"], Verdict::Errored, 101)]
#[case(Ending::Interrupted, &["second", "first"], Verdict::Aborted, 130)]
#[case(Ending::Stopped, &["second", "first"], Verdict::Aborted, 101)]
#[case(Ending::StoppedWhileUndoing, &["third", "second", "first"], Verdict::Passed, 0)]
#[tokio::test]
async fn what_may_have_been_done_is_taken_back(
    #[case] ending: Ending,
    #[case] undone: &[&str],
    #[case] verdict: Verdict,
    #[case] exit_code: u8,
) {
    let ran = run(Box::leak(Box::new(Trial(ending))), Recorder::default()).await;
    assert_eq!(ran.undone, undone);
    assert_eq!(ran.still_pending, 0, "nothing is left for a later undo");
    let drill = &ran.record.drills[0];
    let known = drill.undos.iter().filter(|undo| undo.made.as_ref().is_some_and(|made| made.id == "made"));
    assert_eq!(known.count(), undone.iter().filter(|undone| undone.ends_with(" made")).count());
    assert_eq!((drill.verdict, drill.restoration), (verdict, Restoration::Clean), "{}", drill.reason);
    assert_eq!(ran.record.exit_code, exit_code);
    let room = if ending == Ending::Keeps { 0 } else { 1 };
    assert_eq!(
        (ran.copies.available_permits(), ran.copies.is_closed()),
        (room, false),
        "room for other copies"
    );
    let stopped = matches!(ending, Ending::Stopped | Ending::StoppedWhileUndoing);
    assert_eq!(ran.record.stopped_by.is_some(), stopped);
    if ending == Ending::Stopped {
        assert_eq!(drill.reason, "stop condition `x`: too hot");
    }
    if ending == Ending::Panic {
        assert!(drill.reason.contains("a defect"), "{}", drill.reason);
    }
}

#[tokio::test]
async fn one_undo_that_fails_does_not_stop_the_others_and_is_residue() {
    let recorder = Recorder { cannot: Some("second"), ..Recorder::default() };
    let ran = run(Box::leak(Box::new(Trial(Ending::Done))), recorder).await;
    assert_eq!(ran.undone, ["third", "second", "first"]);
    assert_eq!(ran.still_pending, 1);
    let drill = &ran.record.drills[0];
    assert_eq!((drill.verdict, drill.restoration), (Verdict::Passed, Restoration::Residue));
    assert!(
        drill.residue[0].contains("second") && drill.residue[0].contains("the server is gone"),
        "{drill:?}"
    );
    assert_eq!(ran.record.exit_code, 102);

    // What is left may be the copy, so the next drill that restores does not begin.
    let next = run_with(Box::leak(Box::new(Trial(Ending::Done))), Recorder::default(), ran.copies).await;
    let drill = &next.record.drills[0];
    assert_eq!((drill.verdict, next.undone.len()), (Verdict::Errored, 0), "{}", drill.reason);
    assert!(
        drill.reason.contains("max_restored") && drill.reason.contains("lifeboat undo"),
        "{}",
        drill.reason
    );
}

/// Its last lines may be read now and be gone after a power cut.
#[tokio::test]
async fn what_could_not_be_written_for_certain_proves_nothing() {
    let mut record = run(Box::leak(Box::new(Trial(Ending::Done))), Recorder::default()).await.record;
    assert_eq!((record.complete, record.verdict, record.exit_code), (true, Verdict::Passed, 0));
    doubt(&mut record);
    assert_eq!((record.complete, record.verdict, record.exit_code), (false, Verdict::Errored, 101));
}

/// A run that is told to end does not wait for room.
#[tokio::test]
async fn a_drill_that_waits_for_room_ends_with_the_run() {
    let full = Arc::new(Semaphore::new(1));
    let held = full.clone().acquire_owned().await.unwrap();
    let running = run_with(Box::leak(Box::new(Trial(Ending::CancelledBefore))), Recorder::default(), full);
    let ran = tokio::time::timeout(Duration::from_secs(20), running).await.expect("it ends");
    assert_eq!((ran.record.drills[0].verdict, ran.undone.len()), (Verdict::Aborted, 0));
    drop(held);
}

#[tokio::test]
async fn a_defect_in_one_undo_does_not_stop_the_others() {
    let recorder = Recorder { panics: Some("second"), ..Recorder::default() };
    let ran = run(Box::leak(Box::new(Trial(Ending::Done))), recorder).await;
    assert_eq!(ran.undone, ["third", "first"]);
    assert_eq!(ran.still_pending, 1);
    let drill = &ran.record.drills[0];
    assert!(
        drill.residue.len() == 1 && drill.residue[0].contains("a defect of the tool"),
        "{:?}",
        drill.residue
    );
}

/// With a name that was not given back, what goes by name or address would meet another instance.
#[tokio::test]
async fn after_a_name_that_is_not_given_back_the_drills_other_undos_are_held_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.jsonl");
    let journal = Journal::open(&path, Clock::start(), 1).unwrap();
    let recorder = Recorder::default();
    let rename = UndoAction::RestoreName { resource_id: "db-A".into(), name: "orders".into(), patience_s: 1 };
    let planned = [("d", rename), ("d", action("held")), ("other", action("free"))];
    let pending: Vec<PendingUndo> = planned
        .into_iter()
        .zip(1..)
        .map(|((drill, action), undo)| PendingUndo { drill: drill.into(), undo, action, made: None })
        .collect();
    // The recorder knows nothing of names, so that one fails.
    unwind(&pending, &journal, &recorder).await.unwrap();
    assert_eq!(*recorder.asked.lock().unwrap(), ["free"]);
    let ends: Vec<(u64, UndoEnd)> = read_events(&path)
        .unwrap()
        .into_iter()
        .filter_map(|event| match event.kind {
            EventKind::UndoEnded { undo, outcome, .. } => Some((undo, outcome)),
            _ => None,
        })
        .collect();
    assert_eq!(ends, [(1, UndoEnd::Failed), (2, UndoEnd::Failed), (3, UndoEnd::Undone)]);
}
