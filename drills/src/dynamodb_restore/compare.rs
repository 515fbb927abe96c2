//! Whether the copy is what it should be: canary items, every item, keys and indexes.

use std::time::Duration;

use lifeboat_engine::{Context, StepError, wait_for};
use lifeboat_targets::dynamodb::{CompareOptions, compare_tables};

use super::canaries;
use super::options::Compare;
use super::state::Shared;

/// How long the first read of a table that is active may fail.
const FIRST_READ: Duration = Duration::from_secs(30);

/// How long two tables may be compared.
pub const COMPARE_LIMIT: Duration = Duration::from_secs(6 * 3600);

/// Reads the canary items of source and copy.
pub async fn prove_moment(s: Shared, context: Context) -> Result<(), StepError> {
    let Some(copy) = s.copy() else { return Ok(()) };
    let read = wait_for("the first read of the copy", s.every(), FIRST_READ, || async {
        canaries::read(&s, &copy.name).await.map_err(|error| error.to_string())
    })
    .await;
    match read {
        Ok(found) => {
            context.mark("first-read");
            context.observe("canaries-in-copy", found);
        }
        Err(error) => context.observe("canaries-in-copy-error", error.to_string()),
    }
    match canaries::read(&s, &s.source()?.name).await {
        Ok(found) => context.observe("canaries-in-source", found),
        Err(error) => context.observe("canaries-in-source-error", error.to_string()),
    }
    Ok(())
}

/// Compares all items but this run's canaries: what another run has left is in source and copy.
pub async fn compare_items(s: Shared, context: Context) -> Result<(), StepError> {
    let Some(copy) = s.copy() else { return Ok(()) };
    let dynamo = s.dynamo().await;
    let options = CompareOptions {
        sample: match s.options.compare {
            Compare::Sample(items) => Some(items),
            Compare::Exact | Compare::AtLeast(_) => None,
        },
        show_values: s.options.show_values,
        ignore: Some(s.mark()),
        limit: COMPARE_LIMIT,
        ..CompareOptions::default()
    };
    match compare_tables(&dynamo, &s.source()?.name, &copy.name, &options).await {
        Ok(comparison) => {
            context.mark("compared");
            context.observe("comparison", comparison);
        }
        Err(error) => context.observe("comparison-error", error.to_string()),
    }
    context.observe("control-plane-retries", dynamo.aws().retries());
    Ok(())
}
