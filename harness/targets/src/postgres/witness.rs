//! Which server answers.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{PgError, Session};

/// What tells one server from another, asked through the endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerWitness {
    /// The server's own address.
    pub address: String,
    /// Its own port.
    pub port: i32,
    /// When its postmaster started.
    pub started: String,
    /// Whether it is in recovery.
    pub in_recovery: bool,
}

impl fmt::Display for ServerWitness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = if self.in_recovery { ", in recovery" } else { "" };
        write!(f, "{}:{} started {}{role}", self.address, self.port, self.started)
    }
}

/// Asks which server answers.
///
/// # Errors
/// [`PgError`].
pub async fn server_witness(session: &Session) -> Result<ServerWitness, PgError> {
    let row = session
        .client()
        .query_one(
            "SELECT coalesce(host(inet_server_addr()), 'local'), coalesce(inet_server_port(), 0), \
             to_char(pg_postmaster_start_time() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), \
             pg_is_in_recovery()",
            &[],
        )
        .await?;
    Ok(ServerWitness { address: row.get(0), port: row.get(1), started: row.get(2), in_recovery: row.get(3) })
}
