//! Calls that change something: made once, and again only after the state was read.

use std::future::Future;
use std::time::Duration;

use lifeboat_engine::wait_for;
use lifeboat_targets::{Aws, AwsError, Effect};

/// How often a call is made before the drill gives up.
const CALLS: u32 = 4;

/// How long the effect of a call without an answer is looked for.
const SEEN_WITHIN: Duration = Duration::from_secs(2);

/// Makes a call until it is accepted. After a throttle it is made again; after an error that may have had its effect,
/// `seen` says whether it had, and only if not is it made again. Gives whether it was answered.
///
/// # Errors
/// The last error; its effect is [`Effect::Perhaps`] if any of the calls may have had one.
pub async fn until_accepted<Fut, Look>(
    aws: &Aws,
    mut call: impl FnMut() -> Fut,
    seen: impl Fn() -> Look,
) -> Result<bool, AwsError>
where
    Fut: Future<Output = Result<(), AwsError>>,
    Look: Future<Output = Result<bool, AwsError>>,
{
    let mut perhaps = false;
    for attempt in 1..=CALLS {
        let mut error = match call().await {
            Ok(()) => return Ok(true),
            Err(error) => error,
        };
        perhaps |= error.effect == Effect::Perhaps;
        if perhaps && was_seen(&seen).await {
            aws.count_retry(&error);
            return Ok(false);
        }
        if attempt == CALLS || !error.is_passing() {
            error.effect = if perhaps { Effect::Perhaps } else { Effect::None };
            return Err(error);
        }
        aws.count_retry(&error);
        settle(Duration::from_millis(200) * attempt).await;
    }
    unreachable!("the last attempt returns")
}

async fn was_seen<Look>(seen: &impl Fn() -> Look) -> bool
where
    Look: Future<Output = Result<bool, AwsError>>,
{
    let looking = wait_for("the effect of a call", Duration::from_millis(200), SEEN_WITHIN, || async {
        match seen().await {
            Ok(true) => Ok(()),
            Ok(false) => Err("no effect".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    });
    looking.await.is_ok()
}

/// A pause between two calls, as AWS asks for after a throttle.
#[expect(
    clippy::disallowed_methods,
    reason = "a throttled caller has to wait, there is no condition to wait for"
)]
pub async fn settle(pause: Duration) {
    tokio::time::sleep(pause).await;
}
