//! A server and who connects to it.

use std::time::Duration;

use lifeboat_engine::Tried;
use lifeboat_model::{AttemptOutcome, Secret, ServerRef};
use thiserror::Error;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::error::Severity;
use tokio_postgres::{Client, Config, NoTls};

/// What a server answered, or that it did not.
#[derive(Debug, Clone, Error)]
#[error("{}{text}", code.as_ref().map(|code| format!("{code} ")).unwrap_or_default())]
pub struct PgError {
    /// SQLSTATE, where the server answered with one.
    pub code: Option<String>,
    /// The server's message, or the cause.
    pub text: String,
    /// Whether the session ended with it (severity FATAL or PANIC, or no answer at all).
    pub fatal: bool,
}

impl PgError {
    /// No answer within this time.
    pub fn timeout(limit: Duration) -> Self {
        Self { code: None, text: format!("no answer within {} ms", limit.as_millis()), fatal: true }
    }

    /// Whether the server answered that it did not do what was asked. An answer that ends the session can come after a
    /// commit, and 40003 says that the server does not know.
    pub fn is_refusal(&self) -> bool {
        !self.fatal && self.code.as_deref().is_some_and(|code| code != "40003" && !code.starts_with("08"))
    }

    /// Whether the server may let the same role in a little later: it does not answer, starts, stops, or is full.
    pub fn is_passing(&self) -> bool {
        self.code
            .as_deref()
            .is_none_or(|code| code.starts_with("57P") || code.starts_with("53") || code.starts_with("08"))
    }

    /// What a person can do about it where it came from opening a session, as the end of a sentence; often nothing is
    /// known.
    pub fn advice(&self) -> &'static str {
        match self.code.as_deref() {
            Some("28P01" | "28000") => "; check the target's user and password",
            Some("3D000") => "; check the target's database",
            Some(_) => "",
            None => "; check the target's host and port, and that the server runs",
        }
    }

    /// The attempt that failed with it, on a session that was open.
    pub fn tried(self) -> Tried {
        let outcome = if self.is_refusal() { AttemptOutcome::Refused } else { AttemptOutcome::Unknown };
        Tried { outcome, code: self.code, text: Some(self.text) }
    }

    /// The attempt that failed with it before anything was sent.
    pub fn never_sent(self) -> Tried {
        Tried { outcome: AttemptOutcome::Refused, code: self.code, text: Some(self.text) }
    }
}

impl From<tokio_postgres::Error> for PgError {
    fn from(error: tokio_postgres::Error) -> Self {
        if let Some(answer) = error.as_db_error() {
            return Self {
                code: Some(answer.code().code().to_owned()),
                text: answer.message().to_owned(),
                fatal: !matches!(answer.parsed_severity(), Some(Severity::Error)),
            };
        }
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(next) = cause {
            text = format!("{text}: {next}");
            cause = next.source();
        }
        Self { code: None, text, fatal: true }
    }
}

/// A server and who connects to it.
#[derive(Debug, Clone)]
pub struct Server {
    reference: ServerRef,
    password: Secret,
}

/// An open session. It ends when this is dropped.
pub struct Session {
    client: Client,
    wire: JoinHandle<()>,
}

impl Server {
    /// From where it is and the password of its role.
    pub fn new(reference: ServerRef, password: Secret) -> Self {
        Self { reference, password }
    }

    /// Where it is and who connects.
    pub fn reference(&self) -> &ServerRef {
        &self.reference
    }

    /// The same server for another role.
    #[must_use]
    pub fn with_role(&self, user: &str, password: Secret) -> Self {
        Self { reference: ServerRef { user: user.into(), ..self.reference.clone() }, password }
    }

    /// The same server, known as a DB instance by its DbiResourceId.
    #[must_use]
    pub fn of_instance(self, resource_id: &str) -> Self {
        let reference = ServerRef { instance: Some(resource_id.into()), ..self.reference };
        Self { reference, ..self }
    }

    /// The same server, whose address may lead nowhere for so long once its name was another's.
    #[must_use]
    pub fn with_patience(self, patience_s: u64) -> Self {
        Self { reference: ServerRef { patience_s, ..self.reference }, ..self }
    }

    /// `host:port`.
    pub fn address(&self) -> String {
        format!("{}:{}", self.reference.host, self.reference.port)
    }

    /// Opens a session, within `limit`. The connection is not encrypted.
    ///
    /// # Errors
    /// [`PgError`].
    pub async fn connect(&self, application_name: &str, limit: Duration) -> Result<Session, PgError> {
        let mut config = Config::new();
        config
            .host(&self.reference.host)
            .port(self.reference.port)
            .dbname(&self.reference.database)
            .user(&self.reference.user)
            .password(self.password.expose())
            .application_name(application_name)
            .connect_timeout(limit)
            .keepalives_idle(Duration::from_secs(1))
            .keepalives_interval(Duration::from_secs(1))
            .keepalives_retries(5)
            .tcp_user_timeout(Duration::from_secs(10));
        let (client, connection) =
            timeout(limit, config.connect(NoTls)).await.map_err(|_| PgError::timeout(limit))??;
        let wire = tokio::spawn(async move {
            // Its error reaches whoever waits for an answer on the client.
            let _ = connection.await;
        });
        Ok(Session { client, wire })
    }
}

impl Session {
    /// The client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The client, for a transaction.
    pub fn client_mut(&mut self) -> &mut Client {
        &mut self.client
    }

    /// Whether the session has ended.
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Gives up a session that owes an answer: asks the server to cancel, and waits until the session has ended. A server
    /// that cannot be reached for that within `limit` does not serve the session any more either.
    ///
    /// Dropping it would leave it open until the answer comes, here and on the server.
    pub async fn give_up(self, limit: Duration) {
        let Self { client, mut wire } = self;
        let cancelled = timeout(limit, client.cancel_token().cancel_query(NoTls)).await;
        drop(client);
        if matches!(cancelled, Ok(Ok(()))) && timeout(limit, &mut wire).await.is_ok() {
            return;
        }
        wire.abort();
    }

    /// Ends the session and waits until the socket is closed.
    pub async fn close(self) {
        let Self { client, wire } = self;
        drop(client);
        let _ = wire.await;
    }
}
