//! How many connections a server takes.

use serde::{Deserialize, Serialize};

use super::{PgError, Session};

/// The settings that bound connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionLimits {
    /// max_connections.
    pub max_connections: u32,
    /// superuser_reserved_connections.
    pub superuser_reserved: u32,
    /// reserved_connections, of PostgreSQL 16 and later; 0 before.
    pub reserved: u32,
    /// rds.rds_superuser_reserved_connections, of Amazon RDS; 0 elsewhere.
    pub rds_reserved: u32,
    /// The limit of the role itself; `None` for no limit.
    pub role_limit: Option<u32>,
    /// The limit of the database; `None` for no limit.
    pub database_limit: Option<u32>,
    /// server_version_num.
    pub version: u32,
}

impl ConnectionLimits {
    /// How many an application's role gets at most.
    pub fn for_applications(&self) -> u32 {
        self.max_connections
            .saturating_sub(self.superuser_reserved + self.reserved + self.rds_reserved)
            .min(self.role_limit.unwrap_or(u32::MAX))
            .min(self.database_limit.unwrap_or(u32::MAX))
    }
}

/// Reads the settings.
///
/// # Errors
/// [`PgError`].
pub async fn connection_limits(session: &Session) -> Result<ConnectionLimits, PgError> {
    let rows = session
        .client()
        .query(
            "SELECT name, setting FROM pg_settings WHERE name IN ('max_connections', \
             'superuser_reserved_connections', 'reserved_connections', 'rds.rds_superuser_reserved_connections', \
             'server_version_num')",
            &[],
        )
        .await?;
    let setting = |name: &str| -> u32 {
        rows.iter()
            .find(|row| row.get::<_, &str>(0) == name)
            .and_then(|row| row.get::<_, &str>(1).parse().ok())
            .unwrap_or_default()
    };
    let own = session
        .client()
        .query_one(
            "SELECT (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user), \
             (SELECT datconnlimit FROM pg_database WHERE datname = current_database())",
            &[],
        )
        .await?;
    let limit = |index: usize| own.get::<_, Option<i32>>(index).and_then(|limit| u32::try_from(limit).ok());
    Ok(ConnectionLimits {
        max_connections: setting("max_connections"),
        superuser_reserved: setting("superuser_reserved_connections"),
        reserved: setting("reserved_connections"),
        rds_reserved: setting("rds.rds_superuser_reserved_connections"),
        role_limit: limit(0),
        database_limit: limit(1),
        version: setting("server_version_num"),
    })
}

/// How many client sessions the server has, this one among them. Sessions of other roles are counted even where their
/// details are hidden.
///
/// # Errors
/// [`PgError`].
pub async fn open_sessions(session: &Session) -> Result<u32, PgError> {
    let row = session
        .client()
        .query_one(
            "SELECT count(*) FROM pg_stat_activity \
             WHERE datid IS NOT NULL AND usesysid IS NOT NULL AND coalesce(backend_type, 'client backend') = \
             'client backend'",
            &[],
        )
        .await?;
    Ok(u32::try_from(row.get::<_, i64>(0)).unwrap_or(u32::MAX))
}
