//! What the engine takes back: after every way in which a step can end.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use lifeboat_engine::{
    About, Check, Clock, Context, Drill, Interpreter, Journal, Ledger, OptionsError, Params, Plan,
    ProbeSettings, RunFiles, Services, Step, StepError, judge_dir, read_events, run_drill, unwind,
};
use lifeboat_model::{
    DrillFacts, EnvironmentRecord, EventKind, Finding, JOURNAL_FORMAT, Judgement, Measurements, PendingUndo,
    Phase, PlanDocument, PlanFile, Restoration, RunRecord, ServerRef, UndoAction, UndoEnd, Verdict,
    pending_undos,
};
use rstest::rstest;
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
    Panic,
    Hang,
    Interrupted,
}

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
        Ok(Plan::new()
            .then(step("first", |_| async { Ok(()) }))
            .then(step("second", move |context| second(ending, context)))
            .then(step("third", |_| async { Ok(()) })))
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
        Ending::Done => Ok(()),
        Ending::Failed => Err(StepError::Failed("refused".into())),
        Ending::Indeterminate => Err(StepError::Indeterminate("no answer".into())),
        Ending::Unmet => Err(StepError::Unmet("not ready".into())),
        Ending::Unsupported => Err(StepError::Unsupported("not here".into())),
        Ending::Keeps => {
            let first = |action: &UndoAction| matches!(action, UndoAction::DropSchema { schema, .. } if schema == "first");
            context.keep(first, "the plan keeps it").await
        }
        Ending::Panic => panic!("a defect"),
        Ending::Hang | Ending::Interrupted => {
            context.mark("waiting");
            std::future::pending().await
        }
    }
}

fn step<F, Fut>(id: &'static str, act: F) -> Step
where
    F: FnOnce(Context) -> Fut + Send + 'static,
    Fut: Future<Output = Result<(), StepError>> + Send + 'static,
{
    Step::build(id, Phase::Fault, id, Duration::from_millis(300), act)
        .undo("take it back", move || Ok(action(id)))
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
    fn undo<'a>(&'a self, action: &'a UndoAction) -> BoxFuture<'a, Result<(UndoEnd, String), String>> {
        async move {
            let UndoAction::DropSchema { schema, .. } = action else { return Err("another action".into()) };
            assert_ne!(self.panics, Some(schema.as_str()), "a defect");
            self.asked.lock().unwrap().push(schema.clone());
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
        confirmed: Default::default(),
        own_sandbox: true,
    }
}

struct Ran {
    record: RunRecord,
    undone: Vec<String>,
    still_pending: usize,
    _dir: tempfile::TempDir,
}

async fn run(drill: &'static Trial, recorder: Recorder) -> Ran {
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
    let mut events = journal.watch();
    let interrupting = async {
        while let Ok(event) = events.recv().await {
            if matches!(event.kind, EventKind::Marked { .. }) && drill.0 == Ending::Interrupted {
                journal.note(EventKind::Interrupted { by: "SIGTERM".into() });
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
    Ran { record, undone, still_pending, _dir: dir }
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
#[case(Ending::Panic, &["second", "first"], Verdict::Errored, 101)]
#[case(Ending::Hang, &["second", "first"], Verdict::Errored, 101)]
#[case(Ending::Interrupted, &["second", "first"], Verdict::Aborted, 130)]
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
    assert_eq!((drill.verdict, drill.restoration), (verdict, Restoration::Clean), "{}", drill.reason);
    assert_eq!(ran.record.exit_code, exit_code);
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
        .map(|((drill, action), undo)| PendingUndo { drill: drill.into(), undo, action })
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
