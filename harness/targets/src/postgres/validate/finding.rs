//! What a validation found: plain data, from which checks are made.

use serde::{Deserialize, Serialize};

/// Whether the copy's data is the source's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataOutcome {
    /// It is.
    Same,
    /// It could not be told.
    CannotTell,
    /// It is not.
    Different,
}

/// One thing that was compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFinding {
    /// What, with its kind: `table public.orders`, `index public.orders_pkey`, `query SELECT …`.
    pub subject: String,
    /// How it compares.
    pub outcome: DataOutcome,
    /// What was seen, as a fragment that goes after the subject.
    pub message: String,
}

impl DataFinding {
    pub(super) fn same(subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self { subject: subject.into(), outcome: DataOutcome::Same, message: message.into() }
    }

    pub(super) fn different(subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self { subject: subject.into(), outcome: DataOutcome::Different, message: message.into() }
    }

    pub(super) fn cannot_tell(subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self { subject: subject.into(), outcome: DataOutcome::CannotTell, message: message.into() }
    }
}

/// How one table was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableResult {
    /// `schema.table`.
    pub name: String,
    /// `exact`, `as_of column` or `at_least N`.
    pub mode: String,
    /// Rows of the source that were compared; absent where it was not read.
    pub rows_source: Option<u64>,
    /// Rows of the copy.
    pub rows_copy: Option<u64>,
    /// The source's digest.
    pub digest_source: Option<String>,
    /// The copy's.
    pub digest_copy: Option<String>,
    /// How long reading took, the location of a difference included.
    pub seconds: f64,
}

/// What a validation found. Findings of every outcome are in it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// What was compared.
    pub findings: Vec<DataFinding>,
    /// The tables that were read.
    pub tables: Vec<TableResult>,
    /// What was not compared or not measured, and why: sentences.
    pub not_compared: Vec<String>,
    /// How long all of it took.
    pub seconds: f64,
}

impl Validation {
    /// The worst outcome of all findings.
    pub fn outcome(&self) -> DataOutcome {
        self.findings.iter().map(|finding| finding.outcome).max().unwrap_or(DataOutcome::CannotTell)
    }

    /// The findings of one outcome.
    pub fn of(&self, outcome: DataOutcome) -> impl Iterator<Item = &DataFinding> {
        self.findings.iter().filter(move |finding| finding.outcome == outcome)
    }
}
