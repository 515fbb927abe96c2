//! Guard: what the target is, whether it may be drilled, and what the server's clock says.

use std::time::Duration;

use lifeboat_engine::{Context, StepError};
use lifeboat_targets::dynamodb::TableView;

use super::canaries;
use super::state::{Shared, Way};
use crate::access::{ALLOW_TAG, is_of_the_run, may_harm};

pub async fn identify_target(s: Shared, context: Context) -> Result<(), StepError> {
    let dynamo = s.dynamo().await;
    let name = &s.target.table;
    let table = dynamo.describe(name).await.map_err(|error| {
        let hint = match error.code.as_str() {
            "ResourceNotFoundException" => "; check table, region and account of the plan",
            _ => "",
        };
        error.ends_step(format!("cannot look up table `{name}`{hint}"))
    })?;
    is_of_the_run(&s.params.environment, &table.arn)?;
    context.identified(table.identity()).await?;
    s.set_target(table.clone());
    if s.options.canary_table {
        return Ok(());
    }
    let cannot = |what: String| StepError::Unmet(format!("cannot drill `{name}`: {what}"));
    let tags = dynamo.tags(&table.arn).await.map_err(|error| error.ends_step("cannot read the tags"))?;
    let (key, value) = ALLOW_TAG;
    may_harm(&s.params, name, Some(tags.get(key).is_some_and(|found| found == value)))?;
    if table.status != "ACTIVE" {
        return Err(cannot(format!("its status is {}; run the drill when it is ACTIVE", table.status)));
    }
    if let Some(view) = table.stream.as_ref().filter(|_| !s.options.allow_streams) {
        return Err(cannot(format!(
            "it has a stream ({view}), whose consumers would see the canary items; set allow_streams = true if they may, \
             or canary_table = true"
        )));
    }
    if s.way == Way::PointInTime {
        let recovery = dynamo.recovery(name).await;
        let recovery = recovery.map_err(|error| error.ends_step("cannot look at continuous backups"))?;
        if !recovery.enabled {
            return Err(cannot(
                "point-in-time recovery is off; turn it on, or set canary_table = true, or drop the drill"
                    .into(),
            ));
        }
    }
    s.set_canaries(canaries::of(&s, &table).map_err(StepError::Failed)?);
    keep_before(&s, &context, &table).await
}

/// Keeps what a table is before anything is done, for the checks.
pub async fn keep_before(s: &Shared, context: &Context, table: &TableView) -> Result<(), StepError> {
    let settings = s.dynamo().await.settings(table).await;
    let settings = settings.map_err(|error| error.ends_step("cannot read the table's settings"))?;
    context.observe("table-before", table);
    context.observe("settings-before", settings);
    context.observe("canaries", s.canaries());
    context.observe("quiet", s.options.quiet());
    context.observe("compare", s.options.compare);
    context.observe("settings-rule", s.options.settings);
    context.observe("poll-interval-s", s.every().as_secs_f64());
    Ok(())
}

pub async fn measure_clock(s: Shared, context: Context) -> Result<(), StepError> {
    let table = s.target_view()?;
    let clock = s.dynamo().await.server_clock(&table.name, || context.now()).await;
    let clock = clock.map_err(StepError::failed)?;
    context.observe("server-clock", clock);
    s.set_clock(clock);
    // Its own times may be in whole seconds.
    s.set_since(s.server_now(&context)?.earliest - Duration::from_secs(1));
    Ok(())
}
