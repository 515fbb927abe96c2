//! What is known of one drill before it is measured and judged.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Attempt, Elapsed, Objectives, Outage, ReadBack, Stream, Verdict, outages};

/// A named moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Which moment.
    pub name: String,
    /// When.
    pub at: Elapsed,
}

/// What the journal and the ledger hold of one drill.
#[derive(Debug, Clone, Default)]
pub struct DrillFacts {
    /// What it must meet.
    pub objectives: Objectives,
    /// Its options as it read them.
    pub options: Value,
    /// The moments, in order.
    pub marks: Vec<Mark>,
    /// What the steps saw, the last value of each.
    pub observations: BTreeMap<String, Value>,
    /// Every attempt of every stream, in the ledger's order.
    pub attempts: Vec<Attempt>,
    /// Ticks without an attempt, by stream.
    pub skipped: BTreeMap<Stream, u64>,
    /// What was read back.
    pub read_back: Vec<ReadBack>,
    /// How it ended, if it did not go through all its steps.
    pub ended: Option<Verdict>,
    /// Why, if it did not go through all its steps.
    pub ended_because: Option<String>,
}

impl DrillFacts {
    /// The first moment of that name.
    pub fn mark(&self, name: &str) -> Option<Elapsed> {
        self.marks.iter().find(|mark| mark.name == name).map(|mark| mark.at)
    }

    /// The last value of what was observed under that name, if it has the form asked for.
    pub fn observed<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        self.observations.get(name).and_then(|value| serde_json::from_value(value.clone()).ok())
    }

    /// The attempts of one stream.
    pub fn of(&self, stream: Stream) -> impl Iterator<Item = &Attempt> {
        self.attempts.iter().filter(move |a| a.stream == stream)
    }

    /// The outages of one stream after the fault call, in order.
    pub fn outages(
        &self,
        stream: Stream,
        fault: Elapsed,
        stable_for: Duration,
        until: Elapsed,
    ) -> Vec<Outage> {
        let attempts: Vec<Attempt> = self.of(stream).cloned().collect();
        outages(&attempts, fault, stable_for, until)
    }
}
