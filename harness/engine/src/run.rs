//! Runs a drill's steps in order, and takes back what they did.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use lifeboat_model::{EventKind, PendingUndo, Phase, StepEnd, UndoAction, UndoEnd};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;

use crate::step::Undo;
use crate::{Clock, Context, Drill, Journal, JournalError, Ledger, Params, Probes, Step, StepError, guarded};

/// How long it may take to say that a drill cannot be planned.
const REFUSAL_LIMIT: Duration = Duration::from_secs(60);

/// What is observed where the machine slept during a drill: for how many milliseconds.
pub(crate) const SLEPT_MS: &str = "machine-slept-ms";

/// Nothing sleeps for less, and two clocks on a busy machine may differ by some of it.
const SLEEP: Duration = Duration::from_millis(500);

/// What carries out undo actions. It needs neither plan nor drill.
pub trait Interpreter: Send + Sync {
    /// Takes one act back; `Ok` says how, `Err` why not. It may be called again for the same one.
    fn undo<'a>(&'a self, pending: &'a PendingUndo) -> BoxFuture<'a, Result<(UndoEnd, String), String>>;
}

/// What all drills of a run share.
#[derive(Clone)]
pub struct Services {
    /// The run's clock.
    pub clock: Clock,
    /// Its journal.
    pub journal: Journal,
    /// Its ledger.
    pub ledger: Ledger,
    /// What carries out undo actions.
    pub interpreter: Arc<dyn Interpreter>,
    /// Fires when the run has to end.
    pub cancel: CancellationToken,
    /// The number of the last undo.
    pub undos: Arc<AtomicU64>,
    /// As many permits as restored copies may exist at once; without it any number may.
    pub copies: Option<Arc<Semaphore>>,
}

/// Runs one drill, its undos included. How it went is in the journal.
///
/// # Errors
/// If the journal cannot be written; what was done by then has been taken back.
pub async fn run_drill(drill: &dyn Drill, params: &Params, services: &Services) -> Result<(), JournalError> {
    let name = params.drill.clone();
    let plan = drill.plan(params);
    let (copies, keeps) = plan.as_ref().map_or((0, false), |plan| (plan.copies(), plan.keeps_copies()));
    // Before the drill begins: a wait within it would be in the recovery time that it measures.
    let room = room(services, copies).await;
    services
        .journal
        .write(EventKind::DrillStarted {
            drill: name.clone(),
            scenario: drill.name().into(),
            target: params.target_name.clone(),
            objectives: params.objectives(),
            options: serde_json::to_value(&params.options).unwrap_or_default(),
        })
        .await?;
    let steps = match (plan, &room) {
        (Ok(plan), Ok(_)) => plan.into_steps(),
        (Ok(_), Err(why)) => vec![refusal(why.clone())],
        // The caller planned every drill before the run began, with the same parameters.
        (Err(error), _) => vec![refusal(error.to_string())],
    };
    let context = context(&name, services);
    let slept_before = Clock::slept();
    let (mut through, mut written) = (true, Ok(()));
    for step in steps {
        through = !services.cancel.is_cancelled()
            && take(step, &context, services).await.unwrap_or_else(|error| {
                written = Err(error);
                false
            });
        if !through {
            break;
        }
    }
    context.cancel.cancel();
    context.probes.stop().await;
    let slept = Clock::slept().saturating_sub(slept_before);
    if slept >= SLEEP {
        context.observe(SLEPT_MS, u64::try_from(slept.as_millis()).unwrap_or(u64::MAX));
    }
    let mut undos = std::mem::take(&mut *context.undos.lock().unwrap_or_else(PoisonError::into_inner));
    undos.reverse();
    let unwound = unwind(&undos, &services.journal, services.interpreter.as_ref()).await;
    let ended = services.journal.write(EventKind::DrillEnded { drill: name, through }).await;
    if let (Ok(Some(held)), Some(copies)) = (room, &services.copies) {
        match unwound {
            Ok(true) if !keeps => drop(held),
            Ok(true) => held.forget(),
            // A copy may be left, and nobody knows for how long.
            _ => copies.close(),
        }
    }
    written.and(unwound.map(drop)).and(ended)
}

/// Waits until so many more copies may exist. `None` where none has to be waited for, and where the run ends before: its
/// steps are not run then.
async fn room(services: &Services, copies: u32) -> Result<Option<SemaphorePermit<'_>>, String> {
    let Some(all) = services.copies.as_ref().filter(|_| copies > 0) else { return Ok(None) };
    match services.cancel.run_until_cancelled(all.acquire_many(copies)).await {
        None => Ok(None),
        Some(Ok(held)) => Ok(Some(held)),
        Some(Err(_)) => Err("an earlier drill of the run may have left a copy behind, and [safety] max_restored limits \
                             how many exist at once; take it back with `lifeboat undo`, then run this drill alone"
            .into()),
    }
}

/// Runs only the guards that need no undo, one after the other up to the first that refuses.
///
/// # Errors
/// If the journal cannot be written.
pub async fn check_guards(
    drill: &dyn Drill,
    params: &Params,
    services: &Services,
) -> Result<Vec<(&'static str, Result<(), StepError>)>, JournalError> {
    let steps = match drill.plan(params) {
        Ok(plan) => plan.into_steps(),
        Err(error) => vec![refusal(error.to_string())],
    };
    let context = context(&params.drill, services);
    let mut found = Vec::new();
    for step in
        steps.into_iter().filter(|step| step.phase == Phase::Guard && matches!(step.undo, Undo::None { .. }))
    {
        let result = act(step.act, step.limit, &context, services).await;
        let refused = result.is_err();
        found.push((step.id, result));
        if refused {
            break;
        }
    }
    context.probes.stop().await;
    Ok(found)
}

