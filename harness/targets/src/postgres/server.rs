//! A server and who connects to it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use lifeboat_engine::Tried;
use lifeboat_model::{AttemptOutcome, NoPassword, Password, Secret, ServerRef, ServerTls, Stage};
use thiserror::Error;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::Severity;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, NoTls, Socket};

use super::login::Login;
use super::tls::{Connector, is_distrust};

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
    /// Whether the server was not trusted, or has no TLS where there has to be: nobody logged in.
    pub distrust: bool,
    /// Whether the password cannot be had from whoever keeps it: nobody tried to log in with it.
    pub no_password: bool,
    /// Whether a password that the server takes may be had a little later: whoever keeps it does not answer.
    pub password_later: bool,
    /// Whether what was refused is a token of IAM authentication.
    pub by_token: bool,
}

impl PgError {
    /// The session ended, or was not there, without an answer.
    pub fn no_answer(text: impl Into<String>) -> Self {
        Self {
            code: None,
            text: text.into(),
            fatal: true,
            distrust: false,
            no_password: false,
            password_later: false,
            by_token: false,
        }
    }

    /// No answer within this time.
    pub fn timeout(limit: Duration) -> Self {
        Self::no_answer(format!("no answer within {} ms", limit.as_millis()))
    }

    /// Whoever knows the password could not be asked: nobody logged in.
    pub(super) fn no_password(error: NoPassword) -> Self {
        Self { no_password: true, password_later: error.passing, ..Self::no_answer(error.why) }
    }

    fn distrust(text: String) -> Self {
        Self { distrust: true, ..Self::no_answer(text) }
    }

    /// Whether the server answered that it did not do what was asked. An answer that ends the session can come after a
    /// commit, and 40003 says that the server does not know.
    pub fn is_refusal(&self) -> bool {
        !self.fatal && self.code.as_deref().is_some_and(|code| code != "40003" && !code.starts_with("08"))
    }

    /// Whether the server may let the same role in a little later: it does not answer, starts, stops, or is full; or whoever
    /// keeps the role's password does not answer.
    pub fn is_passing(&self) -> bool {
        let passing =
            |code: &str| code.starts_with("57P") || code.starts_with("53") || code.starts_with("08");
        let refused = self.distrust || self.no_password;
        self.password_later || (!refused && self.code.as_deref().is_none_or(passing))
    }

    /// What a person can do about it where it came from opening a session, as the end of a sentence; often nothing is
    /// known.
    pub fn advice(&self) -> &'static str {
        match self.code.as_deref() {
            Some("28000") if self.wants_tls() => {
                "; the server wants TLS: give the target tls = \"verify-full\" and tls_ca"
            }
            Some("28P01" | "28000") if self.by_token => {
                "; a token was refused: see that IAM authentication is on, that the user exists and has the role rds_iam, and \
                 that the credentials last and are allowed rds-db:connect as it (`lifeboat iam-policy` prints the statement)"
            }
            Some("28P01" | "28000") => "; check the target's user and password",
            Some("3D000") => "; check the target's database",
            Some(_) => "",
            None if self.distrust => {
                "; check the target's tls_ca, that the certificate is of this host and valid, and that the server has TLS"
            }
            // What can be done is said already.
            None if self.no_password => "",
            None => "; check the target's host and port, and that the server runs",
        }
    }

    /// What the server says where it lets nobody in without TLS.
    pub(super) fn wants_tls(&self) -> bool {
        self.code.as_deref() == Some("28000") && self.text.ends_with("no encryption")
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
                distrust: false,
                no_password: false,
                password_later: false,
                by_token: false,
            };
        }
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(next) = cause {
            text = format!("{text}: {next}");
            cause = next.source();
        }
        if is_distrust(&error) { Self::distrust(text) } else { Self::no_answer(text) }
    }
}

/// A server and who connects to it.
#[derive(Clone)]
pub struct Server {
    reference: ServerRef,
    login: Login,
    /// Made at the first connection: the certificates of the CAs of AWS take their time to be read.
    connector: Arc<OnceLock<Connector>>,
}

/// An open session. It ends when this is dropped.
pub struct Session {
    client: Client,
    wire: JoinHandle<()>,
    tls: Option<Connector>,
    stage: Option<Stage>,
}

impl Server {
    /// From where it is and the password of its role.
    pub fn new(reference: ServerRef, password: impl Into<Password>) -> Self {
        Self { reference, login: Login::new(password.into()), connector: Arc::default() }
    }

    /// Where it is and who connects.
    pub fn reference(&self) -> &ServerRef {
        &self.reference
    }

    /// The same server for another role.
    #[must_use]
    pub fn with_role(&self, user: &str, password: impl Into<Password>) -> Self {
        Self {
            reference: ServerRef { user: user.into(), ..self.reference.clone() },
            login: Login::new(password.into()),
            ..self.clone()
        }
    }

