//! A run with a step that goes wrong: in this process, with the engine, the real drill, targets and interpreter, and one
//! act wrapped.

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use lifeboat_engine::{
    About, Check, Clock, Drill, Journal, Ledger, OptionsError, Params, Plan, ProbeSettings, RunFiles,
    Services, StepError, judge_dir, read_events, run_drill,
};
use lifeboat_model::{
    DrillFacts, EnvironmentRecord, EventKind, JOURNAL_FORMAT, Measurements, Permission, PlanDocument,
    PlanFile, Restoration, RunRecord, StepEnd, Verdict, pending_undos,
};
use lifeboat_targets::{Aws, WorldInterpreter};
use schemars::{Schema, SchemaGenerator};
use tokio_util::sync::CancellationToken;

use crate::case::Fault;
use crate::kills::put_back;
use crate::scene::Scene;
use crate::sets::{Ground, Set};
use crate::support::eventually;

/// A drill one step of which goes wrong.
struct Faulty {
    drill: &'static dyn Drill,
    step: String,
    fault: Fault,
    limit: Duration,
}

impl Drill for Faulty {
    fn name(&self) -> &'static str {
        self.drill.name()
    }

    fn about(&self) -> About {
        self.drill.about()
    }

    fn options_schema(&self, generator: &mut SchemaGenerator) -> Schema {
        self.drill.options_schema(generator)
    }

    fn plan(&self, params: &Params) -> Result<Plan, OptionsError> {
        let steps = self.drill.plan(params)?.into_steps().into_iter();
        Ok(steps.fold(Plan::new(), |plan, step| {
            let (fault, limit) = (self.fault, step.limit().min(self.limit));
            plan.then(match step.id() == self.step {
                true => step.around(limit, move |act| go_wrong(fault, act)),
                false => step,
            })
        }))
    }

    fn permissions(&self, params: &Params) -> Result<Vec<Permission>, OptionsError> {
        self.drill.permissions(params)
    }

    fn measure(&self, facts: &DrillFacts) -> Measurements {
        self.drill.measure(facts)
    }

    fn checks(&self) -> Vec<Check> {
        self.drill.checks()
    }
}

async fn go_wrong(fault: Fault, act: BoxFuture<'static, Result<(), StepError>>) -> Result<(), StepError> {
    match fault {
        Fault::Error => return Err(StepError::Failed("refused, as the matrix asks".into())),
        Fault::PanicBefore => panic!("before the act, as the matrix asks"),
        Fault::LostResponse | Fault::TimeOut | Fault::CutShort | Fault::PanicAfter => act.await?,
    }
    match fault {
        Fault::PanicAfter => panic!("after the act, as the matrix asks"),
        Fault::TimeOut | Fault::CutShort => pending().await,
        _ => Err(StepError::Indeterminate("no answer, as the matrix asks".into())),
    }
}

