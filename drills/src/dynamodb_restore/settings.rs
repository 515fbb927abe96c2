//! What a restore does not carry over: looked at on both tables, and put back on the copy where the plan wants it.

use std::time::Duration;

use lifeboat_engine::{Context, StepError, wait_for};
use lifeboat_targets::AwsError;
use lifeboat_targets::dynamodb::{Dynamo, TableSettings, TableView};

use super::state::Shared;
use crate::calls::until_accepted;
use crate::same;

/// How long settings may take to hold: the time to live takes up to an hour on AWS, and shows at once as enabling.
pub const SETTINGS_LIMIT: Duration = Duration::from_secs(300);

/// Looks at the settings of source and copy.
pub async fn look(s: Shared, context: Context) -> Result<(), StepError> {
    let (dynamo, source) = (s.dynamo().await, s.source()?);
    let seen = async {
        let after = dynamo.describe(&source.name).await?;
        context.observe("settings-after", dynamo.settings(&after).await?);
        context.observe("table-after", &after);
        if let Some(copy) = s.copy() {
            context.observe("settings-of-copy", dynamo.settings(&copy).await?);
        }
        Ok::<_, AwsError>(())
    };
    if let Err(error) = seen.await {
        context.observe("settings-error", error.to_string());
    }
    Ok(())
}

/// Puts them back on the copy. What could not be put back is seen by the check.
pub async fn put_back(s: Shared, context: Context) -> Result<(), StepError> {
    let Some(copy) = s.copy() else { return Ok(()) };
    let (dynamo, source) = (s.dynamo().await, s.source()?);
    let done = async {
        let wanted = dynamo.settings(&source).await.map_err(StepError::failed)?;
        apply(&dynamo, &copy, &wanted).await?;
        Ok::<_, StepError>(wanted)
    };
    let wanted = match done.await {
        Ok(wanted) => wanted,
        Err(error) => {
            context.observe("put-back-error", error.to_string());
            return Ok(());
        }
    };
    let held = wait_for("the settings of the copy", s.every(), SETTINGS_LIMIT, || async {
        let now = dynamo.describe(&copy.name).await.map_err(|error| error.to_string())?;
        let seen = dynamo.settings(&now).await.map_err(|error| error.to_string())?;
        let missing = missing(&wanted, &seen).into_iter().map(|(name, ..)| name);
        let missing: Vec<String> = missing.filter(|name| is_put_back(name)).collect();
        context.observe("settings-put-back", &seen);
        if missing.is_empty() && now.status == "ACTIVE" { Ok(()) } else { Err(missing.join(", ")) }
    });
    if let Err(error) = held.await {
        context.observe("put-back-error", error.to_string());
    }
    Ok(())
}

/// What the copy lacks, but for what it must not have: the tags of AWS's own and of this tool, and the protection that
/// would keep the copy from being deleted.
pub fn missing(wanted: &TableSettings, seen: &TableSettings) -> Vec<(String, String, String)> {
    let mut missing = wanted.missing_in(seen);
    missing.retain(|(name, ..)| !name.starts_with("tag aws:") && !name.starts_with("tag lifeboat:"));
    missing
}

/// What of that is put back.
pub fn is_put_back(setting: &str) -> bool {
    setting != "deletion protection" && setting != "table class"
}

/// Each call goes by the table's name, so it comes after a look whether that still is the copy.
async fn apply(dynamo: &Dynamo, copy: &TableView, wanted: &TableSettings) -> Result<(), StepError> {
    let failed = |error: AwsError| StepError::Failed(error.to_string());
    let (aws, name) = (dynamo.aws(), copy.name.as_str());
    let now = || async { dynamo.settings(&dynamo.describe(name).await?).await };
    let mut tags = wanted.tags.clone();
    tags.retain(|key, _| !key.starts_with("aws:") && !key.starts_with("lifeboat:"));
    if !tags.is_empty() {
        let seen = || async {
            let seen = now().await?.tags;
            Ok(tags.iter().all(|(key, value)| seen.get(key) == Some(value)))
        };
        same::table(dynamo, copy).await?;
        until_accepted(aws, || dynamo.set_tags(&copy.arn, &tags), seen).await.map_err(failed)?;
    }
    if let Some(attribute) = &wanted.time_to_live {
        let seen = || async { Ok(now().await?.time_to_live == wanted.time_to_live) };
        same::table(dynamo, copy).await?;
        until_accepted(aws, || dynamo.set_time_to_live(name, attribute), seen).await.map_err(failed)?;
    }
    if let Some(days) = wanted.recovery_days {
        let seen = || async { Ok(now().await?.recovery_days == wanted.recovery_days) };
        same::table(dynamo, copy).await?;
        until_accepted(aws, || dynamo.set_recovery(name, Some(days), true), seen).await.map_err(failed)?;
    }
    if let Some(view) = &wanted.stream {
        let seen = || async { Ok(now().await?.stream == wanted.stream) };
        same::table(dynamo, copy).await?;
        until_accepted(aws, || dynamo.set_stream(name, view), seen).await.map_err(failed)?;
    }
    Ok(())
}
