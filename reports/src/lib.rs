//! From a run's record to what people and CI servers read. Every function here needs the record alone and returns bytes
//! or text; none looks at a file or knows the engine.

mod badge;
mod html;
mod inert;
mod junit;
mod markdown;
mod openmetrics;
mod summary;
mod text;
mod verdict;
mod words;

pub use badge::badge;
pub use html::html;
pub use junit::junit;
pub use markdown::markdown;
pub use openmetrics::openmetrics;
pub use summary::summary;
pub use text::{clean_line, clean_text, clean_xml, steers_a_terminal};
pub use verdict::{VerdictDocument, verdict};