fn context(drill: &str, services: &Services) -> Context {
    Context {
        drill: drill.to_owned(),
        clock: services.clock,
        journal: services.journal.clone(),
        ledger: services.ledger.clone(),
        probes: Probes::new(drill, services.clock, services.ledger.clone()),
        cancel: services.cancel.child_token(),
        undos: Arc::default(),
    }
}

fn refusal(why: String) -> Step {
    Step::build(
        "read-options",
        lifeboat_model::Phase::Guard,
        "read the drill's options",
        REFUSAL_LIMIT,
        |_| async { Err(StepError::Failed(why)) },
    )
    .no_undo("nothing is done")
}

/// Runs one step; whether the drill goes on.
async fn take(step: Step, context: &Context, services: &Services) -> Result<bool, JournalError> {
    let drill = context.drill.clone();
    let id = step.id.to_owned();
    let started = EventKind::StepStarted {
        drill: drill.clone(),
        step: id.clone(),
        phase: step.phase,
        what: step.what.clone(),
        limit_ms: u64::try_from(step.limit.as_millis()).unwrap_or(u64::MAX),
    };
    services.journal.write(started).await?;
    let mut mine = None;
    let bound = match step.undo {
        Undo::None { .. } => Ok(()),
        Undo::Bound { bind, .. } => match bind() {
            Ok(action) => {
                let undo = services.undos.fetch_add(1, Ordering::Relaxed) + 1;
                let line = EventKind::UndoPlanned {
                    drill: drill.clone(),
                    step: id.clone(),
                    undo,
                    action: action.clone(),
                };
                services.journal.write(line).await?;
                // From before the act on: it may come to know what it makes, which is to be kept with it.
                let planned = PendingUndo { drill: drill.clone(), undo, action, made: None };
                context.undos.lock().unwrap_or_else(PoisonError::into_inner).push(planned);
                mine = Some(undo);
                Ok(())
            }
            Err(why) => Err(StepError::Failed(format!("what would take it back is not known: {why}"))),
        },
    };
    let result = match bound {
        Ok(()) => act(step.act, step.limit, context, services).await,
        Err(error) => Err(error),
    };
    let (outcome, message) = match &result {
        Ok(()) => (StepEnd::Done, None),
        Err(StepError::Failed(why)) => (StepEnd::Failed, Some(why.clone())),
        Err(StepError::Indeterminate(why)) => (StepEnd::Indeterminate, Some(why.clone())),
        Err(StepError::Unmet(why)) => (StepEnd::Unmet, Some(why.clone())),
        Err(StepError::Unsupported(why)) => (StepEnd::Unsupported, Some(why.clone())),
    };
    if !matches!(outcome, StepEnd::Done | StepEnd::Indeterminate) {
        let mut undos = context.undos.lock().unwrap_or_else(PoisonError::into_inner);
        // What is known to have been made is there, whatever the step says.
        undos.retain(|pending| Some(pending.undo) != mine || pending.made.is_some());
    }
    services.journal.write(EventKind::StepEnded { drill, step: id, outcome, message }).await?;
    Ok(outcome == StepEnd::Done)
}

async fn act(
    act: crate::step::Act,
    limit: Duration,
    context: &Context,
    services: &Services,
) -> Result<(), StepError> {
    let running = guarded(act(context.clone()));
    tokio::select! {
        ended = running => match ended {
            Ok(result) => result,
            Err(panic) => Err(StepError::Indeterminate(format!("the step {panic}"))),
        },
        () = tokio::time::sleep_until(tokio::time::Instant::now() + limit) => {
            Err(StepError::Indeterminate(format!("not done within its limit of {} s", limit.as_secs_f64())))
        }
        () = services.cancel.cancelled() => Err(StepError::Indeterminate("interrupted".into())),
    }
}

/// Takes acts back, in the order given; whether all of those were that may have made a copy: anything else that is left takes
/// no room from other copies. One that fails does not stop the others, nor does a journal that cannot be written.
///
/// # Errors
/// The first error of the journal.
pub async fn unwind(
    undos: &[PendingUndo],
    journal: &Journal,
    interpreter: &dyn Interpreter,
) -> Result<bool, JournalError> {
    let (mut no_copy_left, mut written) = (true, Ok(()));
    let mut misnamed = BTreeSet::new();
    for pending in undos {
        let (drill, undo) = (pending.drill.clone(), pending.undo);
        let started = journal.write(EventKind::UndoStarted { drill: drill.clone(), undo }).await;
        let limit = pending.action.limit();
        let renames = matches!(pending.action, UndoAction::RestoreName { .. });
        let done = if misnamed.contains(&drill) && !renames {
            // What goes by name or address would meet another than it was meant for.
            Ok(Err(
                "held back until the instance before has its name again; undo the run once more".to_owned()
            ))
        } else {
            let undoing = AssertUnwindSafe(interpreter.undo(pending)).catch_unwind();
            let settled = tokio::time::timeout(limit, undoing).await;
            settled.map(|ended| ended.unwrap_or_else(|_| Err("it ended in a defect of the tool".to_owned())))
        };
        if renames && !matches!(done, Ok(Ok(_))) {
            misnamed.insert(drill.clone());
        }
        let (outcome, message) = match done {
            Ok(Ok((end, how))) => (end, how),
            Ok(Err(why)) => (UndoEnd::Failed, why),
            Err(_) => (UndoEnd::Failed, format!("not done within {} s", limit.as_secs())),
        };
        no_copy_left &= outcome != UndoEnd::Failed || !pending.action.is_of_copy();
        let ended = EventKind::UndoEnded { drill, undo, outcome, message: Some(message) };
        written = written.and(started).and(journal.write(ended).await);
    }
    written.map(|()| no_copy_left)
}
