//! PostgreSQL servers, as clients see them.

mod canary_table;
mod connections;
mod guards;
mod ledger_table;
mod limits;
mod login;
mod own_schema;
mod probes;
mod server;
mod sessions;
mod tls;
mod token_login;
pub mod validate;
mod witness;
mod writes;

pub use canary_table::{Canaries, CanaryTable, server_clock};
pub use connections::Connections;
pub use guards::{LedgerObstacles, ledger_obstacles};
pub use ledger_table::LedgerTable;
pub use limits::{ConnectionLimits, LimitScope, SessionCounts, connection_limits, open_sessions};
pub(crate) use own_schema::drop_schema;
pub use own_schema::{OWN_SCHEMAS, OwnSchema};
pub use probes::{connect_probe, pinned_probe, read_probe, write_probe};
pub use server::{PgError, Server, Session};
pub use sessions::alone_of_run;
pub(crate) use sessions::count_sessions;
pub use witness::{ServerWitness, server_witness};
pub use writes::{Told, settled_write_state, write_state, written_since};
