//! Carries out undo actions, without plan or drill.

mod dynamodb;
mod interpreter;
mod looks;
mod postgres;
mod rds;

pub use interpreter::WorldInterpreter;
pub use rds::{EXPIRES_TAG, RUN_TAG, give_name};
