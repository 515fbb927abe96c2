//! What stop conditions look at: alarms, addresses, queries.

mod alarm;
mod http;
mod open;
mod sql;

pub use open::{OfRun, open_conditions};
