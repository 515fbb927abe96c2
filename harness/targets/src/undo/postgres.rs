//! Undo actions over SQL.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lifeboat_engine::wait_for;
use lifeboat_model::{Secret, ServerRef, UndoEnd};

use crate::postgres::{PgError, Server, Session, drop_schema};

/// How long a server that does not answer, or is full, gets to come back: a failover on AWS takes up to 37 s.
const PATIENCE: Duration = Duration::from_secs(40);

/// The same for a server that has not come back before, in the same clean-up.
const LITTLE_PATIENCE: Duration = Duration::from_secs(2);

/// How long the run's sessions get to end. After a moment they are told.
const SESSIONS_LIMIT: Duration = Duration::from_secs(15);

/// The servers of a plan; it knows the passwords by target and role.
pub struct Servers {
    passwords: BTreeMap<(String, String), Secret>,
    given_up: Mutex<BTreeSet<String>>,
}

impl Servers {
    /// With the passwords of the plan's targets, by the target's name and the role's.
    pub fn new(passwords: BTreeMap<(String, String), Secret>) -> Self {
        Self { passwords, given_up: Mutex::default() }
    }

    /// A session on a server, which gets time to come back.
    async fn connect(&self, reference: &ServerRef) -> Result<Session, String> {
        let key = (reference.target.clone(), reference.user.clone());
        let password = self.passwords.get(&key).ok_or_else(|| {
            format!(
                "the plan has no password of `{}` for target `{}` any more",
                reference.user, reference.target
            )
        })?;
        let server = Server::new(reference.clone(), password.clone());
        let address = server.address();
        let known = self.given_up.lock().unwrap_or_else(PoisonError::into_inner).contains(&address);
        let limit = if known { LITTLE_PATIENCE } else { PATIENCE };
        let what = format!("a connection to {address} as `{}`", reference.user);
        let connected = wait_for(what, Duration::from_millis(250), limit, || async {
            match server.connect("lifeboat/undo", Duration::from_secs(5)).await {
                Err(error) if error.is_passing() => Err(error),
                settled => Ok(settled),
            }
        })
        .await;
        match connected {
            Ok(settled) => settled.map_err(|error| format!("cannot connect to {address}: {error}")),
            Err(error) => {
                self.given_up.lock().unwrap_or_else(PoisonError::into_inner).insert(address);
                Err(error.to_string())
            }
        }
    }

    /// Drops a schema of the drill's own.
    pub async fn drop_schema(
        &self,
        server: &ServerRef,
        schema: &str,
        comment: &str,
        application_name: &str,
    ) -> Result<(UndoEnd, String), String> {
        let session = self.connect(server).await?;
        // The statement that creates it may still be under way, and find its lock after we have looked.
        end_sessions(&session, application_name).await?;
        let done = drop_schema(&session, schema, comment).await;
        session.close().await;
        done
    }

    /// Ends the run's sessions.
    pub async fn end_sessions(
        &self,
        server: &ServerRef,
        application_name: &str,
    ) -> Result<(UndoEnd, String), String> {
        let session = self.connect(server).await?;
        let done = end_sessions(&session, application_name).await;
        session.close().await;
        done.map(|()| (UndoEnd::Undone, "no session of the run is left".into()))
    }
}

/// Waits until the server counts no session whose application name begins so.
async fn end_sessions(session: &Session, application_name: &str) -> Result<(), String> {
    let mut looks = 0;
    wait_for("the run's sessions to end", Duration::from_millis(100), SESSIONS_LIMIT, || {
        looks += 1;
        // What this process held is closed, and the server takes a moment to notice.
        let terminate = looks > 5;
        async move {
            match count_sessions(session, application_name, terminate).await {
                Ok(0) => Ok(Ok(())),
                Ok(left) => Err(format!("{left} sessions still open")),
                Err(error) if session.is_closed() => Ok(Err(format!("the connection was lost: {error}"))),
                Err(error) => Err(error.to_string()),
            }
        }
    })
    .await
    .map_err(|error| error.to_string())?
}

async fn count_sessions(session: &Session, application_name: &str, terminate: bool) -> Result<i64, PgError> {
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
