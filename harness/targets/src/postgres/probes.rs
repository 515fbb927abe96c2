//! The streams that speak to PostgreSQL.
//!
//! A connection attempt ends at the attempt's deadline; the limit that the driver gets is longer, so that the record says
//! which of the two it was.

use std::sync::Arc;
use std::time::Duration;

use lifeboat_engine::{AttemptFuture, Probe, ReadyFn, Tried};
use lifeboat_model::Stream;

use super::{Connections, LedgerTable, PgError, Server, Session};

/// A fresh connection at each tick.
pub fn connect_probe(
    server: Server,
    application_name: &str,
    slots: u32,
    interval: Duration,
    deadline: Duration,
) -> Probe {
    let application_name = application_name.to_owned();
    Probe {
        stream: Stream::Connect,
        interval,
        deadline,
        slots,
        holds: false,
        ready: Arc::new(|_| true),
        call: Arc::new(move |_, _| {
            let (server, application_name) = (server.clone(), application_name.clone());
            Box::pin(async move {
                match server.connect(&application_name, deadline * 2).await {
                    Ok(session) => {
                        session.close().await;
                        Tried::ok()
                    }
                    Err(error) => error.never_sent(),
                }
            })
        }),
    }
}

/// One held connection, as a pool holds it.
pub fn pinned_probe(server: Server, application_name: &str, interval: Duration, deadline: Duration) -> Probe {
    let connections = Connections::new(server, application_name.to_owned(), 1, deadline * 2);
    query_probe(Stream::Pinned, connections, 1, interval, deadline)
}

/// A query at each tick, on connections that are made anew after an error.
pub fn read_probe(
    server: Server,
    application_name: &str,
    slots: u32,
    interval: Duration,
    deadline: Duration,
) -> Probe {
    let connections = Connections::new(server, application_name.to_owned(), slots, deadline * 2);
    query_probe(Stream::Read, connections, slots, interval, deadline)
}

fn query_probe(
    stream: Stream,
    connections: Connections,
    slots: u32,
    interval: Duration,
    deadline: Duration,
) -> Probe {
    let ready = ready(&connections);
    let call = Arc::new(move |slot, _| -> AttemptFuture {
        let connections = connections.clone();
        Box::pin(async move { on_slot(&connections, slot, "SELECT 1".into()).await })
    });
    Probe { stream, interval, deadline, slots, holds: true, call, ready }
}

/// An insert into the ledger table at each tick, on connections that are made anew after an error.
pub fn write_probe(
    server: Server,
    application_name: &str,
    table: &LedgerTable,
    slots: u32,
    interval: Duration,
    deadline: Duration,
) -> Probe {
    let connections = Connections::new(server, application_name.to_owned(), slots, deadline * 2);
    let (table, ready) = (table.clone(), ready(&connections));
    let call = Arc::new(move |slot, seq| -> AttemptFuture {
        let (connections, insert) = (connections.clone(), table.insert(slot, seq));
        Box::pin(async move { on_slot(&connections, slot, insert).await })
    });
    Probe { stream: Stream::Write, interval, deadline, slots, holds: true, call, ready }
}

fn ready(connections: &Connections) -> ReadyFn {
    let connections = connections.clone();
    Arc::new(move |slot| connections.is_ready(slot))
}

async fn on_slot(connections: &Connections, slot: u32, statement: String) -> Tried {
    let in_use = match connections.take(slot).await {
        Ok(in_use) => in_use,
        Err(error) => return error.never_sent(),
    };
    let Some(session) = in_use.session().filter(|session| !session.is_closed()) else {
        in_use.end();
        return PgError::no_answer("the held connection had been closed by the server").never_sent();
    };
    match run(session, &statement).await {
        Ok(()) => {
            in_use.put_back();
            Tried::ok()
        }
        Err(error) => {
            in_use.end();
            error.tried()
        }
    }
}

async fn run(session: &Session, statement: &str) -> Result<(), PgError> {
    Ok(session.client().batch_execute(statement).await?)
}
