//! A query that says whether to stop, on a session that is open before a run begins and kept: during the fault there may
//! be none to be had. One that the fault ends is opened anew.
//!
//! Each look is a READ ONLY transaction of its own, rolled back, in which the server ends every statement that takes too
//! long. It does not keep a query from calling functions that do harm without writing, such as `pg_terminate_backend`.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use lifeboat_engine::{Seen, StopLook};
use tokio::time::timeout;
use tokio_postgres::types::Type;

use crate::postgres::{PgError, Server, Session};

/// The server's limit for a statement, and ours for the whole look.
const STATEMENT_LIMIT: Duration = Duration::from_secs(5);
const LOOK_LIMIT: Duration = Duration::from_secs(7);

/// How long a session that owes an answer gets to end.
const END_LIMIT: Duration = Duration::from_secs(1);

pub struct SqlLook {
    server: Server,
    application_name: String,
    sql: String,
    session: Option<Session>,
}

impl SqlLook {
    /// Opens the session.
    ///
    /// # Errors
    /// Why the server does not let the role in.
    pub async fn open(server: Server, application_name: String, sql: &str) -> Result<Self, String> {
        let session = server
            .connect(&application_name, LOOK_LIMIT)
            .await
            .map_err(|error| format!("cannot connect to {}: {error}{}", server.address(), error.advice()))?;
        let sql = sql.trim().trim_end_matches(';').to_owned();
        Ok(Self { server, application_name, sql, session: Some(session) })
    }

    async fn ask(&mut self) -> Result<bool, PgError> {
        let session = match &mut self.session {
            Some(held) if !held.is_closed() => held,
            lost => lost.insert(self.server.connect(&self.application_name, LOOK_LIMIT).await?),
        };
        let transaction = session.client_mut().build_transaction().read_only(true).start().await?;
        let limit = STATEMENT_LIMIT.as_millis();
        transaction.batch_execute(&format!("SET LOCAL statement_timeout = {limit}")).await?;
        // Preparing refuses more than one statement, so that none can end the transaction and go on.
        let query = transaction.prepare(&self.sql).await?;
        let [column] = query.columns() else {
            return Err(form(format!("it gives {} columns", query.columns().len())));
        };
        if *column.type_() != Type::BOOL {
            return Err(form(format!("its column is of type {}", column.type_().name())));
        }
        let portal = transaction.bind(&query, &[]).await?;
        let rows = transaction.query_portal(&portal, 2).await?;
        let answer = match rows.as_slice() {
            [row] => row.get::<_, Option<bool>>(0).ok_or_else(|| form("it answers NULL".into())),
            [] => Err(form("it gives no row".into())),
            _ => Err(form("it gives more than one row".into())),
        };
        transaction.rollback().await?;
        answer
    }
}

/// What is wrong with the form of the query or of its answer.
fn form(what: String) -> PgError {
    let text =
        format!("{what}; write a SELECT with one row of one boolean column, true where the run has to stop");
    PgError { fatal: false, ..PgError::no_answer(text) }
}

impl StopLook for SqlLook {
    fn look(&mut self) -> BoxFuture<'_, Seen> {
        async {
            match timeout(LOOK_LIMIT, self.ask()).await {
                Ok(Ok(false)) => Seen::Well,
                Ok(Ok(true)) => Seen::Trips("its query answers true".into()),
                Ok(Err(error)) => Seen::Unreadable(format!("its query: {error}")),
                Err(_) => {
                    self.close().await;
                    Seen::Unreadable(format!("its query: no answer within {} s", LOOK_LIMIT.as_secs()))
                }
            }
        }
        .boxed()
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        async {
            // A look may have been dropped in the middle of its query.
            if let Some(session) = self.session.take() {
                session.give_up(END_LIMIT).await;
            }
        }
        .boxed()
    }
}
