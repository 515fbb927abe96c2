//! Carries out undo actions, without plan or drill.

mod dynamodb;
mod interpreter;
pub(crate) mod looks;
mod postgres;
mod rds;

pub use interpreter::WorldInterpreter;
pub use rds::give_name;
