//! Carries out undo actions, without plan or drill.

mod dynamodb;
mod interpreter;
mod looks;
mod postgres;
mod rds;

pub(crate) use dynamodb::delete_table;
pub use interpreter::WorldInterpreter;
pub use rds::give_name;
pub(crate) use rds::{Made, MadeSnapshot, delete_instance, delete_snapshot};
