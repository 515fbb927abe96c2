//! The promotion: the copy takes the source's name for a while, clients of the name watch, and the source gets it back.
//!
//! What clients write while the copy has the name is only in the copy. It is not brought to the source; a copy that holds
//! such writes, or may, is kept.

use std::time::Duration;

use lifeboat_engine::{Context, StepError, wait_for};
use lifeboat_model::{Stream, UndoAction, WriteState};
use lifeboat_targets::postgres::{
    Canaries, PgError, Server, Told, connect_probe, settled_write_state, written_since,
};
use lifeboat_targets::rds::InstanceView;
use lifeboat_targets::{EXPIRES_TAG, give_name};
use serde::{Deserialize, Serialize};

use crate::access::{end_sessions, instance_server};
use crate::calls::unseen;
use crate::restore::copy::server_of;
use crate::restore::guard::CONNECT_LIMIT;
use crate::restore::keep::take_tags_off;
use crate::restore::scene::Scene;
use crate::restore::verify::read_canaries;
use crate::same;
use crate::streams;

/// What the drill itself writes to the source after the moment: canaries, the disaster, and the two canaries around the
/// restore call.
const OWN_TRANSACTIONS: i64 = 5;

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

/// Where nothing is promoted, nobody can meet the copy, and it is deleted as planned: there is nothing to guard then, and
/// that the sessions end is right in any case.
pub fn undo_guard(s: &Scene) -> Result<UndoAction, String> {
    if s.known(|known| known.promoting) { s.undo_promoted_copy() } else { undo_sessions(s) }
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

/// Whether anybody wrote to the source since the moment, and with that whether the copy may be promoted.
async fn writes_of_others(s: &Scene, source: &Server, alone: bool) -> Result<Told, PgError> {
    if !s.known(|known| known.proved && known.verified) {
        return Ok(Told::Unclear("the copy is not proved to be the source at the moment".into()));
    }
    let Some(since) = s.known(|known| known.written.clone()) else {
        return Ok(Told::Unclear("the moment is not known".into()));
    };
    let session = source.connect(&s.session("writes"), CONNECT_LIMIT).await?;
    let told = written_since(&session, &since, OWN_TRANSACTIONS, alone).await;
    session.close().await;
    told
}

/// Says what was seen; whether the copy is promoted.
fn goes_on(context: &Context, told: Told) -> bool {
    match told {
        Told::Nobody(how) => {
            context.observe("writes-stopped", how);
            return true;
        }
        Told::Somebody(why) => context.observe("not-promoted", format!("writes_stopped is not so: {why}")),
        Told::Unclear(why) => context.observe("promotion-unclear", why),
    }
    false
}

/// Clients of the name begin to watch it, each with a fresh connection.
pub async fn start_probes(s: Scene, context: Context) -> Result<(), StepError> {
    let server = s.server()?;
    same::instance(&s.rds().await, &s.source()?).await?;
    let told = writes_of_others(&s, &server, false).await;
    let told =
        told.map_err(|error| StepError::Failed(format!("cannot look for writes on the source: {error}")))?;
    if !goes_on(&context, told) {
        return Ok(());
    }
    let Some(copy) = s.copy_server() else { return Ok(()) };
    let cannot = |error: PgError| StepError::Failed(format!("cannot look at the copy: {error}"));
    let session = copy.connect(&s.session("writes"), CONNECT_LIMIT).await.map_err(cannot)?;
    let untouched = settled_write_state(&session).await.map_err(cannot)?;
    session.close().await;
    s.known(|known| (known.promoting, known.untouched) = (true, Some(untouched)));
    let probe = s.params.probe;
    context.observe("probe-interval-s", probe.interval.as_secs_f64());
    context.probes().start(connect_probe(server, &s.session("name"), 4, probe.interval, probe.deadline));
    streams::await_quiet(&context, &[Stream::Connect], STABLE_FOR).await
}

/// From here on the copy is deleted only if nobody has written to it: the undo of this step says so, and takes the place
/// of the one that would delete it in any case.
pub async fn guard_copy(s: Scene, context: Context) -> Result<(), StepError> {
    if !s.known(|known| known.promoting) {
        return Ok(());
    }
    // From here on it may hold what nothing else does, and only who has the journal can tell: nobody else is to delete it.
    let Some(copy) = s.copy() else { return Ok(()) };
    // This step's own undo as well.
    context.bind(s.deletes_copy(), copy.made()).await?;
    take_tags_off(&s, &copy, |key| key == EXPIRES_TAG).await?;
    let name = s.copy_name();
    let in_any_case = |action: &UndoAction| matches!(action, UndoAction::DeleteInstance { instance, .. } if *instance == name);
    context.keep(in_any_case, "it is deleted later, unless others have written to it").await
}

async fn name(s: &Scene, instance: &InstanceView, name: &str) -> Result<(), StepError> {
    let patience = Duration::from_secs(s.patience_s());
    let given = give_name(&s.rds().await, &instance.resource_id, name, patience).await;
    given.map(drop).map_err(|error| StepError::Indeterminate(format!("`{}`: {error}", instance.identifier)))
}

/// The source goes aside. Then nobody can reach it by its name any more, and a last look tells whether anybody wrote.
pub async fn rename_source(s: Scene, context: Context) -> Result<(), StepError> {
    if !s.known(|known| known.promoting) {
        return Ok(());
    }
    let (rds, source) = (s.rds().await, s.source()?);
    same::instance(&rds, &source).await?;
    context.mark("swap-begun");
    name(&s, &source, &name_aside(&s)).await?;
    let aside = rds.find_by_resource_id(&source.resource_id).await;
    let aside = aside.map_err(StepError::indeterminate)?.unwrap_or(source);
    let server = instance_server(&s.params, &s.target, &aside).map_err(StepError::indeterminate)?;
    let looked = wait_for("the source under its other name", s.every(), s.give_up(), || {
        // The rename restarted it: whoever was in is out.
        writes_of_others(&s, &server, true)
    });
    if !goes_on(&context, looked.await.map_err(StepError::indeterminate)?) {
        s.known(|known| known.promoting = false);
    }
    Ok(())
}

pub async fn rename_copy(s: Scene, _: Context) -> Result<(), StepError> {
    match s.copy() {
        Some(copy) if s.known(|known| known.promoting) => name(&s, &copy, &s.source()?.identifier).await,
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
        let found = match rds.find(&id).await {
            Ok(found) => found.ok_or_else(|| "no instance has the name".to_owned())?,
            Err(error) => return unseen(&error, &format!("`{id}`")),
        };
        if found.resource_id != resource_id || found.status != "available" {
            return Err(format!("it is {} and {}", found.resource_id, found.status));
        }
        let canaries = read_canaries(s, &server).await?;
        Ok(Ok(Served { resource_id: found.resource_id, canaries }))
    });
    match asked.await {
        Ok(served) => context.observe(as_what, served?),
        Err(error) => context.observe(&format!("{as_what}-error"), error.to_string()),
    }
    streams::await_quiet(context, &[Stream::Connect], STABLE_FOR).await.map_err(StepError::indeterminate)
}

