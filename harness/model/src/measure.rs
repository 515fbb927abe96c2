//! What a drill measured. What was not measured says so and why; it is never zero.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::seconds;

/// A value, or the reason why there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Measured_{T}")]
pub enum Measured<T> {
    /// It was not measured.
    Not {
        /// Why not, as a phrase.
        not_measured: String,
    },
    /// It was.
    Value(T),
}

impl<T> Measured<T> {
    /// Not measured, and why.
    pub fn not(why: impl Into<String>) -> Self {
        Self::Not { not_measured: why.into() }
    }

    /// The value, if there is one.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Not { .. } => None,
        }
    }
}

impl<T> Default for Measured<T> {
    fn default() -> Self {
        Self::not("the drill ended before it")
    }
}

/// A span of seconds that holds the truth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Interval {
    /// At least this many seconds.
    pub lower_s: f64,
    /// At most this many; `None` if no end was seen.
    pub upper_s: Option<f64>,
}

impl Interval {
    /// From durations.
    pub fn of(lower: Duration, upper: Option<Duration>) -> Self {
        Self { lower_s: seconds(lower), upper_s: upper.map(seconds) }
    }
}

/// The recovery time, as clients saw it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Rto {
    /// At least this many seconds.
    pub lower_s: f64,
    /// At most this many; the objective is held against it. `None`: no end was seen.
    pub upper_s: Option<f64>,
    /// The nominal distance of two attempts, seconds.
    pub probe_interval_s: f64,
    /// What the distance of two attempts really was before the fault: the 99th percentile, seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe_gap_p99_s: Option<f64>,
    /// How many attempts failed in the outage.
    #[serde(default)]
    pub failures: u64,
    /// What was measured, in words.
    pub definition: String,
}

/// The recovery point: what would be, or was, lost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Rpo {
    /// Counted from the drill's own writes.
    Writes(WriteLoss),
    /// The span up to the disaster that the backup in use does not hold.
    Window(RecoveryWindow),
}

/// The span up to the disaster that a backup does not hold: what was written in it would be lost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RecoveryWindow {
    /// At least this many seconds.
    pub lower_s: f64,
    /// At most this many; the objective is held against it.
    pub upper_s: f64,
    /// What was measured, in words.
    pub definition: String,
}

/// The drill's own writes, attempted and read back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WriteLoss {
    /// Acknowledged writes.
    pub acknowledged: u64,
    /// Acknowledged and absent afterwards.
    pub lost: u64,
    /// Not acknowledged and present: the server had done it and could not say so.
    pub recovered: u64,
    /// Present and never attempted.
    pub unexpected: u64,
    /// Present more than once.
    pub duplicated: u64,
    /// The upper end of [`WriteLoss::lost_span`].
    #[schemars(description = "The upper end of lost_span.")]
    pub lost_span_s: Option<f64>,
    /// From the newest surviving write older than the oldest lost one to the last acknowledgement before the outage.
    pub lost_span: Interval,
    /// Some of the lost ones, at most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
}

/// When each kind of client saw the service again, in seconds after the fault call. Absent: not seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Default)]
pub struct Milestones {
    /// The fault call: always zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault_requested_s: Option<f64>,
    /// The first failed attempt of any stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_error_s: Option<f64>,
    /// The endpoint's name resolved to something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns_change_s: Option<f64>,
    /// A fresh connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_connect_s: Option<f64>,
    /// A query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_read_s: Option<f64>,
    /// An acknowledged insert.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_write_s: Option<f64>,
    /// The client with one held connection, after it opened another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned_back_s: Option<f64>,
    /// The application's health address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application_back_s: Option<f64>,
    /// The control plane says available again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_available_s: Option<f64>,
}

/// A named figure of one kind of drill.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Figure {
    /// What it is.
    pub name: String,
    /// Its value: a number, a text or "not measured".
    pub value: Measured<serde_json::Value>,
    /// Its unit; empty for a text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
}

impl Figure {
    /// A measured figure.
    pub fn new(name: &str, value: impl Into<serde_json::Value>, unit: &str) -> Self {
        Self { name: name.into(), value: Measured::Value(value.into()), unit: unit.into() }
    }

    /// A figure that was not measured, and why.
    pub fn not_measured(name: &str, why: impl Into<String>) -> Self {
        Self { name: name.into(), value: Measured::not(why), unit: String::new() }
    }
}

/// All that a drill measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Default)]
pub struct Measurements {
    /// The recovery time.
    pub rto: Measured<Rto>,
    /// The recovery point.
    pub rpo: Measured<Rpo>,
    /// From the fault call to the recovery, seconds: what includes the time in which the fault took hold.
    #[serde(default)]
    pub fault_to_recovery_s: Measured<f64>,
    /// The breakdown by stream.
    #[serde(default)]
    pub milestones: Milestones,
    /// What is particular to the drill.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub figures: Vec<Figure>,
}
