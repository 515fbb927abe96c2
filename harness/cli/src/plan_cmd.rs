//! `lifeboat plan`.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use lifeboat_engine::{Clock, Journal, Ledger, Services, check_guards, close};
use lifeboat_model::{ExitCode, Password, Provider, StopKind};
use lifeboat_reports::clean_line;
use lifeboat_targets::WorldInterpreter;
use tokio_util::sync::CancellationToken;

use crate::args::{PlanArgs, ProfileArg};
use crate::budget;
use crate::control_plane;
use crate::failure::Failure;
use crate::notices;
use crate::prepare::{self, Caller, Source};
use crate::print::outln;
use crate::stopping;

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
    notices::check(&plan)?;
    let drills = prepare::drills(&plan, &caller)?;
    for ready in &drills {
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
    for (name, target) in &plan.targets {
        let Some(roles) = target.sql_roles() else { continue };
        for (user, password) in [Some((roles.user, roles.password)), roles.admin].into_iter().flatten() {
            let from = match password {
                Password::Kept(kept) => {
                    format!("from AWS Secrets Manager, secret {}", clean_line(kept.secret()))
                }
                Password::Token(_) => "a token of IAM authentication for each session".into(),
                Password::Given(_) => "from a variable".into(),
            };
            outln!("password of {} on {}: {from}", clean_line(user), clean_line(name));
        }
    }
    for condition in &plan.stop_conditions {
        outln!("stop condition {}: {}", clean_line(&condition.name), what(&condition.kind));
    }
    for notice in &plan.notices {
        let when = if notice.only_failures { ", of failures only" } else { "" };
        outln!("notice {}: {}{when}", clean_line(&notice.name), notice.kind.name());
    }
    budget::print(&budget::of(&drills, &plan.safety)?, &plan.safety);
    if args.check { check(&args, &source).await } else { Ok(ExitCode::Met) }
}

async fn check(args: &PlanArgs, source: &Source) -> Result<ExitCode, Failure> {
    let none = std::collections::BTreeMap::new();
    let mut environment = source.environment(&none)?;
    control_plane::settle_endpoint(&mut environment)?;
    environment.name_session("lifeboat-plan");
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
    let mut drills = prepare::drills(&plan, &caller)?;
    let asks = prepare::asks_control_plane(&plan, &drills);
    let (environment, _) = control_plane::identify(&plan.environment, None, asks).await?;
    prepare::settle_account(&mut drills, &environment);
    let aws = control_plane::connect(&plan.environment).await;
    prepare::fetch_secrets(&plan, &drills, &aws).await?;
    if let (true, Ok(aws)) = (asks, &aws) {
        budget::print_sizes(&drills, aws).await;
    }
    let scratch = tempfile::tempdir().map_err(Failure::internal)?;
    let clock = Clock::start();
    let services = Services {
        clock,
        journal: Journal::open(&scratch.path().join("journal.jsonl"), clock, 1).map_err(Failure::internal)?,
        ledger: Ledger::create(&scratch.path().join("ledger.jsonl")).map_err(Failure::internal)?,
        interpreter: Arc::new(WorldInterpreter::new(prepare::passwords(&plan), aws.clone())),
        cancel: CancellationToken::new(),
        undos: Arc::new(AtomicU64::new(0)),
        copies: None,
    };
    let mut code = ExitCode::Met;
    match stopping::ready(&plan, "check", &aws).await {
        Ok(conditions) => close(conditions).await,
        Err(failure) => {
            code = failure.code;
            outln!("stop conditions: {}", clean_line(&failure.to_string()));
        }
    }
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

/// What a stop condition looks at, in words. An address may hold a secret.
fn what(kind: &StopKind) -> String {
    match kind {
        StopKind::Alarm { alarm, .. } => format!("CloudWatch alarm `{}` is in ALARM", clean_line(alarm)),
        StopKind::Http { failures, .. } => {
            format!("its address does not answer 2xx, {failures} times in a row")
        }
        StopKind::Sql { sql, target, .. } => {
            format!("true on {}: {}", clean_line(target), clean_line(sql))
        }
        StopKind::TimeBudget(budget) => {
            format!("the run takes longer than {}", lifeboat_engine::in_words(*budget))
        }
    }
}
