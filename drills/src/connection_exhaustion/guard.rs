//! Guard and steady state.

use std::time::Duration;

use lifeboat_engine::{Context, StepError};
use lifeboat_model::{Stream, TargetEntry, TargetIdentity};
use lifeboat_targets::postgres::{
    PgError, Server, connect_probe, connection_limits, open_sessions, pinned_probe,
};
use lifeboat_targets::rds::Rds;
use lifeboat_targets::{Aws, http_probe};

use super::state::Shared;
use crate::access::{instance_server, may_harm, released_instance, session_name};
use crate::streams;

/// How long a single connection may take outside the probes.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

pub async fn identify_instance(s: Shared, context: Context) -> Result<(), StepError> {
    let TargetEntry::RdsInstance(target) = &s.params.target else {
        return Err(StepError::Failed("the target is no RDS instance".into()));
    };
    let id = &target.identifier;
    let rds = Rds::new(&Aws::connect(&s.params.environment).await);
    let found = released_instance(&s.params, &rds, &context, id, "instance").await;
    context.observe("control-plane-retries", rds.aws().retries());
    let instance = found?;
    if instance.status != "available" {
        let text =
            format!("the status of `{id}` is `{}`; run the drill when it is available", instance.status);
        return Err(StepError::Unmet(text));
    }
    s.set_server(instance_server(&s.params, target, &instance)?);
    s.set_instance(instance);
    Ok(())
}

pub async fn identify_server(s: Shared, context: Context) -> Result<(), StepError> {
    let TargetEntry::Postgres(target) = &s.params.target else {
        return Err(StepError::Failed("the target is no PostgreSQL server".into()));
    };
    crate::access::port(&s.params, &target.port).map_err(StepError::failed)?;
    let address = s.server()?.address();
    may_harm(&s.params, &address, None)?;
    context
        .identified(TargetIdentity {
            identifier: format!("{address}/{}", target.database),
            engine: Some("postgres".into()),
            endpoint: Some(address),
            ..TargetIdentity::default()
        })
        .await
}

/// The role must be one that applications could use, and something must be free.
pub async fn check_limits(s: Shared, context: Context) -> Result<(), StepError> {
    let server = s.server()?;
    let failed = |error| cannot_connect(&server, &error);
    let session = server.connect(&session_name(&s.params, "guard"), CONNECT_LIMIT).await.map_err(failed)?;
    let limits = connection_limits(&session).await.map_err(failed)?;
    let open = open_sessions(&session).await.map_err(failed)?;
    session.close().await;
    context.observe("limits", limits);
    if limits.may_use_reserve {
        let text = format!(
            "`{}` may take the connections that are reserved for administrators: use a role as applications have it",
            server.reference().user
        );
        return Err(StepError::Unmet(text));
    }
    let (scope, free) = limits.nearest(open);
    if free < 8 {
        let text =
            format!("only {free} of {} connections are free: it is exhausted already", limits.of(scope));
        return Err(StepError::Unmet(text));
    }
    context.observe("limit-scope", scope);
    s.set_limits(limits, scope);
    Ok(())
}

/// Opens the connection that watches; it is kept until the sessions are counted at the very end.
pub async fn open_watcher(s: Shared, context: Context) -> Result<(), StepError> {
    s.still_the_same().await?;
    let server = s.server()?;
    let failed = |error| cannot_connect(&server, &error);
    let watcher = server.connect(&session_name(&s.params, "watch"), CONNECT_LIMIT).await.map_err(failed)?;
    let open = open_sessions(&watcher).await.map_err(failed)?.of(s.scope()?);
    context.observe("open-sessions-before", open);
    s.set_watcher(watcher, open);
    Ok(())
}

fn cannot_connect(server: &Server, error: &PgError) -> StepError {
    let (at, user) = (server.address(), &server.reference().user);
    StepError::Failed(format!("cannot connect to {at} as `{user}`: {error}{}", error.advice()))
}

/// A fresh connection and a held one, as an application has them, from before the climb to after the release.
pub async fn start_probes(s: Shared, context: Context) -> Result<(), StepError> {
    s.still_the_same().await?;
    let server = s.server()?;
    let (interval, deadline) = (s.params.probe.interval, s.params.probe.deadline);
    let probes = context.probes();
    context.observe("probe-interval-s", interval.as_secs_f64());
    context.observe("stable-for-s", s.options.stable_for().as_secs_f64());
    probes.start(connect_probe(server.clone(), &session_name(&s.params, "fresh"), 2, interval, deadline));
    probes.start(pinned_probe(server, &session_name(&s.params, "held"), interval, deadline));
    let health = s.params.target.app_health();
    if let Some(address) = health {
        let every = s.params.probe.api_interval;
        probes.start(http_probe(address, every, Duration::from_secs(2)).map_err(StepError::Indeterminate)?);
    }
    let mut wanted = vec![Stream::Connect, Stream::Pinned];
    wanted.extend(health.map(|_| Stream::Http));
    let quiet = Duration::from_millis(500).max(interval * 5);
    streams::await_quiet(&context, &wanted, quiet).await
}
