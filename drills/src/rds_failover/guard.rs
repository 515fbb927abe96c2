//! Guard, steady state and load.

use std::time::Duration;

use lifeboat_engine::{Context, StepError};
use lifeboat_model::{Provider, Stream};
use lifeboat_targets::postgres::{
    PgError, connection_limits, ledger_obstacles, open_sessions, server_witness,
};
use lifeboat_targets::rds::{InstanceView, api_probe};

use super::state::Shared;
use crate::access::{instance_server, released_instance, session_name};
use crate::same;
use crate::streams::{self, Slots};

/// How long a single connection may take outside the probes.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Fewer free connections than this, and four streams would take more than a tenth of them.
const LEAST_FREE: u32 = 40;

pub async fn identify_target(s: Shared, context: Context) -> Result<(), StepError> {
    let rds = s.rds().await;
    let id = &s.target.identifier;
    let instance = released_instance(&s.params, &rds, &context, id, "instance-before").await?;
    if let Some(obstacle) = not_ready(&instance, s.params.environment.provider) {
        return Err(StepError::Unmet(format!("cannot fail over `{id}`: {obstacle}")));
    }
    s.set_before(instance);
    Ok(())
}

/// Why an instance must not be failed over now.
fn not_ready(instance: &InstanceView, provider: Provider) -> Option<String> {
    if !instance.multi_az {
        return Some("it is not Multi-AZ, so it has no standby; turn Multi-AZ on or drop the drill".into());
    }
    if instance.status != "available" {
        return Some(format!("its status is `{}`; run the drill when it is available", instance.status));
    }
    // Other stand-ins never show one, and the witnesses will tell what they are.
    if instance.secondary_zone.is_none() && provider == Provider::Sandbox {
        return Some("it shows no secondary zone: its standby is not whole; wait until it is".into());
    }
    if instance.pending_changes {
        return Some("it has pending changes that a reboot may apply; apply or cancel them first".into());
    }
    let group = instance.parameter_groups.iter().find(|(_, status)| status != "in-sync")?;
    Some(format!(
        "parameter group `{}` is `{}`, so a reboot would apply changes; reboot it first",
        group.0, group.1
    ))
}

pub async fn check_database(s: Shared, context: Context) -> Result<(), StepError> {
    let server = instance_server(&s.params, &s.target, &s.before()?)?;
    let at = server.address();
    let failed = |error: PgError| {
        let (user, advice) = (&s.target.user, error.advice());
        StepError::Failed(format!("cannot look at the database at {at} as `{user}`: {error}{advice}"))
    };
    let session = server.connect(&session_name(&s.params, "guard"), CONNECT_LIMIT).await.map_err(failed)?;
    let witness = server_witness(&session).await.map_err(failed)?;
    let obstacles = ledger_obstacles(&session).await.map_err(failed)?;
    let limits = connection_limits(&session).await.map_err(failed)?;
    let open = open_sessions(&session).await.map_err(failed)?;
    session.close().await;
    context.observe("server-before", &witness);
    context.observe("limits", limits);
    context.observe("open-sessions-before", open.server.saturating_sub(1));
    let obstacles = obstacles.describe();
    if s.table().is_some() && !obstacles.is_empty() {
        let text = format!(
            "a ledger table would do harm in database `{}`: {}; set probe = \"read\" on the target to measure reads only",
            s.target.database,
            obstacles.join("; ")
        );
        return Err(StepError::Unmet(text));
    }
    // The session of this look is closed again and counts as free.
    let (_, free) = limits.nearest(open);
    let free = free.saturating_add(1);
    if free < LEAST_FREE {
        let text = format!(
            "only {free} connections of {} are free at {at}; probing takes a tenth of them and needs {LEAST_FREE}",
            limits.max_connections
        );
        return Err(StepError::Unmet(text));
    }
    s.set_server(server, Slots::within(free));
    Ok(())
}

pub async fn create_ledger(s: Shared, context: Context) -> Result<(), StepError> {
    let Some(table) = s.table() else { return Ok(()) };
    same::instance(&s.rds().await, &s.before()?).await?;
    table.create(&s.server()?, &session_name(&s.params, "ledger")).await?;
    context.created("schema", table.schema()).await
}

pub async fn start_probes(s: Shared, context: Context) -> Result<(), StepError> {
    context.observe("probe-interval-s", s.params.probe.interval.as_secs_f64());
    let server = s.server()?;
    let health = s.target.app_health.as_deref();
    streams::start(&context, &s.params, &server, s.table(), s.slots()?, health)
        .map_err(StepError::Indeterminate)?;
    let rds = s.rds().await;
    let (every, limit) = (s.params.probe.api_interval, Duration::from_secs(5));
    context.probes().start(api_probe(rds, &s.target.identifier, every, limit));
    Ok(())
}

/// The streams must answer for a second without a failure: else what is measured is not the fault.
pub async fn confirm_steady_state(s: Shared, context: Context) -> Result<(), StepError> {
    let quiet = Duration::from_secs(1).max(s.params.probe.interval * 10);
    let mut wanted =
        vec![Stream::Read, Stream::Pinned, Stream::Connect, streams::leading(s.table().is_some())];
    wanted.extend(s.target.app_health.as_ref().map(|_| Stream::Http));
    streams::await_quiet(&context, &wanted, quiet).await
}
