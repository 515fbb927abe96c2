//! One attempt of a probe or a writer.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Elapsed;
use crate::schema::open_names;

/// The clock line that an attempt belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(transform = open_names)]
pub enum Stream {
    /// The control plane's status of the target.
    Api,
    /// What the endpoint's name resolves to.
    Dns,
    /// A fresh connection.
    Connect,
    /// One connection that is held, as a pool holds it.
    Pinned,
    /// A query on a connection that is made anew after an error.
    Read,
    /// An insert into the ledger on a connection that is made anew after an error.
    Write,
    /// The application's health address.
    Http,
    /// A client of the connection-exhaustion drill.
    Climb,
    /// A stream of a newer version.
    #[serde(other)]
    #[schemars(skip)]
    Other,
}

impl Stream {
    /// The stream's name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Pinned => "pinned",
            Self::Read => "read",
            Self::Write => "write",
            Self::Http => "http",
            Self::Climb => "climb",
            Self::Other => "other",
        }
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttemptOutcome {
    /// Acknowledged.
    Ok,
    /// Answered with an error, or never sent: it surely had no effect.
    Refused,
    /// No answer: the deadline passed or the connection was lost. It may have had its effect.
    Unknown,
}

/// One attempt: sent at `start`, and by `end` acknowledged, refused or given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The stream.
    pub stream: Stream,
    /// Which of the stream's clients made it.
    pub slot: u32,
    /// Its number among that client's attempts, from 1.
    pub seq: u64,
    /// When it was sent.
    pub start: Elapsed,
    /// When its outcome was known.
    pub end: Elapsed,
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// For a connection that was opened before this attempt: when it last gave an acknowledgement. Absent where the
    /// connection was opened in the attempt itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_since: Option<Elapsed>,
    /// SQLSTATE, HTTP status or error code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The error's text, or what a successful attempt found (an address, a status).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// The code of an attempt that was given up because its deadline passed.
pub const DEADLINE: &str = "deadline";

impl Attempt {
    /// The moment from which on this failed attempt says nothing more: its end, or, where it was only waited for until
    /// its deadline, the moment at which its evidence begins.
    pub fn evidence_until(&self) -> Elapsed {
        if self.code.as_deref() == Some(DEADLINE) { self.evidence_from() } else { self.end }
    }

    /// Whether it was acknowledged.
    pub fn ok(&self) -> bool {
        self.outcome == AttemptOutcome::Ok
    }

    /// From when on the attempt's failure is evidence: its own start on a connection that it opened itself, else the
    /// last acknowledgement on its connection.
    pub fn evidence_from(&self) -> Elapsed {
        self.held_since.unwrap_or(self.start)
    }
}

/// What one stream saw in a drill.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Default)]
pub struct StreamSummary {
    /// Attempts made.
    pub attempts: u64,
    /// Acknowledged ones.
    pub ok: u64,
    /// Those answered with an error.
    pub refused: u64,
    /// Those without an answer.
    pub unknown: u64,
    /// Ticks that made no attempt because too many were under way.
    pub skipped: u64,
    /// Median time of the acknowledged ones, milliseconds; absent without any.
    pub p50_ms: Option<f64>,
    /// 99th percentile of the acknowledged ones, milliseconds.
    pub p99_ms: Option<f64>,
    /// Slowest acknowledged one, milliseconds.
    pub max_ms: Option<f64>,
}

/// Counts and times of some attempts.
pub fn summarise<'a>(attempts: impl IntoIterator<Item = &'a Attempt>, skipped: u64) -> StreamSummary {
    let mut summary = StreamSummary { skipped, ..StreamSummary::default() };
    let mut times: Vec<Duration> = Vec::new();
    for attempt in attempts {
        summary.attempts += 1;
        match attempt.outcome {
            AttemptOutcome::Ok => {
                summary.ok += 1;
                times.push(attempt.end.since(attempt.start));
            }
            AttemptOutcome::Refused => summary.refused += 1,
            AttemptOutcome::Unknown => summary.unknown += 1,
        }
    }
    times.sort_unstable();
    let at = |q: f64| {
        let index = ((times.len() as f64) * q).ceil() as usize;
        times.get(index.saturating_sub(1)).map(|time| time.as_micros() as f64 / 1e3)
    };
    if !times.is_empty() {
        (summary.p50_ms, summary.p99_ms, summary.max_ms) = (at(0.5), at(0.99), at(1.0));
    }
    summary
}
