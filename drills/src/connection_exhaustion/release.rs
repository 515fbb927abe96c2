//! Letting go, and the way back to the steady state.

use std::time::Duration;

use futures_util::future::join_all;
use lifeboat_engine::{Context, StepError, wait_for};
use lifeboat_model::Stream;
use lifeboat_targets::postgres::{Session, open_sessions};

use super::state::Shared;

/// Closes every client and waits until fresh connections have succeeded for long enough. That they did not is a missed
/// objective and no error.
pub async fn release(s: Shared, context: Context) -> Result<(), StepError> {
    let clients = s.take_clients();
    context.mark("release");
    let released = context.now();
    join_all(clients.into_iter().map(Session::close)).await;
    context.mark("released");
    let stable_for = s.options.stable_for();
    let back = wait_for("fresh connections", Duration::from_millis(50), s.give_up(), || async {
        let seen = context.probes().seen(Stream::Connect, released);
        let last_failure = seen.iter().rev().find(|a| !a.ok());
        let since = last_failure.map_or(released, |a| a.end);
        let first = seen.iter().find(|a| a.ok() && a.end > since);
        match first {
            Some(first) if context.now().since(first.end) >= stable_for => Ok(()),
            Some(_) => Err("connected, not yet for long".to_owned()),
            None => Err(last_failure.map_or_else(|| "no attempt yet".into(), |a| a.failure_text())),
        }
    })
    .await;
    context.observe("recovery", back.map_or_else(|error| error.to_string(), |()| "recovered".into()));
    Ok(())
}

/// Stops the probes and counts the sessions until they are as many as before.
pub async fn await_calm(s: Shared, context: Context) -> Result<(), StepError> {
    context.mark("observed-until");
    context.probes().stop().await;
    let watcher = s.watcher()?;
    let (before, scope) = (s.sessions_before(), s.scope()?);
    let calm =
        wait_for("the sessions to end", Duration::from_millis(100), Duration::from_secs(60), || async {
            let open = match open_sessions(&watcher).await {
                Ok(open) => open.of(scope),
                // It is not opened again: whoever lost it knows no more.
                Err(error) if watcher.is_closed() => {
                    return Ok(format!("the connection that watches was lost: {error}"));
                }
                Err(error) => return Err(error.to_string()),
            };
            context.observe("open-sessions-after", open);
            if open <= before {
                Ok("calm".to_owned())
            } else {
                Err(format!("{open} sessions, {before} before"))
            }
        })
        .await;
    context.observe("calm", calm.unwrap_or_else(|error| error.to_string()));
    drop(watcher);
    s.drop_watcher();
    Ok(())
}
