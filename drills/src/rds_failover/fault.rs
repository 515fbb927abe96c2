//! The fault call, and the wait until clients are served again.

use std::time::Duration;

use lifeboat_engine::{Context, StepError, wait_for};
use lifeboat_model::outages;
use lifeboat_targets::rds::{EventView, Rds};
use lifeboat_targets::{AwsError, Effect, pause};
use time::OffsetDateTime;

use super::state::Shared;
use crate::same;
use crate::streams;

/// How often the fault call is made before the drill gives up.
const CALLS: u32 = 4;

pub async fn force_failover(s: Shared, context: Context) -> Result<(), StepError> {
    let rds = s.rds().await;
    let target = s.before()?;
    let id = &target.identifier;
    let told_before = told(&rds, id).await.map_err(|error| error.ends_step("cannot read events"))?;
    same::instance(&rds, &target).await?;
    s.set_asked_at(context.now());
    context.mark("fault-requested");
    for call in 1..=CALLS {
        if call > 1 {
            // Calls before may have had their effect.
            same::instance(&rds, &target).await.map_err(StepError::indeterminate)?;
        }
        s.set_asked_again_at(context.now());
        let error = match rds.force_failover(id).await {
            Ok(()) => {
                context.mark("fault-answered");
                return Ok(());
            }
            Err(error) => error,
        };
        let last = call == CALLS;
        match (error.effect, error.is_passing()) {
            (Effect::None, true) if !last => {
                rds.aws().count_retry(&error);
                pause(Duration::from_millis(200) * call).await;
            }
            (Effect::None, _) => return Err(error.ends_step("the failover was refused")),
            (Effect::Perhaps, _) => {
                // Without an answer, the state says whether it is under way; only if not may it be asked for again.
                if took_effect(&s, &context, &rds, &told_before).await {
                    rds.aws().count_retry(&error);
                    context.mark("fault-seen-without-answer");
                    return Ok(());
                }
                if last {
                    return Err(StepError::Indeterminate(format!("the failover was not answered: {error}")));
                }
                rds.aws().count_retry(&error);
            }
        }
    }
    Err(StepError::Indeterminate("the failover was not answered".into()))
}

/// The last hour's events. The control plane's clock is not this machine's, so what is new is told by holding one list
/// against another.
async fn told(rds: &Rds, identifier: &str) -> Result<Vec<EventView>, AwsError> {
    rds.events(identifier, OffsetDateTime::now_utc() - Duration::from_secs(3600)).await
}

/// Whether the failover shows within the time in which it has to: in clients' failures, the status, the zone or events.
async fn took_effect(s: &Shared, context: &Context, rds: &Rds, told_before: &[EventView]) -> bool {
    let Ok(before) = s.before() else { return false };
    let leading = streams::leading(s.table().is_some());
    let (every, limit) = (s.params.probe.api_interval, s.options.notice(&s.params));
    let shown = wait_for("the failover to show", every, limit, || async {
        if context.probes().seen(leading, s.asked_at()).iter().any(|a| !a.ok()) {
            return Ok(());
        }
        let now = rds.describe(&before.identifier).await?;
        if now.status != "available" || now.zone != before.zone {
            return Ok(());
        }
        let told = told(rds, &before.identifier).await?;
        let news = told.iter().filter(|event| !told_before.contains(event));
        if news.into_iter().any(|event| event.message.to_lowercase().contains("failover")) {
            return Ok(());
        }
        Err(Unseen::Nothing(now.status))
    });
    shown.await.is_ok()
}

#[derive(Debug, thiserror::Error)]
enum Unseen {
    #[error("status `{0}` and no event")]
    Nothing(String),
    #[error(transparent)]
    Aws(#[from] AwsError),
}

/// Waits until the leading stream has failed and is back for good, or until the fault had time enough to show and did
/// not. Ends as done in every case: what came of it is in the ledger, and the checks judge that.
pub async fn await_recovery(s: Shared, context: Context) -> Result<(), StepError> {
    let leading = streams::leading(s.table().is_some());
    let (stable_for, notice) = (s.options.stable_for(), s.options.notice(&s.params));
    let fault = s.asked_at();
    context.observe("stable-for-s", stable_for.as_secs_f64());
    // What was acknowledged before the fault is needed as well.
    let some_before = fault.before(Duration::from_secs(5));
    let waited =
        wait_for("the recovery", Duration::from_millis(20), s.options.give_up(&s.params), || async {
            let now = context.now();
            let seen = context.probes().seen(leading, some_before);
            let outages = outages(&seen, fault, stable_for, now);
            match outages.last() {
                Some(last) if last.failures > 0 => match last.recovered {
                    Some(_) => Ok("recovered"),
                    None => Err("an outage without an end".to_owned()),
                },
                // From the last call on: one before it may have had no effect, and its time is over.
                _ if now.since(s.asked_again_at()) >= notice => Ok("no outage was seen"),
                _ => Err("no outage yet".to_owned()),
            }
        })
        .await;
    match waited {
        Ok(seen) => context.observe("recovery", seen),
        Err(error) => context.observe("recovery", error.to_string()),
    }
    Ok(())
}
