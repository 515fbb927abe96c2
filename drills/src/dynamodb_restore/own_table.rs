//! A table of the drill's own, for targets on which nothing may be written.

use std::time::Duration;

use lifeboat_engine::{Context, StepError, wait_for};
use lifeboat_model::ItemKey;
use lifeboat_targets::dynamodb::{NewTable, TableView, Texts};
use lifeboat_targets::{AwsError, RUN_TAG};
use serde_json::json;

use super::canaries::{self, spell};
use super::guard::keep_before;
use super::state::{CANARY_TABLE, Shared, Way};
use crate::calls::{Answer, until_accepted};

/// Its partition key, and how many items it has besides the canaries.
const KEY: &str = "id";
const ITEMS: u32 = 10;

/// How long it may take to be active, and until its continuous backups begin: minutes on AWS.
pub const READY_LIMIT: Duration = Duration::from_secs(20 * 60);

pub async fn create(s: Shared, context: Context) -> Result<(), StepError> {
    let dynamo = s.dynamo().await;
    let name = s.own_name(CANARY_TABLE);
    s.is_free(&name).await?;
    let table = NewTable { name: name.clone(), key: KEY.into(), tags: s.tags().into_iter().collect() };
    let answer = Answer::new();
    let made = until_accepted(
        dynamo.aws(),
        || answer.keep(dynamo.create(&table)),
        || async { Ok(dynamo.find(&name).await?.is_some()) },
    );
    made.await.map_err(|error| error.ends_step(format!("cannot create table `{name}`")))?;
    let answered = answer.given();
    if let Some(made) = &answered {
        s.bind_table(&context, made).await?;
    }
    let view = dynamo.await_ready(&name, s.every(), READY_LIMIT).await.map_err(StepError::Indeterminate)?;
    match answered {
        Some(made) if made.id == view.id => {}
        Some(made) => return Err(another(&view, &format!("the run's is {}", made.id))),
        None if is_own(&s, &view).await? => s.bind_table(&context, &view).await?,
        None => return Err(another(&view, "it does not carry the run's tag, or is older")),
    }
    let failed = |error: AwsError| StepError::indeterminate(format!("cannot set up table `{name}`: {error}"));
    for n in 1..=ITEMS {
        let key: ItemKey = [(KEY.to_owned(), json!({ "S": format!("item {n}") }))].into();
        let texts: Texts = [("text".to_owned(), format!("text {n}"))].into();
        let seen = || async { Ok(dynamo.get(&name, &key).await?.is_some()) };
        until_accepted(dynamo.aws(), || dynamo.put_new(&name, &key, &texts), seen).await.map_err(failed)?;
    }
    if s.way == Way::PointInTime {
        let on = || async { Ok(dynamo.recovery(&name).await?.enabled) };
        until_accepted(dynamo.aws(), || dynamo.set_recovery(&name, None, true), on).await.map_err(failed)?;
        await_window(&s, &context, &name).await;
    }
    s.set_own(view.clone());
    s.set_canaries(canaries::of(&s, &view).map_err(StepError::Indeterminate)?);
    keep_before(&s, &context, &view).await.map_err(StepError::indeterminate)
}

fn another(table: &TableView, why: &str) -> StepError {
    let (name, id) = (&table.name, &table.id);
    StepError::Indeterminate(format!("table `{name}` ({id}) is not this run's: {why}; it was left alone"))
}

/// Whether a table is what a call without an answer made: by its tag and age.
async fn is_own(s: &Shared, table: &TableView) -> Result<bool, StepError> {
    let tags = s.dynamo().await.tags(&table.arn).await;
    let tags = tags.map_err(|error| {
        StepError::indeterminate(format!("cannot tell whose `{}` is: {error}", table.name))
    })?;
    Ok(tags.get(RUN_TAG) == Some(&s.params.run_id) && s.is_young(table))
}

/// Just after the enabling, the window is one moment; a recovery point taken then would be that of no real table. A window
/// that does not begin is left to the restore to show.
async fn await_window(s: &Shared, context: &Context, table: &str) {
    let dynamo = s.dynamo().await;
    let limit = READY_LIMIT.min(s.options.give_up(&s.params));
    let begun = wait_for("the continuous backups to begin", s.every(), limit, || async {
        match dynamo.recovery(table).await {
            Ok(seen) if seen.latest > seen.earliest => Ok(()),
            Ok(seen) => Err(format!("latest moment {}", seen.latest.map_or_else(String::new, spell))),
            Err(error) => Err(error.to_string()),
        }
    });
    if let Err(error) = begun.await {
        context.observe("window-not-begun", error.to_string());
    }
}
