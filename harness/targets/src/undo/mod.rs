//! Carries out undo actions, without plan or drill.

mod dynamodb;
mod interpreter;
mod postgres;
mod rds;

pub use interpreter::WorldInterpreter;
pub(crate) use dynamodb::delete_table;
pub use rds::give_name;
pub(crate) use rds::{delete_instance, delete_snapshot};
