//! Waiting for a condition, with the last status kept for the error.

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use thiserror::Error;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

/// A condition that did not come true in time.
#[derive(Debug, Error)]
#[error("waited {} s for {what}; last seen: {last}", waited.as_secs_f64().round())]
pub struct WaitError {
    what: String,
    waited: Duration,
    last: String,
}

/// Asks `condition` every `every` until it gives a value, for at most `limit`. While it does not hold, it gives what it
/// saw instead.
///
/// # Errors
/// [`WaitError`], with what was seen last.
pub async fn wait_for<T, S, F, Fut>(
    what: impl Into<String>,
    every: Duration,
    limit: Duration,
    mut condition: F,
) -> Result<T, WaitError>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, S>>,
    S: Display,
{
    let end = Instant::now() + limit;
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = "nothing yet".to_owned();
    let looking = async {
        loop {
            ticks.tick().await;
            match condition().await {
                Ok(value) => return value,
                Err(seen) => last = seen.to_string(),
            }
        }
    };
    match timeout_at(end, looking).await {
        Ok(value) => Ok(value),
        Err(_) => Err(WaitError { what: what.into(), waited: limit, last }),
    }
}
