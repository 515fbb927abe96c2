//! A drill of three steps whose second ends as it is told to, and a run of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use lifeboat_engine::{
    About, Check, Clock, Context, Drill, Interpreter, Journal, Ledger, Makes, OptionsError, Params, Plan,
    ProbeSettings, RunFiles, Services, Step, StepError, judge_dir, read_events, run_drill,
};
use lifeboat_model::{
    DrillFacts, EnvironmentRecord, EventKind, Finding, JOURNAL_FORMAT, Judgement, Made, Measurements,
    PendingUndo, Permission, Phase, PlanDocument, PlanFile, RunRecord, ServerRef, UndoAction, UndoEnd,
    pending_undos,
};
use schemars::{JsonSchema as _, Schema, SchemaGenerator};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// How the second of three steps ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
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

pub(crate) const LIMIT: Duration = Duration::from_secs(60);

pub(crate) struct Trial(pub(crate) Ending);

impl Drill for Trial {
    fn name(&self) -> &'static str {
        "trial"
    }

    fn about(&self) -> About {
        About { summary: "", targets: &[], needs: "", proves: "", options: &[] }
    }

    fn options_schema(&self, generator: &mut SchemaGenerator) -> Schema {
        <()>::json_schema(generator)
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
        Ending::Keeps => context.keep(|action| name(action) == Some("first"), "the plan keeps it").await,
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
        context
            .bind(
                |action| name(action) == Some(*step),
                Made { id: id.into(), arn: String::new(), created_at: None },
            )
            .await?;
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
    let undo = if id == "first" { of_copy(id) } else { action(id) };
    Step::build(id, Phase::Fault, id, limit, act).undo("take it back", move || Ok(undo))
}

/// The first step makes the copy.
fn of_copy(instance: &str) -> UndoAction {
    let never = String::new();
    UndoAction::DeleteInstance { instance: instance.into(), run: "r".into(), never, patience_s: 1 }
}

pub(crate) fn action(schema: &str) -> UndoAction {
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
        endpoint: None,
    };
    UndoAction::DropSchema {
        server,
        schema: schema.into(),
        comment: String::new(),
        application_name: String::new(),
    }
}

/// The step that an action is of.
fn name(action: &UndoAction) -> Option<&str> {
    match action {
        UndoAction::DropSchema { schema, .. } => Some(schema),
        UndoAction::DeleteInstance { instance, .. } => Some(instance),
        _ => None,
    }
}

/// Keeps what it is asked to take back; one of them it cannot.
#[derive(Default)]
pub(crate) struct Recorder {
    pub(crate) asked: Mutex<Vec<String>>,
    pub(crate) cannot: Option<&'static str>,
    pub(crate) panics: Option<&'static str>,
}

impl Interpreter for Recorder {
    fn undo<'a>(&'a self, pending: &'a PendingUndo) -> BoxFuture<'a, Result<(UndoEnd, String), String>> {
        async move {
            let Some(schema) = name(&pending.action) else { return Err("another action".into()) };
            assert_ne!(self.panics, Some(schema), "a defect");
            let id = pending.made.as_ref().map(|made| format!(" {}", made.id)).unwrap_or_default();
            self.asked.lock().unwrap().push(format!("{schema}{id}"));
            if self.cannot == Some(schema) {
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
    let probe = ProbeSettings { interval: ms(10), deadline: ms(100), notice: ms(10), api_interval: ms(10) };
    let target = plan.targets["t"].clone();
    Params { own_sandbox: true, ..Params::of("r", &plan, &plan.drills[0], target, probe) }
}

pub(crate) struct Ran {
    pub(crate) record: RunRecord,
    pub(crate) undone: Vec<String>,
    pub(crate) still_pending: usize,
    pub(crate) copies: Arc<Semaphore>,
    _dir: tempfile::TempDir,
}

pub(crate) async fn run(drill: &'static Trial, recorder: Recorder) -> Ran {
    run_with(drill, recorder, Arc::new(Semaphore::new(1))).await
}

/// The same with so many copies that may exist at once; the drill makes one.
pub(crate) async fn run_with(drill: &'static Trial, recorder: Recorder, copies: Arc<Semaphore>) -> Ran {
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
