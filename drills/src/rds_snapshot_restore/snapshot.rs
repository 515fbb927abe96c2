//! The snapshot: one that is there, or one of the drill's own.

use std::time::Duration;

use lifeboat_engine::{Context, Makes, Step, StepError, wait_for};
use lifeboat_model::{Phase, UndoAction};
use lifeboat_targets::Claim;
use lifeboat_targets::postgres::validate::{Since, write_marks};
use lifeboat_targets::postgres::{PgError, server_clock};
use lifeboat_targets::rds::{Rds, SnapshotView};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::access::act;
use crate::calls::{Answer, unseen};
use crate::restore::canaries;
use crate::restore::scene::Scene;
use crate::same;

/// The option that only this drill has.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Own {
    snapshot: Option<String>,
}

/// Which snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    LatestAutomated,
    Fresh,
    Named(String),
}

impl Own {
    pub fn choice(self) -> Choice {
        match self.snapshot.as_deref() {
            None | Some("latest-automated") => Choice::LatestAutomated,
            Some("fresh") => Choice::Fresh,
            Some(name) => Choice::Named(name.into()),
        }
    }
}

fn name(s: &Scene) -> String {
    s.name_beside("sn")
}

pub fn create_step(s: &Scene) -> Step {
    let (name, of_undo) = (name(s), s.clone());
    Step::build(
        "create-snapshot",
        Phase::Steady,
        format!("commit canaries, make snapshot `{name}`, commit more canaries"),
        s.give_up() + s.params.probe.notice * 4 + Duration::from_secs(60),
        act(s, create),
    )
    .undo(format!("delete `{name}`, if it carries this run's tag"), move || {
        Ok(UndoAction::DeleteSnapshot {
            snapshot: self::name(&of_undo),
            run: of_undo.params.run_id.clone(),
            patience_s: of_undo.patience_s(),
        })
    })
    .makes(Makes { what: "a DB snapshot, with the storage that it takes", restored: false })
}

pub fn choose_step(s: &Scene, choice: Choice) -> Step {
    let what = match &choice {
        Choice::Named(name) => format!("look up snapshot `{name}`; commit canaries that it cannot hold"),
        _ => "look up the latest automated snapshot; commit canaries that it cannot hold".to_owned(),
    };
    let shared = s.clone();
    Step::build("choose-snapshot", Phase::Steady, what, Duration::from_secs(60), move |context| {
        choose(shared, context, choice)
    })
    .no_undo("the canaries go with their schema")
}

fn lost(error: PgError) -> StepError {
    StepError::Failed(format!("the source does not answer: {error}"))
}

async fn choose(s: Scene, context: Context, choice: Choice) -> Result<(), StepError> {
    let (rds, source) = (s.rds().await, s.source()?);
    let id = &source.identifier;
    let (found, what) = match &choice {
        Choice::Named(name) => (rds.find_snapshot(name).await, format!("a snapshot `{name}`")),
        _ => {
            let found = rds.latest_automated_snapshot(&source.resource_id).await;
            (found, "an automated snapshot".to_owned())
        }
    };
    let found = found.map_err(|error| error.ends_step("cannot look snapshots up"))?.ok_or_else(|| {
        StepError::Unmet(format!(
            "cannot restore `{id}`: it does not have {what}; make one, or use snapshot = \"fresh\""
        ))
    })?;
    let of_another = !found.source_resource_id.is_empty() && found.source_resource_id != source.resource_id;
    if of_another || found.status != "available" {
        let text = format!(
            "cannot restore `{id}`: snapshot `{}` is of `{}` and {}",
            found.identifier, found.source, found.status
        );
        return Err(StepError::Unmet(text));
    }
    let taken = found.taken.ok_or_else(|| {
        StepError::Failed(format!("snapshot `{}` does not say when it was taken", found.identifier))
    })?;
    let session = canaries::open(&s).await?;
    canaries::write(&s, &session, *canaries::BEFORE.start()..=*canaries::AFTER.end()).await?;
    session.close().await;
    context.observe("snapshot", &found);
    context.observe("api-interval-s", s.every().as_secs_f64());
    s.expect(&context, None);
    let since = Since { at: taken, marks: None };
    s.known(|known| (known.since, known.snapshot) = (Some(since), Some(found.identifier)));
    Ok(())
}

