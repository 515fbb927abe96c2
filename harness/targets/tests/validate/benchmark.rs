//! The validation of ten million rows, with ratios to what else reads them.
