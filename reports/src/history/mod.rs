//! The history of runs: a line for each, and what they show together.

mod series;
mod text;

pub use series::{Change, FEWEST, Series, quantile, series};
pub use text::history_text;
