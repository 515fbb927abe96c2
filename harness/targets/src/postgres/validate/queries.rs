//! Queries of the plan's own, with the answers that they have to give on the copy.

use tokio::time::Instant;

use super::schema::short;
use super::snapshot::apart;
use super::{DataFinding, QueryExpectation};
use crate::postgres::{PgError, Session};

/// Asks each query on a session that is in a READ ONLY transaction and has the role's own settings.
pub(super) async fn ask(
    session: &Session,
    queries: &[QueryExpectation],
    show_values: bool,
    deadline: Instant,
) -> Vec<DataFinding> {
    let mut found = Vec::new();
    for query in queries {
        let subject = format!("query {}", short(&query.sql));
        found.push(match apart(&[session], deadline, answer(session, &query.sql)).await {
            Ok(Answer::Value(value)) if value.as_ref() == Some(&query.answer) => {
                DataFinding::same(subject, format!("answers {}", short(&query.answer)))
            }
            Ok(answer) => {
                let text = match answer {
                    Answer::Value(Some(_)) if !show_values => "something else".into(),
                    Answer::Value(Some(value)) => format!("`{}`", short(&value)),
                    Answer::Value(None) => "NULL".into(),
                    Answer::Rows(rows) => format!("{rows} rows"),
                };
                let message = format!("answers {text}, expected is `{}`", short(&query.answer));
                DataFinding::different(subject, message)
            }
            Err(error) => DataFinding::cannot_tell(subject, format!("could not be asked: {error}")),
        });
    }
    found
}

enum Answer {
    Value(Option<String>),
    Rows(usize),
}

async fn answer(session: &Session, sql: &str) -> Result<Answer, PgError> {
    let client = session.client();
    let sql = sql.trim().trim_end_matches(';');
    // Preparing refuses more than one statement, and tells how many columns there are.
    let columns = client.prepare(sql).await?.columns().len();
    if columns != 1 {
        let text = format!("it gives {columns} columns; select one value");
        return Err(PgError { fatal: false, ..PgError::no_answer(text) });
    }
    // The line break ends a comment that the query may end with.
    let rows =
        client.query(&format!("SELECT (q.value)::text FROM (\n{sql}\n) AS q(value) LIMIT 2"), &[]).await?;
    Ok(match rows.as_slice() {
        [row] => Answer::Value(row.get(0)),
        rows => Answer::Rows(rows.len()),
    })
}
