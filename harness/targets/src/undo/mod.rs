//! Carries out undo actions, without plan or drill.

mod dynamodb;
mod interpreter;
mod postgres;
mod rds;

pub use interpreter::WorldInterpreter;
pub use rds::{RUN_TAG, give_name};
