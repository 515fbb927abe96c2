//! Controls against runs: what counts as evidence and what never does, the gaps, and every form.

#[path = "../support/mod.rs"]
mod support;

mod evidence;
mod formats;
mod hostile;
mod of_a_run;
mod oscal;
mod runs;
mod spreadsheet;