async fn create(s: Scene, context: Context) -> Result<(), StepError> {
    let (rds, source, name) = (s.rds().await, s.source()?, name(&s));
    let taken =
        rds.find_snapshot(&name).await.map_err(|error| error.ends_step("cannot look snapshots up"))?;
    if let Some(other) = taken {
        return Err(StepError::Failed(format!(
            "cannot make snapshot `{name}`: there is one of that name already ({}), which this run did not make and left \
             alone; see whose it is, and run the drill again",
            other.arn
        )));
    }
    let session = canaries::open(&s).await?;
    canaries::write(&s, &session, canaries::BEFORE).await?;
    let at = server_clock(&session).await.map_err(lost)?;
    let marks = write_marks(&session).await.map_err(lost)?;
    let tags = s.tags();
    let may_be_ours = async || {
        let Some(found) = rds.find_snapshot(&name).await? else { return Ok(false) };
        Ok(!matches!(rds.claim_snapshot(&found, &s.params.run_id).await?, Claim::Not(_)))
    };
    same::instance(&rds, &source).await?;
    let answer = Answer::new();
    let call = || answer.keep(rds.create_snapshot(&source.identifier, &name, &tags));
    let asked = rds.aws().change(call, &may_be_ours).await;
    asked.map_err(|error| error.ends_step(format!("snapshot `{name}` was not accepted")))?;
    if let Some(snapshot) = answer.given() {
        bind(&s, &context, &snapshot).await?;
    }
    let made = wait_for(format!("snapshot `{name}`"), s.every(), s.give_up(), || async {
        match rds.find_snapshot(&name).await {
            Ok(Some(found)) if found.status == "available" => Ok(is_own(&s, &rds, found).await),
            Ok(Some(found)) => Err(format!("status {}", found.status)),
            Ok(None) => Err("no such snapshot".into()),
            Err(error) => unseen(&error, &format!("snapshot `{name}`")),
        }
    });
    let made = made.await.map_err(StepError::indeterminate)??;
    bind(&s, &context, &made).await?;
    context.created("db-snapshot", format!("{name} ({})", made.arn)).await?;
    canaries::write(&s, &session, canaries::AFTER).await.map_err(StepError::indeterminate)?;
    session.close().await;
    context.observe("snapshot", made);
    context.observe("snapshot-is-fresh", true);
    context.observe("api-interval-s", s.every().as_secs_f64());
    s.expect(&context, Some(canaries::untouched(canaries::BEFORE)));
    let since = Since { at, marks: Some(marks) };
    s.known(|known| (known.since, known.snapshot) = (Some(since), Some(name)));
    Ok(())
}

/// Journals which snapshot it is: by its time of making, once it is whole.
async fn bind(s: &Scene, context: &Context, made: &SnapshotView) -> Result<(), StepError> {
    let name = name(s);
    let deletes = |action: &UndoAction| matches!(action, UndoAction::DeleteSnapshot { snapshot, .. } if *snapshot == name);
    context.bind(deletes, made.made()).await
}

/// The snapshot, if it is the run's: of its target, with its tag, and not older.
async fn is_own(s: &Scene, rds: &Rds, found: SnapshotView) -> Result<SnapshotView, StepError> {
    let what = format!("snapshot `{}`", found.identifier);
    let claim = rds.claim_snapshot(&found, &s.params.run_id).await;
    match claim.map_err(|error| StepError::indeterminate(format!("cannot tell whose {what} is: {error}")))? {
        Claim::Ours if found.source_resource_id == s.source()?.resource_id => Ok(found),
        Claim::Ours => {
            Err(StepError::Indeterminate(format!("{what} is of another instance; it was left alone")))
        }
        Claim::NotYet(why) | Claim::Not(why) => {
            Err(StepError::Indeterminate(format!("{what} is not this run's: {why}; it was left alone")))
        }
    }
}

pub async fn destroy_canaries(s: Scene, context: Context) -> Result<(), StepError> {
    canaries::destroy(s.clone(), context).await?;
    s.known(|known| known.ready = true);
    Ok(())
}
