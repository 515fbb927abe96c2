//! How far the writing on a server had come at one moment.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How far the writing on a PostgreSQL server had come, as seen in one of its databases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WriteState {
    /// The number that the next transaction takes which writes something, in any of the server's databases.
    pub next_transaction: i64,
    /// Transactions of clients of this database that had their number and had not ended.
    pub open: Vec<i64>,
    /// The same of the server's other databases.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub elsewhere: Vec<i64>,
    /// A digest of the counters and files of all tables of this database but those of drills.
    pub tables: String,
    /// A digest of the counters of the server's other databases.
    pub others: String,
    /// What numbers and counters of two moments have to have in common to be compared: when the counters began, and the
    /// timeline. None where nothing is counted, and in what older versions kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<String>,
}
