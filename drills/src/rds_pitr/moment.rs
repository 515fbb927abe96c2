//! The moment: chosen between two canaries, left behind by a disaster, waited for.

use std::time::Duration;

use lifeboat_engine::{Context, StepError, wait_for};
use lifeboat_targets::postgres::validate::{Since, write_marks};
use lifeboat_targets::postgres::{PgError, alone_of_run, server_clock, write_state};

use crate::access;
use crate::calls::unseen;
use crate::restore::canaries;
use crate::restore::measure::Sampled;
use crate::restore::moment::{Gap, MARGIN, first_moment};
use crate::restore::scene::Scene;
use crate::same;

/// How long the server's clock gets to pass the moment: it is at most two seconds ahead.
const CLOCK_LIMIT: Duration = Duration::from_secs(15);

/// Commits canaries, leaves a gap with a whole second in it, and commits more.
pub async fn choose_moment(s: Scene, context: Context) -> Result<(), StepError> {
    let lost = |error: PgError| StepError::Failed(format!("the source does not answer: {error}"));
    let session = canaries::open(&s).await?;
    // What the drill has written by now is not to look like somebody's later on.
    alone_of_run(&session, &access::session_prefix(&s.params)).await.map_err(StepError::Failed)?;
    canaries::write(&s, &session, canaries::BEFORE).await?;
    let after = server_clock(&session).await.map_err(lost)?;
    let at = first_moment(after);
    let marks = write_marks(&session).await.map_err(lost)?;
    let written = write_state(&session).await.map_err(lost)?;
    wait_for("the server's clock", Duration::from_millis(20), CLOCK_LIMIT, || async {
        match server_clock(&session).await {
            Ok(now) if now >= at + MARGIN => Ok(()),
            Ok(now) => Err(now.to_string()),
            Err(error) => Err(error.to_string()),
        }
    })
    .await
    .map_err(StepError::failed)?;
    let before = server_clock(&session).await.map_err(lost)?;
    let gap = Gap { after, at, before };
    if !gap.holds() {
        return Err(StepError::Failed(format!(
            "the server's clock jumped while the moment was chosen: {gap:?}"
        )));
    }
    canaries::write(&s, &session, canaries::AFTER).await?;
    session.close().await;
    context.observe("moment", gap);
    context.observe("api-interval-s", s.every().as_secs_f64());
    s.expect(&context, Some(canaries::untouched(canaries::BEFORE)));
    let since = Since { at, marks: Some(marks) };
    s.known(|known| (known.since, known.written) = (Some(since), Some(written)));
    Ok(())
}

/// The disaster, with what could be restored just before and after it.
pub async fn destroy_canaries(s: Scene, context: Context) -> Result<(), StepError> {
    let (rds, source) = (s.rds().await, s.source()?);
    let look = async || same::instance(&rds, &source).await.map(|now| now.restorable_until);
    let before = look().await?;
    canaries::destroy(s.clone(), context.clone()).await?;
    let after = look().await.map_err(StepError::indeterminate)?;
    if let (Some(before), Some(after)) = (before, after) {
        context.observe("restorable-at-the-disaster", Sampled { before, after });
    }
    Ok(())
}

/// Waits until the moment can be restored. Ends as done in every case: what came of it is for the checks to say.
pub async fn await_restorable(s: Scene, context: Context) -> Result<(), StepError> {
    let (rds, source) = (s.rds().await, s.source()?);
    let Some(at) = s.known(|known| known.since.as_ref().map(|since| since.at)) else { return Ok(()) };
    let reached = wait_for(format!("LatestRestorableTime to reach {at}"), s.every(), s.give_up(), || async {
        let found = match rds.find(&source.identifier).await {
            Ok(found) => found,
            Err(error) => return unseen(&error, &format!("`{}`", source.identifier)),
        };
        let seen = match found {
            Some(seen) if seen.resource_id == source.resource_id => seen,
            // That it is another one stays so.
            _ => match same::instance(&rds, &source).await {
                Ok(seen) => seen,
                Err(changed) => return Ok(Err(changed)),
            },
        };
        match seen.restorable_until {
            Some(until) if until >= at => Ok(Ok(())),
            Some(until) => Err(format!("it is {until}")),
            None => Err("the instance shows none".into()),
        }
    })
    .await;
    match reached {
        Ok(Err(error)) => return Err(error),
        Ok(Ok(())) => {
            context.mark("restorable");
            s.known(|known| known.ready = true);
        }
        Err(error) => context.observe("restorable-error", error.to_string()),
    }
    context.mark("observed-until");
    Ok(())
}
