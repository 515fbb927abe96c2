//! `lifeboat plan`.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use lifeboat_engine::{Clock, Journal, Ledger, Services, check_guards};
use lifeboat_model::{ExitCode, Provider};
use lifeboat_reports::clean_line;
use lifeboat_targets::WorldInterpreter;
use tokio_util::sync::CancellationToken;

use crate::args::{PlanArgs, ProfileArg};
use crate::failure::Failure;
use crate::prepare::{self, Caller, Source};
use crate::print::outln;

/// Prints what a run would do; with `--check`, makes the read-only calls of the guards.
pub async fn plan(args: PlanArgs) -> Result<ExitCode, Failure> {
    let source = Source::read(&args.plan)?;
    let plan = source.resolve_for_print()?;
    let none = std::collections::BTreeMap::new();
    let caller = Caller {
        run_id: "RUN",
        only: &args.drills,
        confirmed: &args.confirmed,
        own_exports: &none,
        profile: ProfileArg::Fast,
    };
    for ready in prepare::drills(&plan, &caller)? {
        let steps = ready.drill.plan(&ready.params).map_err(Failure::usage)?;
        outln!(
            "{} ({} on {})",
            clean_line(&ready.params.drill),
            ready.drill.name(),
            clean_line(&ready.params.target_name)
        );
        for step in steps.steps() {
            outln!("  {:8} {}: {}", step.phase().name(), step.id(), clean_line(step.what()));
            match step.undo_text() {
                Ok(undo) => outln!("           undo: {}", clean_line(undo)),
                Err(why) => outln!("           no undo: {why}"),
            }
        }
        outln!();
    }
    if args.check { check(&args, &source).await } else { Ok(ExitCode::Met) }
}

async fn check(args: &PlanArgs, source: &Source) -> Result<ExitCode, Failure> {
    let none = std::collections::BTreeMap::new();
    let mut environment = source.environment(&none)?;
    prepare::settle_endpoint(&mut environment)?;
    if environment.provider != Provider::Aws && environment.endpoint.is_none() {
        return Err(Failure::usage(
            "--check: a run of this plan starts its own environment, so there is nothing to look at before",
        ));
    }
    let mut plan = source.resolve(&none)?;
    plan.environment = environment;
    let caller = Caller {
        run_id: "check",
        only: &args.drills,
        confirmed: &args.confirmed,
        own_exports: &none,
        profile: ProfileArg::Fast,
    };
    let drills = prepare::drills(&plan, &caller)?;
    let asks = drills.iter().any(|ready| ready.params.target.needs_control_plane());
    prepare::identify(&plan.environment, None, asks).await?;
    let scratch = tempfile::tempdir().map_err(Failure::internal)?;
    let clock = Clock::start();
    let services = Services {
        clock,
        journal: Journal::open(&scratch.path().join("journal.jsonl"), clock, 1).map_err(Failure::internal)?,
        ledger: Ledger::create(&scratch.path().join("ledger.jsonl")).map_err(Failure::internal)?,
        interpreter: Arc::new(WorldInterpreter::new(
            prepare::passwords(&plan),
            prepare::control_plane(&plan.environment).await,
        )),
        cancel: CancellationToken::new(),
        undos: Arc::new(AtomicU64::new(0)),
    };
    let mut code = ExitCode::Met;
    for ready in &drills {
        let found = check_guards(ready.drill, &ready.params, &services).await.map_err(Failure::internal)?;
        for (step, result) in found {
            match result {
                Ok(()) => outln!("{}: {step}: ok", clean_line(&ready.params.drill)),
                Err(error) => {
                    code = ExitCode::NotProved;
                    outln!("{}: {step}: {}", clean_line(&ready.params.drill), clean_line(&error.to_string()));
                }
            }
        }
    }
    Ok(code)
}
