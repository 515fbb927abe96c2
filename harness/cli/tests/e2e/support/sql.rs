//! SQL as a bystander asks it.

use std::time::Duration;

use tokio_postgres::{Config, NoTls, SimpleQueryMessage};

/// Where a database is and how to get in.
#[derive(Debug, Clone)]
pub struct Database {
    pub port: u16,
    pub user: String,
    pub password: String,
    pub name: String,
}

/// The rows of the last statement, columns joined by `|`.
pub fn rows(database: &Database, statements: &str) -> Result<Vec<String>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let asking = ask(database, statements);
    runtime.block_on(async {
        match tokio::time::timeout(Duration::from_secs(10), asking).await {
            Ok(answer) => answer.map_err(|error| format!("{error}: {:?}", error.as_db_error())),
            Err(_) => Err("no answer within 10 s".into()),
        }
    })
}

fn config(database: &Database) -> Config {
    let mut config = Config::new();
    config.host("127.0.0.1").port(database.port).user(&database.user).password(&database.password);
    config.dbname(&database.name).application_name("bystander");
    config
}

async fn ask(database: &Database, statements: &str) -> Result<Vec<String>, tokio_postgres::Error> {
    let (client, connection) = config(database).connect(NoTls).await?;
    let wire = tokio::spawn(connection);
    let answers = client.simple_query(statements).await?;
    drop(client);
    let _ = wire.await;
    let rows = answers.iter().filter_map(|answer| match answer {
        SimpleQueryMessage::Row(row) => {
            Some((0..row.len()).map(|column| row.get(column).unwrap_or("NULL")).collect::<Vec<_>>().join("|"))
        }
        _ => None,
    });
    Ok(rows.collect())
}

/// A session that stays open until this is dropped.
pub struct Held {
    _client: tokio_postgres::Client,
    _connection: tokio_postgres::Connection<tokio_postgres::Socket, tokio_postgres::tls::NoTlsStream>,
    _runtime: tokio::runtime::Runtime,
}

impl Held {
    /// Opens one and has it run these statements, the last of which may begin a transaction.
    pub fn open(database: &Database, statements: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (client, mut connection) =
            runtime.block_on(config(database).connect(NoTls)).expect("a session of a bystander");
        runtime.block_on(async {
            tokio::select! {
                done = client.batch_execute(statements) => done.expect("statements of a bystander"),
                ended = &mut connection => panic!("the session of a bystander ended: {ended:?}"),
            }
        });
        Self { _client: client, _connection: connection, _runtime: runtime }
    }
}
