//! The step that locks a target on AWS, so that no other run drills it meanwhile, from wherever that is started.
//!
//! The lock is a tag on the target: looked for, written, and read back after a while in which another run's would show.
//! What it does not guarantee is in [`TargetLock`]'s module. Runs of one user on one machine are kept apart before, by files.
//! It lasts as long as the drill may need it and is not renewed; the undo of this step releases it, as the drill's last.

use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use lifeboat_engine::{Context, Step, StepError, wait_for};
use lifeboat_model::{LockedTarget, Phase, UndoAction};
use lifeboat_targets::{Aws, AwsError, Effect, Holder, LOCK_TAG, LockStanding, Tagged, TargetLock, pause};
use time::OffsetDateTime;

use crate::calls::until_accepted;

/// What is observed where a lock that had expired was taken over.
const TAKEN_OVER: &str = "lock-taken-over";

/// So many of the control plane's paces pass between writing and reading back: 10 s on AWS.
const SETTLE: u32 = 2;

/// How long the run's own tag may take to show.
const SHOWS_WITHIN: Duration = Duration::from_secs(60);

/// What the steps of a drill share that can be asked for the target.
pub trait Locks: Clone + Send + Sync + 'static {
    /// The target, as an earlier step found it.
    fn locked(&self) -> Result<LockedTarget, StepError>;

    /// The control plane.
    fn aws(&self) -> impl Future<Output = Aws> + Send;
}

/// Locks the target, which is called so, for as long as the drill may need it.
pub fn step<S: Locks>(shared: &S, run: &str, name: &str, needed_for: Duration) -> Step {
    // Settled with the undo, just before the act: both have to mean the same value.
    let holder = Arc::new(OnceLock::new());
    let (of_act, of_undo) = ((shared.clone(), holder.clone()), (shared.clone(), holder, run.to_owned()));
    Step::build(
        "lock-target",
        Phase::Guard,
        format!("tag `{name}` {LOCK_TAG} with the run's id, unless another run has it"),
        SHOWS_WITHIN * 2,
        move |context| take(of_act.0, context, of_act.1),
    )
    .undo("take the tag off, if it is still this run's", move || {
        let (shared, holder, run) = of_undo;
        let locked = shared.locked().map_err(|error| error.to_string())?;
        let held = holder.get_or_init(|| Holder { run, until: OffsetDateTime::now_utc() + needed_for });
        Ok(UndoAction::ReleaseLock { locked, value: held.value() })
    })
}

async fn take<S: Locks>(shared: S, context: Context, holder: Arc<OnceLock<Holder>>) -> Result<(), StepError> {
    let holder = holder.get().ok_or_else(|| StepError::Failed("until when to lock is not known".into()))?;
    let aws = shared.aws().await;
    let lock = TargetLock::new(&aws, shared.locked()?);
    let (target, value) = (lock.target(), holder.value());
    let before = lock
        .look()
        .await
        .map_err(|error| error.ends_step(format!("cannot look whether {target} is locked")))?;
    let before = before.ok_or_else(|| StepError::Failed(replaced(target)))?;
    let standing = LockStanding::of(before.lock.as_deref(), &holder.run, OffsetDateTime::now_utc());
    let expired = match standing {
        LockStanding::Free => None,
        LockStanding::Expired(other) => Some(other),
        held => return Err(StepError::Failed(refusal(target, &held))),
    };
    let shows = || async { Ok(lock.look().await?.is_some_and(|now| now.lock.as_ref() == Some(&value))) };
    // Again after a call that was refused or lost: another run may have come first.
    let refused = OnceLock::new();
    let write = || async {
        let not_sent = |why: String| {
            let message = refused.get_or_init(|| why).clone();
            Err(AwsError { call: "AddTags", code: "not-sent".into(), message, effect: Effect::None })
        };
        // Its ARN follows its name, which may be another's by now.
        let Some(now) = lock.look().await? else { return not_sent(replaced(target)) };
        let tag = now.lock.filter(|now| Some(now) != before.lock.as_ref());
        match LockStanding::of(tag.as_deref(), &holder.run, OffsetDateTime::now_utc()) {
            held @ (LockStanding::Held(_) | LockStanding::Unreadable(_)) => not_sent(refusal(target, &held)),
            LockStanding::Free | LockStanding::Expired(_) => lock.write(&now.arn, holder).await,
        }
    };
    until_accepted(&aws, write, shows).await.map_err(|error| match (refused.get(), error.effect) {
        (Some(why), Effect::None) => StepError::Failed(why.clone()),
        // A write before it was lost: the undo takes off what is this run's.
        (Some(why), Effect::Perhaps) => StepError::Indeterminate(why.clone()),
        (None, _) => error.ends_step(format!("cannot lock {target} with the tag {LOCK_TAG}")),
    })?;
    // Nothing tells that nobody else is about to write: only time does.
    pause(aws.pace() * SETTLE).await;
    read_back(&lock, &before, holder).await?;
    if let Some(other) = expired {
        let text = format!(
            "{target} carried the lock of run {}, which expired at {}: it was taken over; see whether that run left \
             something behind",
            other.run, other.until
        );
        context.observe(TAKEN_OVER, text);
    }
    Ok(())
}

/// Whoever wrote last has the lock. What was there before may still show for a while.
async fn read_back(lock: &TargetLock, before: &Tagged, holder: &Holder) -> Result<(), StepError> {
    let (target, ours) = (lock.target(), holder.value());
    let found = wait_for(format!("the lock on {target}"), lock.aws().pace(), SHOWS_WITHIN, || async {
        let now = lock.look().await.map_err(|error| error.to_string())?;
        let now = now.ok_or_else(|| format!("{target} is not there"))?.lock;
        if now == before.lock && now.as_deref() != Some(&ours) {
            return Err("the tag does not show".to_owned());
        }
        Ok(now)
    });
    let found = found.await.map_err(StepError::indeterminate)?;
    if found.as_deref() == Some(&ours) {
        return Ok(());
    }
    // Perhaps with effect: whose tag shows in the end is for the undo to see.
    let standing = LockStanding::of(found.as_deref(), &holder.run, OffsetDateTime::now_utc());
    Err(StepError::Indeterminate(match standing {
        LockStanding::Free | LockStanding::Expired(_) => {
            format!("the lock on {target} was changed by somebody while it was taken; run the drill again")
        }
        held => refusal(target, &held),
    }))
}

fn replaced(target: &LockedTarget) -> String {
    format!(
        "{target} was replaced or deleted since it was looked up, and was not locked; run the drill again"
    )
}

fn refusal(target: &LockedTarget, standing: &LockStanding) -> String {
    match standing {
        LockStanding::Held(other) => format!(
            "{target} is being drilled by run {} (its tag {LOCK_TAG} counts until {}): wait until that run has ended; if it \
             is dead, finish it with `lifeboat undo`, and only where its journal is lost take the tag off by hand",
            other.run, other.until
        ),
        LockStanding::Unreadable(value) => format!(
            "{target} carries a tag {LOCK_TAG} that no run wrote (`{value}`), so nobody knows until when it counts: see whose \
             it is, and take it off"
        ),
        LockStanding::Free | LockStanding::Expired(_) => format!("{target} is not locked"),
    }
}
