//! Calls to DynamoDB that change something, and whose effect is read a moment later than it was had.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lifeboat_engine::{StepError, wait_for};
use lifeboat_targets::{Aws, AwsError, Effect};

/// How long the effect of a call without an answer is looked for.
const SEEN_WITHIN: Duration = Duration::from_secs(2);

/// What a look that failed is to a wait: what was seen, after which it goes on; or its end, where nobody can look before
/// somebody has signed in again, and what is waited for is not to blame.
pub fn unseen<T>(error: &AwsError, what: &str) -> Result<Result<T, StepError>, String> {
    match error.lacks_credentials_for_good() {
        true => Ok(Err(error.ends_step(format!("cannot look at {what}")))),
        false => Err(error.to_string()),
    }
}

/// [`Aws::change`], where what `seen` reads may still be on its way. Gives whether the call was answered.
///
/// # Errors
/// The call's last error; its effect is [`lifeboat_targets::Effect::Perhaps`] if any of the calls may have had one.
pub async fn until_accepted<Fut, Look>(
    aws: &Aws,
    call: impl FnMut() -> Fut,
    seen: impl Fn() -> Look,
) -> Result<bool, AwsError>
where
    Fut: Future<Output = Result<(), AwsError>>,
    Look: Future<Output = Result<bool, AwsError>>,
{
    aws.change(call, || async {
        let looking = wait_for("the effect of a call", Duration::from_millis(200), SEEN_WITHIN, || async {
            match seen().await {
                Ok(true) => Ok(()),
                Ok(false) => Err("no effect".to_owned()),
                Err(error) => Err(error.to_string()),
            }
        });
        // The last look decides; where it cannot be made, the call is not made again.
        if looking.await.is_ok() { Ok(true) } else { seen().await }
    })
    .await
}

/// Keeps what a call answered that is made again where an answer may have been lost.
pub struct Answer<T> {
    answered: Mutex<Option<T>>,
    lost: AtomicBool,
}

impl<T> Answer<T> {
    pub fn new() -> Self {
        Self { answered: Mutex::new(None), lost: AtomicBool::new(false) }
    }

    /// Waits for the answer of one such call.
    pub async fn keep(&self, call: impl Future<Output = Result<T, AwsError>>) -> Result<(), AwsError> {
        let answered = call.await.inspect_err(|error| {
            if error.effect == Effect::Perhaps {
                self.lost.store(true, Relaxed);
            }
        })?;
        *self.answered.lock().unwrap_or_else(PoisonError::into_inner) = Some(answered);
        Ok(())
    }

    /// What was made, if that was answered.
    pub fn given(self) -> Option<T> {
        self.answered.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same, if no call before it can have made another.
    pub fn only(self) -> Option<T> {
        if self.lost.load(Relaxed) { None } else { self.given() }
    }
}
