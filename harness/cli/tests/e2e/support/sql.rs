//! SQL as a bystander asks it.

use std::time::Duration;

use tokio_postgres::{NoTls, SimpleQueryMessage};

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

async fn ask(database: &Database, statements: &str) -> Result<Vec<String>, tokio_postgres::Error> {
    let mut config = tokio_postgres::Config::new();
    config.host("127.0.0.1").port(database.port).user(&database.user).password(&database.password);
    config.dbname(&database.name).application_name("bystander");
    let (client, connection) = config.connect(NoTls).await?;
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
