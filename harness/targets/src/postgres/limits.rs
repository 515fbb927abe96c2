//! How many connections a server takes, and how many it has.

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
    /// Whether the role may take the reserved ones.
    pub may_use_reserve: bool,
    /// server_version_num.
    pub version: u32,
}

/// How many client sessions are open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionCounts {
    /// On the server.
    pub server: u32,
    /// Of the role.
    pub role: u32,
    /// In the database.
    pub database: u32,
}

/// Which of the limits is met first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LimitScope {
    /// max_connections less the reserved ones.
    Server,
    /// The role's own.
    Role,
    /// The database's own.
    Database,
}

impl SessionCounts {
    /// The sessions that one limit counts.
    pub fn of(&self, scope: LimitScope) -> u32 {
        match scope {
            LimitScope::Server => self.server,
            LimitScope::Role => self.role,
            LimitScope::Database => self.database,
        }
    }
}

impl ConnectionLimits {
    /// All that are kept for others than applications.
    pub fn all_reserved(&self) -> u32 {
        self.superuser_reserved.saturating_add(self.reserved).saturating_add(self.rds_reserved)
    }

    /// The limit that an application's role meets first, and how far it is, with these sessions open.
    pub fn nearest(&self, open: SessionCounts) -> (LimitScope, u32) {
        let server = Some(self.max_connections.saturating_sub(self.all_reserved()));
        let limits = [
            (LimitScope::Server, server),
            (LimitScope::Role, self.role_limit),
            (LimitScope::Database, self.database_limit),
        ];
        let free = limits
            .into_iter()
            .filter_map(|(scope, limit)| limit.map(|limit| (scope, limit.saturating_sub(open.of(scope)))));
        free.min_by_key(|(_, free)| *free).unwrap_or((LimitScope::Server, 0))
    }

    /// The limit of a scope.
    pub fn of(&self, scope: LimitScope) -> u32 {
        match scope {
            LimitScope::Server => self.max_connections.saturating_sub(self.all_reserved()),
            LimitScope::Role => self.role_limit.unwrap_or(u32::MAX),
            LimitScope::Database => self.database_limit.unwrap_or(u32::MAX),
        }
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
    // Roles that a server does not have are in nobody's membership.
    let own = session
        .client()
        .query_one(
            "SELECT (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user), \
             (SELECT datconnlimit FROM pg_database WHERE datname = current_database()), \
             (SELECT rolsuper FROM pg_roles WHERE rolname = current_user), \
             coalesce((SELECT bool_or(pg_has_role(oid, 'USAGE')) FROM pg_roles \
                       WHERE rolname = 'pg_use_reserved_connections'), false), \
             coalesce((SELECT bool_or(pg_has_role(oid, 'USAGE')) FROM pg_roles \
                       WHERE rolname = 'rds_superuser'), false)",
            &[],
        )
        .await?;
    let limit = |index: usize| own.get::<_, Option<i32>>(index).and_then(|limit| u32::try_from(limit).ok());
    let (reserved, rds_reserved) =
        (setting("reserved_connections"), setting("rds.rds_superuser_reserved_connections"));
    let superuser: bool = own.get(2);
    Ok(ConnectionLimits {
        max_connections: setting("max_connections"),
        superuser_reserved: setting("superuser_reserved_connections"),
        reserved,
        rds_reserved,
        role_limit: limit(0),
        database_limit: limit(1),
        may_use_reserve: superuser
            || (reserved > 0 && own.get::<_, bool>(3))
            || (rds_reserved > 0 && own.get::<_, bool>(4)),
        version: setting("server_version_num"),
    })
}

/// How many client sessions are open, this one among them. Sessions of other roles are counted even where their details
/// are hidden.
///
/// # Errors
/// [`PgError`].
pub async fn open_sessions(session: &Session) -> Result<SessionCounts, PgError> {
    let row = session
        .client()
        .query_one(
            "SELECT count(*), count(*) FILTER (WHERE usename = current_user), \
             count(*) FILTER (WHERE datname = current_database()) FROM pg_stat_activity \
             WHERE datid IS NOT NULL AND usesysid IS NOT NULL \
             AND coalesce(backend_type, 'client backend') = 'client backend'",
            &[],
        )
        .await?;
    let count = |index: usize| u32::try_from(row.get::<_, i64>(index)).unwrap_or(u32::MAX);
    Ok(SessionCounts { server: count(0), role: count(1), database: count(2) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_held_against_its_own_sessions() {
        let limits = ConnectionLimits {
            max_connections: 100,
            superuser_reserved: 3,
            reserved: 5,
            rds_reserved: 2,
            role_limit: Some(25),
            database_limit: None,
            may_use_reserve: false,
            version: 160_000,
        };
        let open = SessionCounts { server: 30, role: 5, database: 30 };
        assert_eq!(limits.nearest(open), (LimitScope::Role, 20));
        let open = SessionCounts { server: 80, role: 1, database: 30 };
        assert_eq!(limits.nearest(open), (LimitScope::Server, 10));
        assert_eq!(limits.of(LimitScope::Server), 90);
    }
}
