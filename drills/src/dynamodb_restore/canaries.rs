//! The canary items: some before the moment that is restored, some after, some destroyed in between.
//!
//! They are put only where no item is, marked with the run's id, and nothing else is ever written to.

use std::collections::BTreeMap;
use std::time::Duration;

use lifeboat_engine::{Context, StepError, wait_for};
use lifeboat_model::ItemKey;
use lifeboat_targets::AwsError;
use lifeboat_targets::dynamodb::{Bounds, TableView, Texts};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::canary_key;
use super::options::least_gap;
use super::state::{MARKER, Shared, VALUE, Way};
use crate::calls::until_accepted;

/// Put before the moment, and there ever after.
pub const BEFORE: &str = "before";
/// Put before the moment, overwritten by the disaster.
pub const OVERWRITTEN: &str = "overwritten";
/// Put before the moment, deleted by the disaster.
pub const DELETED: &str = "deleted";
/// Put after the moment and before the disaster.
pub const AFTER: &str = "after";
/// Put after the disaster, just before the restore is asked for.
pub const LATE: &str = "late";

/// What the server's clock is looked at for while a moment is waited for.
const TICK: Duration = Duration::from_millis(10);

/// A canary item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canary {
    /// Which one.
    pub name: String,
    /// Its key, in DynamoDB's JSON.
    pub key: ItemKey,
    /// What it holds when it is put.
    pub value: String,
}

/// What each canary item holds in a table, by its name; `None` where it is not there.
pub type Found = BTreeMap<String, Option<String>>;

/// The moment that is restored, on the server's clock, and what was committed on either side.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Chosen {
    /// The moment.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// The last canary before it was committed by the earlier, the first after it not before the later.
    pub bracket: Bounds,
    /// How far the moment is from either, seconds.
    pub gap_s: f64,
    /// How far the bounds of the server's clock are apart, seconds.
    pub clock_uncertainty_s: f64,
}

/// All of them, with their keys.
///
/// # Errors
/// What is wrong with the plan's template.
pub fn of(s: &Shared, table: &TableView) -> Result<Vec<Canary>, String> {
    let names = [BEFORE, OVERWRITTEN, DELETED, AFTER, LATE];
    let run = &s.params.run_id;
    let keys = canary_key::keys(table, s.options.canary_key(), &[MARKER, VALUE], run, 5)?;
    let canary =
        |(name, key): (&str, ItemKey)| Canary { name: name.to_owned(), key, value: format!("{run} {name}") };
    Ok(names.into_iter().zip(keys).map(canary).collect())
}

/// Puts those that the restore has to bring back.
pub async fn put_before(s: Shared, context: Context) -> Result<(), StepError> {
    for (count, name) in [OVERWRITTEN, DELETED, BEFORE].into_iter().enumerate() {
        // What was put before this one is there.
        put(&s, name)
            .await
            .map_err(|error| if count == 0 { error } else { StepError::indeterminate(error) })?;
    }
    s.set_committed(context.now());
    context.mark("canaries-committed");
    Ok(())
}

/// Chooses a whole second that is far enough from the items before it, and puts one that is as far after it.
pub async fn choose_moment(s: Shared, context: Context) -> Result<(), StepError> {
    let clock = s.clock()?;
    let gap = least_gap(&s.params).max(clock.uncertainty() * 2);
    let committed = clock.at(s.committed()?).latest;
    let at = whole_second_after(committed + gap);
    let reached = wait_for("the chosen moment to pass", TICK, gap * 3 + Duration::from_secs(2), || async {
        let now = clock.at(context.now()).earliest;
        if now >= at + gap { Ok(()) } else { Err(format!("the server's clock is at {}", spell(now))) }
    });
    reached.await.map_err(StepError::failed)?;
    let sent = clock.at(context.now()).earliest;
    s.set_moment(at);
    context.observe(
        "chosen",
        Chosen {
            at,
            bracket: Bounds { earliest: committed, latest: sent },
            gap_s: gap.as_secs_f64(),
            clock_uncertainty_s: clock.uncertainty().as_secs_f64(),
        },
    );
    put_after(s.clone(), context.clone()).await?;
    // A restore that comes out somewhat late then shows the item after the moment and none of the disaster, and is told
    // from a copy of the table as it is now.
    let put = clock.at(context.now()).latest;
    let quiet =
        wait_for("the moments before the disaster", TICK, gap * 2 + Duration::from_secs(2), || async {
            let now = clock.at(context.now()).earliest;
            if now >= put + gap * 2 {
                Ok(())
            } else {
                Err(format!("the server's clock is at {}", spell(now)))
            }
        });
    quiet.await.map_err(StepError::failed)
}

/// Puts the one that the restore must not bring back.
pub async fn put_after(s: Shared, context: Context) -> Result<(), StepError> {
    put(&s, AFTER).await?;
    context.mark("canary-after-committed");
    Ok(())
}

