//! What runs left behind in an account and region, found without their journals.
//!
//! Guaranteed: nothing counts as expired that does not have the run's id in its name, this run's tag, a time of its making
//! that fits the run, and a time of expiry that has passed. Not guaranteed: that everything is found. What cannot be tagged
//! is only listed, and schemas, sessions and items in databases are not looked for.

mod delete;
mod find;
mod rule;

pub use delete::delete_leftover;
pub use find::find_leftovers;
pub use rule::{Leftover, LeftoverKind, Standing};
