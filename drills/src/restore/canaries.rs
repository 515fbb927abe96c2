//! The canaries: written before the moment and after it, some of them destroyed, all of them rows of the drill's own.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use lifeboat_engine::{Context, StepError};
use lifeboat_model::{Finding, Judgement};
use lifeboat_targets::postgres::{Canaries, PgError, Session, server_clock};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::guard::CONNECT_LIMIT;
use super::scene::Scene;
use crate::same;

/// Committed before the moment; the last of them is the one next to it.
pub const BEFORE: RangeInclusive<i32> = 1..=4;

/// Committed after the moment; the first of them is the one next to it.
pub const AFTER: RangeInclusive<i32> = 5..=6;

/// Committed just before the restore is asked for.
pub const LATE: i32 = 7;

/// Committed after the restore was accepted.
pub const LATER: i32 = 8;

/// What the disaster deletes, and what it overwrites.
const DELETED: [i32; 2] = [1, 5];
const OVERWRITTEN: [i32; 2] = [2, 6];

/// When the disaster was, on the server's clock: between these two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisasterTime {
    #[serde(with = "time::serde::rfc3339")]
    pub from: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub to: OffsetDateTime,
}

/// What the canaries are when all of these were written and nothing was destroyed.
pub fn untouched(ids: RangeInclusive<i32>) -> BTreeMap<i32, String> {
    ids.map(|id| (id, format!("canary {id}"))).collect()
}

/// A session for canaries, on the source if it is still called so: the address belongs to the name.
pub async fn open(s: &Scene) -> Result<Session, StepError> {
    let server = s.server()?;
    same::instance(&s.rds().await, &s.source()?).await?;
    let opened = server.connect(&s.session("canary"), CONNECT_LIMIT).await;
    opened.map_err(|error| StepError::Failed(format!("cannot connect for a canary: {error}")))
}

/// Commits canaries.
pub async fn write(s: &Scene, session: &Session, ids: RangeInclusive<i32>) -> Result<(), StepError> {
    for (id, note) in untouched(ids) {
        s.canaries.insert(session, id, &note).await.map_err(|error| cannot_write(&error))?;
    }
    Ok(())
}

pub fn cannot_write(error: &PgError) -> StepError {
    StepError::Failed(format!("cannot write a canary: {error}"))
}

/// The disaster, on canaries only.
pub async fn destroy(s: Scene, context: Context) -> Result<(), StepError> {
    let session = open(&s).await?;
    let from = server_clock(&session).await.map_err(StepError::failed)?;
    context.mark("disaster-begun");
    let done = s.canaries.destroy(&session, &DELETED, &OVERWRITTEN).await;
    done.map_err(|error| StepError::Failed(format!("cannot destroy canaries: {error}")))?;
    context.mark("disaster-done");
    let to = server_clock(&session).await.map_err(StepError::failed)?;
    session.close().await;
    context.observe("disaster", DisasterTime { from, to });
    Ok(())
}

/// What the copy's canaries say about the moment that it is of. `expected`: what was there at the moment; `now`: what
/// the source holds.
pub fn judge(expected: &Canaries, now: &Canaries, copy: &Canaries) -> Finding {
    let none = BTreeMap::new();
    let (wanted, held) = (expected.as_ref().unwrap_or(&none), copy.as_ref().unwrap_or(&none));
    if expected == now {
        return Finding::new(
            Judgement::Inconclusive,
            "the source holds what it held at the moment: nothing can be told",
        );
    }
    if copy == expected {
        let text = match (expected, held.len()) {
            (None, _) => "the canaries that were written after it are not in the copy".into(),
            (Some(_), count) => format!(
                "all {count} canaries from before it are in the copy as they were, and none from after it"
            ),
        };
        return Finding::new(Judgement::Passed, text);
    }
    if copy == now || held.contains_key(&LATER) {
        let text = "the copy holds canaries that were written after the restore was accepted: it is the source as it is now, \
                    whatever moment was asked for; simulated, not evidence";
        return Finding::new(Judgement::Invalid, text);
    }
    let list = |ids: &BTreeSet<&i32>| ids.iter().map(|id| id.to_string()).collect::<Vec<_>>().join(", ");
    let strange: BTreeSet<&i32> =
        held.iter().filter(|(id, note)| wanted.get(id) != Some(note)).map(|(id, _)| id).collect();
    let missing: BTreeSet<&i32> = wanted.keys().filter(|id| !held.contains_key(id)).collect();
    let text = match (strange.is_empty(), missing.is_empty()) {
        (false, _) => format!(
            "restored to the wrong time, too late: the copy holds canaries {} as they were after the moment{}",
            list(&strange),
            if missing.is_empty() { String::new() } else { format!(", and lacks {}", list(&missing)) }
        ),
        (true, _) => format!(
            "restored to the wrong time, too early: canaries {}, which were committed before the moment, are not in the copy",
            list(&missing)
        ),
    };
    Finding::new(Judgement::Failed, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    /// What the source holds after the disaster and all canaries.
    fn now() -> BTreeMap<i32, String> {
        let mut held = untouched(1..=LATER);
        held.retain(|id, _| !DELETED.contains(id));
        for id in OVERWRITTEN {
            held.insert(id, "destroyed".into());
        }
        held
    }

    fn without(ids: &[i32], from: BTreeMap<i32, String>) -> BTreeMap<i32, String> {
        from.into_iter().filter(|(id, _)| !ids.contains(id)).collect()
    }

    #[rstest]
    #[case::as_it_was(Some(untouched(BEFORE)), Judgement::Passed, "all 4 canaries")]
    #[case::as_it_is_now(Some(now()), Judgement::Invalid, "simulated, not evidence")]
    #[case::as_it_was_at_the_call(Some(without(&[LATER], now())), Judgement::Failed, "too late: the copy holds canaries 2, 6, 7")]
    #[case::late_before_the_disaster(Some(untouched(1..=6)), Judgement::Failed, "too late: the copy holds canaries 5, 6")]
    #[case::late_after_the_disaster(Some(without(&[LATE, LATER], now())), Judgement::Failed, "and lacks 1")]
    #[case::early(Some(untouched(1..=3)), Judgement::Failed, "too early: canaries 4")]
    #[case::much_too_early(None, Judgement::Failed, "too early: canaries 1, 2, 3, 4")]
    fn the_copy_says_what_it_is(#[case] copy: Canaries, #[case] expected: Judgement, #[case] words: &str) {
        let found = judge(&Some(untouched(BEFORE)), &Some(now()), &copy);
        assert_eq!(found.judgement, expected, "{}", found.message);
        assert!(found.message.contains(words), "{}", found.message);
    }

    #[test]
    fn a_snapshot_from_before_the_canaries_has_none() {
        assert_eq!(judge(&None, &Some(now()), &None).judgement, Judgement::Passed);
        assert_eq!(judge(&None, &Some(now()), &Some(now())).judgement, Judgement::Invalid);
        assert_eq!(judge(&None, &Some(now()), &Some(BTreeMap::new())).judgement, Judgement::Failed);
        assert_eq!(judge(&None, &None, &None).judgement, Judgement::Inconclusive);
    }
}
