//! A copy that stays.

use lifeboat_engine::{Context, StepError};

use super::scene::Scene;

/// What every tag of a drill begins with.
const TAGS: &str = "lifeboat:";

/// Takes the canaries and, last of all, the tags off the copy: without them it is not this run's any more, and its undo
/// leaves it alone.
pub async fn keep_copy(s: Scene, context: Context) -> Result<(), StepError> {
    let (Some(copy), Some(server)) = (s.copy(), s.copy_server()) else { return Ok(()) };
    let dropped = s.canaries.drop_on_copy(&server, &s.session("keep")).await;
    dropped.map_err(|error| {
        StepError::Indeterminate(format!("the copy still has the drill's canaries: {error}"))
    })?;
    let rds = s.rds().await;
    let of_drill = async || {
        let now = rds.describe(&copy.identifier).await?;
        let keys = now.tags.into_iter().map(|(key, _)| key).filter(|key| key.starts_with(TAGS));
        Ok::<Vec<String>, lifeboat_targets::AwsError>(keys.collect())
    };
    let cannot = "cannot take the drill's tags off the copy";
    let keys = of_drill().await.map_err(|error| error.ends_step(cannot))?;
    rds.aws()
        .change(|| rds.remove_tags(&copy.arn, &keys), || async { Ok(of_drill().await?.is_empty()) })
        .await
        .map_err(|error| error.ends_step(cannot))?;
    context.observe("kept", &copy.identifier);
    Ok(())
}