    /// The same server, known as a DB instance by its DbiResourceId.
    #[must_use]
    pub fn of_instance(self, resource_id: &str) -> Self {
        let reference = ServerRef { instance: Some(resource_id.into()), ..self.reference };
        Self { reference, ..self }
    }

    /// The same server, which is a copy: its passwords may be those of the time that it is of.
    #[must_use]
    pub fn of_copy(self) -> Self {
        Self { reference: ServerRef { copy: true, ..self.reference }, ..self }
    }

    /// The same server, whose address may lead nowhere for so long once its name was another's.
    #[must_use]
    pub fn with_patience(self, patience_s: u64) -> Self {
        Self { reference: ServerRef { patience_s, ..self.reference }, ..self }
    }

    /// The same server, reached by another way than its own name, which its certificate is of.
    #[must_use]
    pub fn with_certificate_of(self, name: &str) -> Self {
        let tls = self.reference.tls.map(|tls| ServerTls { name: Some(name.into()), ..tls });
        Self { reference: ServerRef { tls, ..self.reference }, connector: Arc::default(), ..self }
    }

    /// The same server, reached by another way than the DB instance's own endpoint, which tokens are of.
    #[must_use]
    pub fn with_endpoint(self, host: &str, port: u16) -> Self {
        let endpoint = Some(format!("{host}:{port}"));
        Self { reference: ServerRef { endpoint, ..self.reference }, ..self }
    }

    /// `host:port`.
    pub fn address(&self) -> String {
        format!("{}:{}", self.reference.host, self.reference.port)
    }

    /// Opens a session, within `limit`. It is encrypted and the server's certificate verified where the reference says so,
    /// and never otherwise then.
    ///
    /// # Errors
    /// [`PgError`].
    pub async fn connect(&self, application_name: &str, limit: Duration) -> Result<Session, PgError> {
        let opening = self.login.open(&self.reference, limit, |password| async move {
            self.log_in(&password, application_name, limit).await
        });
        let (session, stage) = opening.await?;
        Ok(Session { stage, ..session })
    }

    async fn log_in(
        &self,
        password: &Secret,
        application_name: &str,
        limit: Duration,
    ) -> Result<Session, PgError> {
        let tls = self.connector()?;
        let mut config = Config::new();
        config
            .host(&self.reference.host)
            .port(self.reference.port)
            .dbname(&self.reference.database)
            .user(&self.reference.user)
            .password(password.expose())
            .application_name(application_name)
            .ssl_mode(if tls.is_some() { SslMode::Require } else { SslMode::Disable })
            .connect_timeout(limit)
            .keepalives_idle(Duration::from_secs(1))
            .keepalives_interval(Duration::from_secs(1))
            .keepalives_retries(5)
            .tcp_user_timeout(Duration::from_secs(10));
        let opened = match &tls {
            Some(tls) => timeout(limit, open(&config, tls.clone())).await,
            None => timeout(limit, open(&config, NoTls)).await,
        };
        let (client, wire) = opened.map_err(|_| PgError::timeout(limit))??;
        Ok(Session { client, wire, tls, stage: None })
    }

    fn connector(&self) -> Result<Option<Connector>, PgError> {
        let Some(tls) = &self.reference.tls else { return Ok(None) };
        if let Some(made) = self.connector.get() {
            return Ok(Some(made.clone()));
        }
        let made = Connector::new(tls).map_err(PgError::distrust)?;
        Ok(Some(self.connector.get_or_init(|| made).clone()))
    }
}

async fn open<T>(config: &Config, tls: T) -> Result<(Client, JoinHandle<()>), tokio_postgres::Error>
where
    T: MakeTlsConnect<Socket>,
    T::Stream: Send + 'static,
{
    let (client, connection) = config.connect(tls).await?;
    let wire = tokio::spawn(async move {
        // Its error reaches whoever waits for an answer on the client.
        let _ = connection.await;
    });
    Ok((client, wire))
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

    /// Which version of a kept password the server took; none where the password is given, and where it is not known which
    /// it is by now.
    pub fn stage(&self) -> Option<Stage> {
        self.stage
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
        let Self { client, mut wire, tls, stage: _ } = self;
        let token = client.cancel_token();
        let cancelled = match tls {
            Some(tls) => timeout(limit, token.cancel_query(tls)).await,
            None => timeout(limit, token.cancel_query(NoTls)).await,
        };
        drop(client);
        if matches!(cancelled, Ok(Ok(()))) && timeout(limit, &mut wire).await.is_ok() {
            return;
        }
        wire.abort();
    }

    /// Ends the session and waits until the socket is closed.
    pub async fn close(self) {
        let Self { client, wire, .. } = self;
        drop(client);
        let _ = wire.await;
    }
}
