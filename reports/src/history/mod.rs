//! The history of runs: a line for each, and what they show together.

mod series;
mod text;

pub use series::{Change, FEWEST, HISTORY_SCHEMA, HistoryDrill, HistoryLine, Series, Span, quantile, series};
pub use text::history_text;