/// The disaster: it destroys canary items only.
pub async fn destroy(s: Shared, context: Context) -> Result<(), StepError> {
    let (dynamo, source, mark) = (s.dynamo().await, s.same_source().await?, s.mark());
    let recoverable = || async {
        if s.way == Way::Backup {
            return Ok(None);
        }
        let seen = dynamo.recovery(&source.name).await;
        seen.map(|seen| seen.latest).map_err(|error| error.ends_step("cannot look at continuous backups"))
    };
    let before = recoverable().await?;
    let began = context.now();
    context.mark("disaster-requested");
    let (overwritten, deleted) = (s.canary(OVERWRITTEN)?, s.canary(DELETED)?);
    let text = format!("{} destroyed", s.params.run_id);
    let call = || dynamo.overwrite_own(&source.name, &overwritten.key, &mark, (VALUE, &text));
    let seen = || async {
        let item = dynamo.get(&source.name, &overwritten.key).await?;
        Ok(item.and_then(|item| item.get(VALUE).cloned()).as_ref() == Some(&text))
    };
    until_accepted(dynamo.aws(), call, seen)
        .await
        .map_err(|error| error.ends_step("cannot overwrite a canary item"))?;
    let call = || dynamo.delete_own(&source.name, &deleted.key, &mark);
    let seen = || async { Ok(dynamo.get(&source.name, &deleted.key).await?.is_none()) };
    until_accepted(dynamo.aws(), call, seen)
        .await
        .map_err(|error| error.ends_step("cannot delete a canary item"))?;
    let done = context.now();
    context.mark("disaster-done");
    let after = recoverable().await?;
    if s.way == Way::PointInTime {
        let clock = s.clock()?;
        let disaster = Bounds { earliest: clock.at(began).earliest, latest: clock.at(done).latest };
        context.observe("recovery-point", RecoveryPoint { before, after, disaster });
    }
    Ok(())
}

/// How far the continuous backups reached at the disaster.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecoveryPoint {
    /// The latest moment that could be restored, asked before the disaster.
    #[serde(with = "time::serde::rfc3339::option")]
    pub before: Option<OffsetDateTime>,
    /// The same, asked after it.
    #[serde(with = "time::serde::rfc3339::option")]
    pub after: Option<OffsetDateTime>,
    /// When the disaster was, on the server's clock.
    pub disaster: Bounds,
}

/// Puts one that marks how late the restore was asked for.
pub async fn put_late(s: &Shared) -> Result<(), StepError> {
    put(s, LATE).await
}

/// What each holds in a table.
///
/// # Errors
/// [`AwsError`].
pub async fn read(s: &Shared, table: &str) -> Result<Found, AwsError> {
    let dynamo = s.dynamo().await;
    let mut found = Found::new();
    for canary in s.canaries() {
        let item = dynamo.get(table, &canary.key).await?;
        found.insert(canary.name, item.map(|item| item.get(VALUE).cloned().unwrap_or_default()));
    }
    Ok(found)
}

async fn put(s: &Shared, name: &str) -> Result<(), StepError> {
    let (dynamo, source, canary) = (s.dynamo().await, s.same_source().await?, s.canary(name)?);
    let texts: Texts = [(MARKER, &s.params.run_id), (VALUE, &canary.value)]
        .map(|(attribute, text)| (attribute.to_owned(), text.clone()))
        .into();
    let call = || dynamo.put_new(&source.name, &canary.key, &texts);
    let seen = || async {
        let item = dynamo.get(&source.name, &canary.key).await?;
        Ok(item.is_some_and(|item| texts.iter().all(|(name, text)| item.get(name) == Some(text))))
    };
    until_accepted(dynamo.aws(), call, seen).await.map(drop).map_err(|error| {
        let key = serde_json::json!(canary.key);
        if error.is_condition() {
            return StepError::Failed(format!(
                "`{}` has an item with the canary's key {key} already; give another canary_key",
                source.name
            ));
        }
        error.ends_step(format!("cannot put the canary item {key} into `{}`", source.name))
    })
}

/// A moment as people write it, to the millisecond: what is finer is noise of the wire's numbers.
pub fn spell(at: OffsetDateTime) -> String {
    let rounded = (at + Duration::from_micros(500)).truncate_to_millisecond();
    rounded.format(&Rfc3339).unwrap_or_else(|_| rounded.to_string())
}

fn whole_second_after(at: OffsetDateTime) -> OffsetDateTime {
    let whole = at.replace_nanosecond(0).unwrap_or(at);
    if whole < at { whole + Duration::from_secs(1) } else { whole }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_moment_is_spelled_without_the_noise() {
        assert_eq!(spell(datetime!(2026-11-21 12:00:02.392999887 UTC)), "2026-11-21T12:00:02.393Z");
    }

    #[test]
    fn a_moment_is_a_whole_second_and_never_earlier() {
        let whole = datetime!(2026-11-21 12:00:01 UTC);
        assert_eq!(whole_second_after(whole), whole);
        assert_eq!(whole_second_after(datetime!(2026-11-21 12:00:00.000001 UTC)), whole);
    }
}
