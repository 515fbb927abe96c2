//! The snapshot: one that is there, or one of the drill's own.

use std::time::Duration;

use lifeboat_engine::{Context, Step, StepError, wait_for};
use lifeboat_model::{Phase, UndoAction};
use lifeboat_targets::RUN_TAG;
use lifeboat_targets::postgres::validate::{Since, write_marks};
use lifeboat_targets::postgres::{PgError, server_clock};
use serde::Deserialize;

use crate::access::act;
use crate::restore::canaries;
use crate::restore::scene::Scene;

/// The option that only this drill has.
#[derive(Debug, Clone, Default, Deserialize)]
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
    let session = canaries::open(&s).await?;
    canaries::write(&s, &session, canaries::BEFORE).await?;
    let at = server_clock(&session).await.map_err(lost)?;
    let marks = write_marks(&session).await.map_err(lost)?;
    let tags = s.tags();
    let ours = async || {
        let found = rds.find_snapshot(&name).await?;
        Ok(found.is_some_and(|found| found.tag(RUN_TAG) == Some(&s.params.run_id)))
    };
    let asked = rds.aws().change(|| rds.create_snapshot(&source.identifier, &name, &tags), &ours).await;
    match asked {
        Ok(_) => {}
        // A call that was made again after a lost answer finds what the first one made.
        Err(error) if error.code.starts_with("DBSnapshotAlreadyExists") && ours().await.unwrap_or(false) => {
            rds.aws().count_retry(&error);
        }
        Err(error) => return Err(error.ends_step(format!("snapshot `{name}` was not accepted"))),
    }
    context.created("db-snapshot", &name).await?;
    let made = wait_for(format!("snapshot `{name}`"), s.every(), s.give_up(), || async {
        match rds.find_snapshot(&name).await {
            Ok(Some(found)) if found.status == "available" => Ok(found),
            Ok(Some(found)) => Err(format!("status {}", found.status)),
            Ok(None) => Err("no such snapshot".into()),
            Err(error) => Err(error.to_string()),
        }
    });
    let made = made.await.map_err(StepError::indeterminate)?;
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

pub async fn destroy_canaries(s: Scene, context: Context) -> Result<(), StepError> {
    canaries::destroy(s.clone(), context).await?;
    s.known(|known| known.ready = true);
    Ok(())
}
