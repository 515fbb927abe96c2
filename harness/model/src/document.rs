//! `plan.json`: the plan of a run, as it was written.

use serde::{Deserialize, Serialize};

/// The plan of a run with its variables unreplaced: names are recorded, never values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanDocument {
    /// `lifeboat.plan/1`.
    pub schema: String,
    /// Where the plan was read from, as the caller named it.
    pub source: String,
    /// SHA-256 of the plan file, hexadecimal.
    pub sha256: String,
    /// The variables that it uses.
    pub variables: Vec<String>,
    /// The plan itself.
    pub plan: toml::Table,
}

impl PlanDocument {
    /// The format that this version writes.
    pub const SCHEMA: &'static str = "lifeboat.plan/1";
}
