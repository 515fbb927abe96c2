//! The promotion: the copy takes the source's name for a while, clients of the name watch, and the source gets it back.

use std::time::Duration;

use lifeboat_engine::{Context, StepError, wait_for};
use lifeboat_model::{Stream, UndoAction};
use lifeboat_targets::give_name;
use lifeboat_targets::postgres::{Canaries, PgError, Server, connect_probe};
use lifeboat_targets::rds::InstanceView;
use serde::{Deserialize, Serialize};

use crate::access::{end_sessions, instance_server};
use crate::restore::guard::CONNECT_LIMIT;
use crate::restore::scene::Scene;
use crate::restore::verify::read_canaries;
use crate::restore::writes;
use crate::streams;

/// The name has to answer for so long before an outage of it is over.
pub const STABLE_FOR: Duration = Duration::from_secs(1);

/// What the name stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// The DbiResourceId behind it.
    pub resource_id: String,
    /// The canaries that its endpoint shows.
    pub canaries: Canaries,
}

/// The name that the source has meanwhile.
pub fn name_aside(s: &Scene) -> String {
    s.name_beside("old")
}

pub fn undo_sessions(s: &Scene) -> Result<UndoAction, String> {
    let server = s.server().map_err(|error| error.to_string())?;
    Ok(end_sessions(&s.params, &server))
}

pub fn undo_source_name(s: &Scene) -> Result<UndoAction, String> {
    let source = s.source().map_err(|error| error.to_string())?;
    let (resource_id, name) = (source.resource_id, source.identifier);
    Ok(UndoAction::RestoreName { resource_id, name, patience_s: s.patience_s() })
}

pub fn undo_copy_name(s: &Scene) -> Result<UndoAction, String> {
    let Some(copy) = s.copy() else {
        // Nothing will be renamed without a copy; that the source keeps its name is right in any case.
        return undo_source_name(s);
    };
    let (resource_id, name) = (copy.resource_id, s.copy_name());
    Ok(UndoAction::RestoreName { resource_id, name, patience_s: s.patience_s() })
}

/// Why the copy is not promoted; none if it may be.
async fn obstacle(
    s: &Scene,
    context: &Context,
    source: &Server,
    alone: bool,
) -> Result<Option<String>, PgError> {
    if !(s.known().proved && s.known().verified) {
        return Ok(Some("the copy is not proved to be the source at the moment".into()));
    }
    let Some(since) = s.known().written.clone() else { return Ok(Some("the moment is not known".into())) };
    let session = source.connect(&s.session("writes"), CONNECT_LIMIT).await?;
    let told = writes::none_by_others(&session, &since, alone).await;
    session.close().await;
    match told? {
        Ok(how) => {
            context.observe("writes-stopped", how);
            Ok(None)
        }
        Err(why) => Ok(Some(format!("writes_stopped is not so: {why}"))),
    }
}

/// Clients of the name begin to watch it, each with a fresh connection.
pub async fn start_probes(s: Scene, context: Context) -> Result<(), StepError> {
    let server = s.server()?;
    match obstacle(&s, &context, &server, false).await {
        Ok(None) => {}
        Ok(Some(why)) => {
            context.observe("not-promoted", why);
            return Ok(());
        }
        Err(error) => {
            return Err(StepError::Failed(format!("cannot look for writes on the source: {error}")));
        }
    }
    s.known().promoting = true;
    let probe = s.params.probe;
    context.observe("probe-interval-s", probe.interval.as_secs_f64());
    context.probes().start(connect_probe(server, &s.session("name"), 4, probe.interval, probe.deadline));
    streams::await_quiet(&context, &[Stream::Connect], STABLE_FOR).await
}

async fn name(s: &Scene, instance: &InstanceView, name: &str) -> Result<(), StepError> {
    let patience = Duration::from_secs(s.patience_s());
    let given = give_name(&s.rds().await, &instance.resource_id, name, patience).await;
    given.map(drop).map_err(|error| StepError::Indeterminate(format!("`{}`: {error}", instance.identifier)))
}

/// The source goes aside. Then nobody can reach it by its name any more, and a last look tells whether anybody wrote.
pub async fn rename_source(s: Scene, context: Context) -> Result<(), StepError> {
    if !s.known().promoting {
        return Ok(());
    }
    let (rds, source) = (s.rds().await, s.source()?);
    context.mark("swap-begun");
    name(&s, &source, &name_aside(&s)).await?;
    // Where the plan gives the way to the server itself, that way goes by the name.
    if s.target.host.is_none() && s.target.port.is_none() {
        let aside = rds.find_by_resource_id(&source.resource_id).await;
        let aside = aside.map_err(StepError::indeterminate)?.unwrap_or_else(|| source.clone());
        let server = instance_server(&s.params, &s.target, &aside).map_err(StepError::indeterminate)?;
        let looked = wait_for("the source under its other name", s.every(), s.give_up(), || {
            // The rename restarted it: whoever was in is out.
            obstacle(&s, &context, &server, true)
        });
        if let Some(why) = looked.await.map_err(StepError::indeterminate)? {
            context.observe("not-promoted", why);
            s.known().promoting = false;
        }
    }
    Ok(())
}

pub async fn rename_copy(s: Scene, _: Context) -> Result<(), StepError> {
    match s.copy() {
        Some(copy) if s.known().promoting => name(&s, &copy, &s.source()?.identifier).await,
        _ => Ok(()),
    }
}

/// Asks until the name stands for an instance and shows its canaries, and answers for a while. Ends as done in every
/// case.
async fn observe_name(
    s: &Scene,
    context: &Context,
    as_what: &str,
    resource_id: &str,
) -> Result<(), StepError> {
    let (rds, server, id) = (s.rds().await, s.server()?, s.source()?.identifier);
    let asked = wait_for(format!("`{id}` to be {resource_id}"), s.every(), s.give_up(), || async {
        let found = rds.find(&id).await.map_err(|error| error.to_string())?;
        let found = found.ok_or_else(|| "no instance has the name".to_owned())?;
        if found.resource_id != resource_id || found.status != "available" {
            return Err(format!("it is {} and {}", found.resource_id, found.status));
        }
        let canaries = read_canaries(s, &server).await?;
        Ok(Served { resource_id: found.resource_id, canaries })
    });
    match asked.await {
        Ok(served) => context.observe(as_what, served),
        Err(error) => context.observe(&format!("{as_what}-error"), error.to_string()),
    }
    streams::await_quiet(context, &[Stream::Connect], STABLE_FOR).await.map_err(StepError::indeterminate)
}

pub async fn prove_promotion(s: Scene, context: Context) -> Result<(), StepError> {
    if let Some(copy) = s.copy().filter(|_| s.known().promoting) {
        observe_name(&s, &context, "promoted", &copy.resource_id).await?;
        context.mark("promotion-observed");
    }
    Ok(())
}

pub async fn swap_back(s: Scene, context: Context) -> Result<(), StepError> {
    let (Some(copy), source) = (s.copy(), s.source()?) else { return Ok(()) };
    context.mark("swap-back-begun");
    name(&s, &copy, &s.copy_name()).await?;
    name(&s, &source, &source.identifier).await
}

pub async fn prove_source(s: Scene, context: Context) -> Result<(), StepError> {
    if s.known().promoting {
        observe_name(&s, &context, "swapped-back", &s.source()?.resource_id).await?;
        context.mark("observed-until-swapped-back");
    }
    Ok(())
}
