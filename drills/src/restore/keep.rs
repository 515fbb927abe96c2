//! A copy that stays.

use lifeboat_engine::{Context, StepError, wait_for};
use lifeboat_targets::rds::InstanceView;
use lifeboat_targets::{AwsError, EXPIRES_TAG};

use super::scene::Scene;
use crate::same;

/// What every tag of a drill begins with.
const TAGS: &str = "lifeboat:";

/// Says in the journal that the copy is not to be deleted, and takes the drill's tags off it. First goes the one without which
/// nobody but who has the journal deletes it; the one by which an undo knows it stays until the undo is not needed.
pub async fn keep_copy(s: Scene, context: Context) -> Result<(), StepError> {
    // One that nobody could open is proved to be nothing, and not kept.
    let (Some(copy), Some(_)) = (s.copy(), s.copy_server()) else { return Ok(()) };
    take_tags_off(&s, &copy, |key| key == EXPIRES_TAG).await?;
    context.keep(s.deletes_copy(), "the plan keeps it").await?;
    context.observe("kept", &copy.identifier);
    take_tags_off(&s, &copy, |key| key.starts_with(TAGS)).await
}

/// Takes some of the drill's tags off the copy, and waits until they do not show any more.
///
/// # Errors
/// If they could not be taken off, or still show.
pub async fn take_tags_off(s: &Scene, copy: &InstanceView, which: fn(&str) -> bool) -> Result<(), StepError> {
    let rds = s.rds().await;
    same::instance(&rds, copy).await?;
    let there = async || {
        let now = rds.describe(&copy.identifier).await?;
        let keys = now.tags.into_iter().map(|(key, _)| key).filter(|key| which(key));
        Ok::<Vec<String>, AwsError>(keys.collect())
    };
    let cannot = "cannot take the drill's tags off the copy";
    let keys = there().await.map_err(|error| error.ends_step(cannot))?;
    if !keys.is_empty() {
        rds.aws()
            .change(|| rds.remove_tags(&copy.arn, &keys), || async { Ok(there().await?.is_empty()) })
            .await
            .map_err(|error| error.ends_step(cannot))?;
    }
    wait_for("the drill's tags to be off the copy", s.every(), s.give_up(), || async {
        match there().await {
            Ok(left) if left.is_empty() => Ok(()),
            Ok(left) => Err(left.join(", ")),
            Err(error) => Err(error.to_string()),
        }
    })
    .await
    .map_err(StepError::indeterminate)
}
