//! Carries out undo actions, without plan or drill.

mod dynamodb;
mod interpreter;
mod lock;
pub(crate) mod looks;
mod postgres;
mod rds;

pub use interpreter::WorldInterpreter;
pub use rds::give_name;