pub async fn prove_promotion(s: Scene, context: Context) -> Result<(), StepError> {
    if let Some(copy) = s.copy().filter(|_| s.known(|known| known.promoting)) {
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
    if s.known(|known| known.promoting) {
        observe_name(&s, &context, "swapped-back", &s.source()?.resource_id).await?;
        context.mark("observed-until-swapped-back");
    }
    Ok(())
}

/// Looks whether anybody wrote to the copy while it had the name. Ends as done in every case.
pub async fn prove_copy(s: Scene, context: Context) -> Result<(), StepError> {
    let Some(copy) = s.copy().filter(|_| s.known(|known| known.promoting)) else { return Ok(()) };
    let Some(untouched) = s.known(|known| known.untouched.clone()) else { return Ok(()) };
    let rds = s.rds().await;
    let looked = wait_for("the copy under its own name", s.every(), s.give_up(), || async {
        let found = rds.find_by_resource_id(&copy.resource_id).await.map_err(|error| error.to_string())?;
        let found = found.filter(|found| found.identifier == s.copy_name());
        let found = found.ok_or_else(|| "it does not have its name".to_owned())?;
        let server = server_of(&s, &found).map_err(|error| error.to_string())?;
        match written_to_copy(&s, &server, &untouched).await {
            Err(error) if error.is_passing() => Err(error.to_string()),
            settled => Ok((settled, server.address())),
        }
    });
    let (told, at) = match looked.await {
        Ok((Ok(told), at)) => (told, Some(at)),
        Ok((Err(error), at)) => (Told::Unclear(error.to_string()), Some(at)),
        Err(error) => (Told::Unclear(error.to_string()), None),
    };
    context.observe("writes-to-the-copy", CopyWrites { copy: s.copy_name(), at, told });
    Ok(())
}

async fn written_to_copy(s: &Scene, copy: &Server, untouched: &WriteState) -> Result<Told, PgError> {
    let session = copy.connect(&s.session("writes"), CONNECT_LIMIT).await?;
    // Clients that know its address by heart may have come back after the rename.
    let told = written_since(&session, untouched, 0, false).await;
    session.close().await;
    told
}

/// What others wrote to the copy while it had the source's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyWrites {
    /// The copy's own name.
    pub copy: String,
    /// Where it answers under that name; `None` if it did not.
    pub at: Option<String>,
    /// Whether anybody did.
    pub told: Told,
}