/// Runs a set with this step going wrong; `usual` is how long the step takes otherwise.
pub fn go(scene: &Scene, set: &Set, dir: &str, step: &str, fault: Fault, usual: Duration) {
    let before = scene.state().expect("a state");
    let limit = match fault {
        // Long enough for the act to be done on a busy machine; the case is a good one too where it is not.
        Fault::TimeOut => usual * 2 + Duration::from_millis(300),
        Fault::CutShort => usual / 2,
        _ => Duration::MAX,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let dir_path = scene.lab.path(dir);
    let record = runtime.block_on(run(scene, set, &dir_path, step, fault, limit));
    runtime.shutdown_timeout(Duration::from_secs(5));
    let expected = match fault {
        Fault::Error => StepEnd::Failed,
        _ => StepEnd::Indeterminate,
    };
    let [drill] = record.drills.as_slice() else { panic!("one drill") };
    let said = format!("{:?}: {}; {:?}", drill.verdict, drill.reason, drill.residue);
    let last = drill.steps.last().expect("a step");
    assert_eq!((last.id.as_str(), last.outcome), (step, Some(expected)), "{said}");
    assert!(matches!(drill.verdict, Verdict::Errored | Verdict::Failed), "{said}");
    assert_eq!(record.verdict, drill.verdict);
    assert_eq!(record.restoration, Restoration::Clean, "{said}");
    assert!(matches!(record.exit_code, 100 | 101), "exit code {}: {said}", record.exit_code);
    let journal = dir_path.join("journal.jsonl");
    // Its writer is a thread of this process, which ends after all who could write to it.
    eventually("the journal to be let go", Duration::from_secs(10), || Journal::claim(&journal).map(drop));
    let events = read_events(&journal).expect("the journal");
    assert_eq!(pending_undos(&events), [], "{said}");
    put_back(scene, set, dir, &before, None);
}

async fn run(scene: &Scene, set: &Set, dir: &Path, step: &str, fault: Fault, limit: Duration) -> RunRecord {
    static COUNT: AtomicU32 = AtomicU32::new(1);
    let run_id = format!("20260101-000000-{:06x}", COUNT.fetch_add(1, Ordering::Relaxed));
    let raw = PlanFile::raw(&set.plan).expect("TOML");
    let plan = PlanFile::resolve(&raw, &|name| scene.sandbox.exports.get(name).cloned()).expect("a plan");
    let [entry] = plan.drills.as_slice() else { panic!("one drill, and not {}", plan.drills.len()) };
    let ms = Duration::from_millis;
    let confirmed = match set.ground {
        Ground::Plain => BTreeSet::from([scene.sandbox.plain_address()]),
        _ => BTreeSet::new(),
    };
    let probe =
        ProbeSettings { interval: ms(10), deadline: ms(1_000), notice: ms(3_000), api_interval: ms(100) };
    let target = plan.targets[&entry.target].clone();
    let params = Params { confirmed, ..Params::of(&run_id, &plan, entry, target, probe) };
    let drill = lifeboat_drills::find(&entry.scenario).expect("a drill of the catalogue");
    let faulty = Faulty { drill, step: step.into(), fault, limit };

    let files = RunFiles::create(dir).expect("a folder");
    let document = PlanDocument {
        schema: PlanDocument::SCHEMA.into(),
        source: "the matrix".into(),
        sha256: String::new(),
        variables: Vec::new(),
        plan: raw,
    };
    files.write_json("plan.json", &document).expect("plan.json");
    let clock = Clock::start();
    let passwords = plan.targets.iter().filter_map(|(name, target)| {
        let roles = target.sql_roles()?;
        Some(((name.clone(), roles.user.to_owned()), roles.password.clone()))
    });
    let passwords: BTreeMap<_, _> = passwords.collect();
    let services = Services {
        clock,
        journal: Journal::open(&files.path("journal.jsonl"), clock, 1).expect("a journal"),
        ledger: Ledger::create(&files.path("ledger.jsonl")).expect("a ledger"),
        interpreter: Arc::new(WorldInterpreter::new(passwords, Ok(Aws::connect(&plan.environment).await))),
        cancel: CancellationToken::new(),
        undos: Arc::new(AtomicU64::new(0)),
        copies: None,
    };
    let started = EventKind::RunStarted {
        format: JOURNAL_FORMAT.into(),
        run_id,
        tool_version: env!("CARGO_PKG_VERSION").into(),
        tool_sha256: None,
        environment: EnvironmentRecord {
            name: plan.environment.name.clone(),
            provider: plan.environment.provider.name().into(),
            region: plan.environment.region.clone(),
            account: None,
            endpoint: plan.environment.endpoint.clone(),
            runtime: None,
            simulated: true,
            production: false,
            change_ticket: None,
        },
        operator: None,
        sandbox_pid: None,
    };
    services.journal.write(started).await.expect("the journal");
    run_drill(&faulty, &params, &services).await.expect("the journal");
    let lines = services.ledger.finish().await.expect("the ledger");
    services.journal.write(EventKind::RunEnded { ledger_lines: Some(lines) }).await.expect("the journal");
    judge_dir(&files, &lifeboat_drills::find).expect("a record")
}
