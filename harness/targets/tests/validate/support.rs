//! Two databases on one real server, and what is asked of them.

use std::collections::BTreeMap;
use std::time::Duration;

use lifeboat_model::{Secret, ServerRef};
use lifeboat_sandbox::{Config, RuntimeChoice, Sandbox, Seed};
use lifeboat_targets::postgres::validate::{
    Comparison, DataOutcome, Expectations, Filter, Pair as Sides, Side, Since, Subject, Validation,
    WriteMarks, compare, pin_settings, table_shape, validate, write_marks,
};
use lifeboat_targets::postgres::{Server, Session, connection_limits};
use time::OffsetDateTime;

/// The source is the database `before`, the copy `after`.
pub struct Pair {
    sandbox: Sandbox,
    pub left: Session,
    pub right: Session,
    pub source: Server,
    pub copy: Server,
    pub version: u32,
}

impl Pair {
    pub async fn start() -> Self {
        let seed = "[[servers]]\nname = 'a'\ndatabase = 'before'\nuser = 'drill'\nmax_connections = 40\n";
        let config = Config {
            runtime: RuntimeChoice::Native,
            seed: Some(Seed::parse(seed).unwrap()),
            ..Config::default()
        };
        let sandbox = Sandbox::start(config).await.unwrap();
        let exports: BTreeMap<String, String> = sandbox.exports().into_iter().collect();
        let server = |database: &str| {
            let reference = ServerRef {
                target: "a".into(),
                host: exports["LIFEBOAT_SANDBOX_A_HOST"].clone(),
                port: exports["LIFEBOAT_SANDBOX_A_PORT"].parse().unwrap(),
                database: database.into(),
                user: "drill".into(),
                own_sandbox: true,
                instance: None,
                patience_s: 0,
                copy: false,
                tls: None,
                endpoint: None,
            };
            Server::new(reference, Secret::new(exports["LIFEBOAT_SANDBOX_PASSWORD"].clone()))
        };
        let (source, copy) = (server("before"), server("after"));
        let left = connect(&source).await;
        left.client().batch_execute("CREATE DATABASE after").await.unwrap();
        let version = connection_limits(&left).await.unwrap().version;
        let right = connect(&copy).await;
        Self { left, right, source, copy, version, sandbox }
    }

    pub async fn both(&self, sql: &str) {
        self.left(sql).await;
        self.right(sql).await;
    }

    pub async fn left(&self, sql: &str) {
        self.left.client().batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    pub async fn right(&self, sql: &str) {
        self.right.client().batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// `None` if the tables are the same.
    pub async fn compare(&self, table: &str) -> Option<Comparison> {
        let shape = table_shape(&self.left, "public", table).await.unwrap().unwrap();
        let side = |session| Side { session, version: self.version };
        let pair = Sides { left: side(&self.left), right: side(&self.right) };
        let found = compare(&[pair], &shape, &Filter::default()).await.unwrap();
        (!found.is_same()).then_some(found)
    }

    /// A validation against the marks of the source as it was a moment ago.
    pub async fn validate(&self, expectations: &str) -> Validation {
        let session = connect(&self.source).await;
        let marks = write_marks(&session).await.unwrap();
        session.close().await;
        self.validate_since(expectations, Some(marks)).await
    }

    pub async fn validate_since(&self, expectations: &str, marks: Option<WriteMarks>) -> Validation {
        let expectations: Expectations = serde_json::from_str(expectations).unwrap();
        let since = Since { at: OffsetDateTime::now_utc(), marks };
        let ignore_schemas = vec!["lifeboat".to_owned()];
        let subject = Subject {
            source: Some(&self.source),
            copy: &self.copy,
            expectations: &expectations,
            since: &since,
            ignore_schemas: &ignore_schemas,
            application_name: "validation",
            workers: 2,
            limit: Duration::from_secs(60),
        };
        validate(&subject).await.unwrap()
    }

    pub async fn stop(self) {
        drop((self.left, self.right));
        self.sandbox.shutdown().await.unwrap();
    }
}

pub async fn connect(server: &Server) -> Session {
    let session = server.connect("test", Duration::from_secs(5)).await.unwrap();
    pin_settings(&session).await.unwrap();
    session
}

/// The findings of one outcome, as lines.
pub fn lines(validation: &Validation, outcome: DataOutcome) -> Vec<String> {
    validation.of(outcome).map(|finding| format!("{} {}", finding.subject, finding.message)).collect()
}

/// Asserts that the findings of one outcome say all of this.
#[track_caller]
pub fn says(validation: &Validation, outcome: DataOutcome, words: &[&str]) {
    let said = lines(validation, outcome).join("\n");
    for part in words {
        assert!(said.contains(part), "{outcome:?} does not say `{part}`: {:#?}", validation.findings);
    }
}
