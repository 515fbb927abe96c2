//! Proof that a copy holds the data of its source: counts and digests computed inside the database, the place of a
//! difference, definitions, sequences, indexes.

mod definitions;
mod describe;
mod digest;
mod expect;
mod finding;
mod indexes;
mod large_objects;
mod locate;
mod marks;
mod queries;
mod relations;
mod rows;
mod run;
mod schema;
mod sequences;
mod settings;
mod shape;
mod side;
mod snapshot;
mod tables;

pub use digest::{Filter, TableDigest, table_digest};
pub use expect::{Expectations, QueryExpectation, TableExpectation, TableMode};
pub use finding::{DataFinding, DataOutcome, TableResult, Validation};
pub use locate::{Comparison, compare};
pub use marks::{Since, WriteMarks, write_marks};
pub use rows::DifferentRow;
pub use run::{Subject, validate};
pub use settings::pin_settings;
pub use shape::{Column, TableShape, table_shape};
pub use side::{Pair, Side};
