//! Controls: which of them the drills of many runs evidence, and where evidence is missing.

mod csv;
mod gaps;
mod markdown;
mod matrix;
mod oscal;
mod periods;
mod quoting;
mod standing;
mod token;
mod uuid;

pub use csv::controls_csv;
pub use gaps::Gap;
pub use markdown::controls_markdown;
pub use matrix::{ControlRow, Entry, Matrix, SeenRun, Signature, matrix};
pub use oscal::controls_oscal;
pub use standing::{controls_line, evidences};
