//! The sessions of a run, known to the server by what their application name begins with.

use std::time::Duration;

use lifeboat_engine::wait_for;

use super::{PgError, Session};

/// How long a session that was closed may take to be gone on a busy server.
const ENDS_WITHIN: Duration = Duration::from_secs(15);

/// How many there are beside this one; if so told, each is ended.
pub(crate) async fn count_sessions(
    session: &Session,
    application_name: &str,
    terminate: bool,
) -> Result<i64, PgError> {
    let row = session
        .client()
        .query_one(
            "SELECT count(*), count(*) FILTER (WHERE $2 AND pg_terminate_backend(pid)) FROM pg_stat_activity \
             WHERE starts_with(application_name, $1) AND pid <> pg_backend_pid()",
            &[&application_name, &terminate],
        )
        .await?;
    Ok(row.get(0))
}

/// Waits until this one is the only one left: what a session has written it hands in to the counters when it ends, which
/// is a moment after it was closed.
///
/// # Errors
/// A sentence, if others are there for longer than a closed one can be.
pub async fn alone_of_run(session: &Session, application_name: &str) -> Result<(), String> {
    wait_for("the drill's sessions before to end", Duration::from_millis(20), ENDS_WITHIN, || async {
        match count_sessions(session, application_name, false).await {
            Ok(0) => Ok(()),
            Ok(left) => Err(format!("{left} still open")),
            Err(error) => Err(error.to_string()),
        }
    })
    .await
    .map_err(|error| error.to_string())
}
