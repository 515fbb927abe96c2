//! A copy that stays.

use lifeboat_engine::{Context, StepError, wait_for};
use lifeboat_model::UndoAction;

use super::scene::Scene;

/// What every tag of a drill begins with.
const TAGS: &str = "lifeboat:";

/// Takes the canaries and the tags off the copy, and says in the journal that it is not to be deleted. A run that is
/// killed just before that leaves an undo that finds no tag, and leaves the copy alone.
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
    if !keys.is_empty() {
        rds.aws()
            .change(|| rds.remove_tags(&copy.arn, &keys), || async { Ok(of_drill().await?.is_empty()) })
            .await
            .map_err(|error| error.ends_step(cannot))?;
    }
    wait_for("the drill's tags to be off the copy", s.every(), s.give_up(), || async {
        match of_drill().await {
            Ok(left) if left.is_empty() => Ok(()),
            Ok(left) => Err(left.join(", ")),
            Err(error) => Err(error.to_string()),
        }
    })
    .await
    .map_err(StepError::indeterminate)?;
    let name = s.copy_name();
    let deletes = |action: &UndoAction| match action {
        UndoAction::DeleteInstance { instance, .. }
        | UndoAction::DeleteInstanceUnlessWritten { instance, .. } => *instance == name,
        _ => false,
    };
    context.keep(deletes, "the plan keeps it").await?;
    context.observe("kept", &copy.identifier);
    Ok(())
}
