//! JSON Schemas (draft 2020-12) of what people write and what a run leaves.
//!
//! They are made of the types themselves. They say what a file has to be made of, and not everything that is refused: what
//! two places of a plan have to do with each other is for `lifeboat plan` to say.

mod files;
mod forms;
mod plan;
mod variables;

pub use files::{events_schema, record_schema};
pub use forms::{DateTime, open_names, open_tags};
pub use plan::plan_schema;
pub use variables::ONE_VARIABLE;
