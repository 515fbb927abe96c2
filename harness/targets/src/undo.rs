//! Carries out undo actions, without plan or drill.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use lifeboat_engine::{Interpreter, wait_for};
use lifeboat_model::{Secret, ServerRef, UndoAction, UndoEnd};

use crate::postgres::{PgError, Server, drop_schema};

/// How long the server gets to count no session of ours any more, before they are terminated and afterwards.
const SESSIONS_LIMIT: Duration = Duration::from_secs(20);

/// Carries out undo actions; it knows the passwords by target and role.
pub struct PostgresInterpreter {
    passwords: BTreeMap<(String, String), Secret>,
}

impl PostgresInterpreter {
    /// With the passwords of the plan's targets, by the target's name and the role's.
    pub fn new(passwords: BTreeMap<(String, String), Secret>) -> Self {
        Self { passwords }
    }

    fn server(&self, reference: &ServerRef) -> Result<Server, String> {
        let key = (reference.target.clone(), reference.user.clone());
        let password = self.passwords.get(&key).ok_or_else(|| {
            format!(
                "the plan has no password of `{}` for target `{}` any more",
                reference.user, reference.target
            )
        })?;
        Ok(Server::new(reference.clone(), password.clone()))
    }
}

impl Interpreter for PostgresInterpreter {
    fn undo<'a>(&'a self, action: &'a UndoAction) -> BoxFuture<'a, Result<(UndoEnd, String), String>> {
        async move {
            match action {
                UndoAction::DropSchema { server, schema, comment } => {
                    drop_schema(&self.server(server)?, schema, comment).await
                }
                UndoAction::EndSessions { server, application_name } => {
                    end_sessions(&self.server(server)?, application_name).await
                }
                UndoAction::Unknown => {
                    Err("this version does not know the action; use the one that ran the drill".into())
                }
            }
        }
        .boxed()
    }
}

async fn end_sessions(server: &Server, application_name: &str) -> Result<(UndoEnd, String), String> {
    let mut looks = 0;
    wait_for("the run's sessions to end", Duration::from_millis(100), SESSIONS_LIMIT, || {
        looks += 1;
        // What this process held is closed; a server takes a moment to notice. After that it is told.
        let terminate = looks > 20;
        async move {
            match count_sessions(server, application_name, terminate).await {
                Ok(0) => Ok(()),
                Ok(left) => Err(format!("{left} sessions still open")),
                Err(error) => Err(error.to_string()),
            }
        }
    })
    .await
    .map_err(|error| format!("{error} (at {})", server.address()))?;
    Ok((UndoEnd::Undone, "no session of the run is left".into()))
}

async fn count_sessions(server: &Server, application_name: &str, terminate: bool) -> Result<i64, PgError> {
    let session = server.connect("lifeboat/undo", Duration::from_secs(5)).await?;
    let row = session
        .client()
        .query_one(
            "SELECT count(*), count(*) FILTER (WHERE $2 AND pg_terminate_backend(pid)) FROM pg_stat_activity \
             WHERE starts_with(application_name, $1) AND pid <> pg_backend_pid()",
            &[&application_name, &terminate],
        )
        .await?;
    session.close().await;
    Ok(row.get(0))
}
