//! What a ledger table would upset.

use serde::{Deserialize, Serialize};

use super::{PgError, Session};

/// What stands in a database that a new table with rows would upset: one row in a publication of all tables halts its
/// subscriber for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct LedgerObstacles {
    /// Publications of all tables.
    pub publications: Vec<String>,
    /// Logical replication slots that are in use.
    pub slots: Vec<String>,
    /// Event triggers that are on.
    pub event_triggers: Vec<String>,
    /// Whether the role may not create a schema.
    pub no_create: bool,
    /// Whether the server is in recovery.
    pub in_recovery: bool,
}

impl LedgerObstacles {
    /// The obstacles in words; empty where there are none.
    pub fn describe(&self) -> Vec<String> {
        let named = |what: &str, names: &[String]| {
            (!names.is_empty()).then(|| format!("{what} {}", names.join(", ")))
        };
        [
            named("publication of all tables:", &self.publications),
            named("active logical slot:", &self.slots),
            named("event trigger:", &self.event_triggers),
            self.no_create.then(|| "the role may not create a schema".to_owned()),
            self.in_recovery.then(|| "the server is in recovery and takes no writes".to_owned()),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// Looks for what a ledger table would upset.
///
/// # Errors
/// [`PgError`].
pub async fn ledger_obstacles(session: &Session) -> Result<LedgerObstacles, PgError> {
    let names = async |query: &str| -> Result<Vec<String>, PgError> {
        let rows = session.client().query(query, &[]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    };
    let flags = session
        .client()
        .query_one("SELECT has_database_privilege(current_database(), 'CREATE'), pg_is_in_recovery()", &[])
        .await?;
    Ok(LedgerObstacles {
        publications: names("SELECT pubname::text FROM pg_publication WHERE puballtables ORDER BY 1").await?,
        slots: names(
            "SELECT slot_name::text FROM pg_replication_slots \
             WHERE slot_type = 'logical' AND active AND database = current_database() ORDER BY 1",
        )
        .await?,
        event_triggers: names(
            "SELECT evtname::text FROM pg_event_trigger WHERE evtenabled <> 'D' ORDER BY 1",
        )
        .await?,
        no_create: !flags.get::<_, bool>(0),
        in_recovery: flags.get(1),
    })
}
