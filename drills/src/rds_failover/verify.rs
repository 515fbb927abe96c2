//! The witnesses, the data, and the way back to Multi-AZ.

use std::time::Duration;

use lifeboat_engine::{Context, StepError, wait_for};
use lifeboat_targets::AwsError;
use lifeboat_targets::postgres::{PgError, ServerWitness, server_witness};
use lifeboat_targets::rds::EventView;
use time::OffsetDateTime;

use super::state::Shared;
use crate::access::session_name;
use crate::calls::unseen;

/// Looks at zone and server until both differ from before, or their time is up. What was seen is kept either way.
pub async fn prove_failover(s: Shared, context: Context) -> Result<(), StepError> {
    let rds = s.rds().await;
    let before = s.before()?;
    let id = &before.identifier;
    let every = s.params.probe.api_interval;
    // The minutes are for AWS, which shows the other zone late; an abandoned request changes nothing any more.
    let _ = wait_for("the zone to change", every, s.options.zone_limit(&s.params), || async {
        let now = rds.describe(id).await?;
        context.observe("instance-after", &now);
        if now.zone != before.zone {
            return Ok(());
        }
        let abandoned = events(&s, &context).await?.iter().any(EventView::is_abandoned_failover);
        if abandoned { Ok(()) } else { Err(Unmoved::Zone(now.zone.unwrap_or_default())) }
    })
    .await;
    let server = s.server()?;
    let asked = wait_for(
        "an answer from the server",
        Duration::from_millis(100),
        Duration::from_secs(10),
        || async {
            let session = server.connect(&session_name(&s.params, "witness"), Duration::from_secs(3)).await?;
            let witness: ServerWitness = server_witness(&session).await?;
            session.close().await;
            Ok::<_, PgError>(witness)
        },
    )
    .await;
    match asked {
        Ok(witness) => context.observe("server-after", witness),
        Err(error) => context.observe("server-after-error", error.to_string()),
    }
    Ok(())
}

#[derive(Debug, thiserror::Error)]
enum Unmoved {
    #[error("zone {0}")]
    Zone(String),
    #[error(transparent)]
    Aws(#[from] AwsError),
}

/// The events since the fault call, kept for the record.
async fn events(s: &Shared, context: &Context) -> Result<Vec<EventView>, AwsError> {
    // The control plane's clock may be a little behind.
    let since_fault = context.now().since(s.asked_at()) + Duration::from_secs(2);
    let found = s.rds().await.events(&s.target.identifier, OffsetDateTime::now_utc() - since_fault).await?;
    context.observe("events", &found);
    Ok(found)
}

pub async fn read_back(s: Shared, context: Context) -> Result<(), StepError> {
    context.mark("observed-until");
    context.probes().stop().await;
    context.save_ledger().await?;
    context.observe("probing", "ended");
    if let Err(error) = events(&s, &context).await {
        context.observe("events-error", error.to_string());
    }
    let Some(table) = s.table() else { return Ok(()) };
    let server = s.server()?;
    let name = session_name(&s.params, "read-back");
    let read = wait_for("the ledger", Duration::from_millis(200), Duration::from_secs(10), || {
        table.read_back(&server, &name)
    })
    .await;
    match read {
        Ok(rows) => {
            for writer in rows {
                context.read_back(writer);
            }
            context.save_ledger().await?;
            context.observe("read-back", "done");
        }
        Err(error) => context.observe("read-back", error.to_string()),
    }
    Ok(())
}

/// Waits for Multi-AZ; that it did not come back is a missed check and no error.
pub async fn await_standby(s: Shared, context: Context) -> Result<(), StepError> {
    let rds = s.rds().await;
    let before = s.before()?;
    let every = s.params.probe.api_interval;
    let whole = wait_for("Multi-AZ to be whole", every, s.options.standby_limit(&s.params), || async {
        let now = match rds.describe(&before.identifier).await {
            Ok(now) => now,
            Err(error) => return unseen(&error, &format!("`{}`", before.identifier)),
        };
        context.observe("instance-at-end", &now);
        match (&now.secondary_zone, now.status.as_str(), now.multi_az) {
            (Some(_), "available", true) => Ok(Ok(())),
            // A stand-in that never showed one: there is nothing to wait for.
            (None, "available", true) if before.secondary_zone.is_none() => Ok(Ok(())),
            (zone, status, multi_az) => Err(format!(
                "status {status}, MultiAZ {multi_az}, secondary zone {}",
                zone.as_deref().unwrap_or("none")
            )),
        }
    })
    .await;
    match whole {
        Ok(seen) => {
            seen?;
            context.observe("multi-az", "whole");
        }
        Err(error) => context.observe("multi-az", error.to_string()),
    }
    context.observe("control-plane-retries", rds.aws().retries());
    Ok(())
}
