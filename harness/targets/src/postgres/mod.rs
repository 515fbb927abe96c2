//! PostgreSQL servers, as clients see them.

mod connections;
mod guards;
mod ledger_table;
mod limits;
mod probes;
mod server;
pub mod validate;
mod witness;

pub use connections::Connections;
pub use guards::{LedgerObstacles, ledger_obstacles};
pub use ledger_table::LedgerTable;
pub(crate) use ledger_table::drop_schema;
pub use limits::{ConnectionLimits, LimitScope, SessionCounts, connection_limits, open_sessions};
pub use probes::{connect_probe, pinned_probe, read_probe, write_probe};
pub use server::{PgError, Server, Session};
pub use witness::{ServerWitness, server_witness};
