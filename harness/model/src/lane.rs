//! Probe lanes for a record: runs of like attempts, so that every failure edge is kept.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Attempt, Elapsed, Stream, seconds};

/// One stream's attempts, run by run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Lane {
    /// The stream.
    pub stream: Stream,
    /// Its runs in the order of time.
    pub spans: Vec<LaneSpan>,
}

/// Attempts that ended alike, one after the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LaneSpan {
    /// Whether they were acknowledged.
    pub ok: bool,
    /// The first one's start, seconds since the run's start.
    pub from_s: f64,
    /// The last one's end.
    pub to_s: f64,
    /// How many.
    pub attempts: u64,
    /// The slowest, milliseconds.
    pub slowest_ms: f64,
    /// Code and text of the first failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Code and text of the last failure, where it is another than the first: sessions that a fault ends say so, and
    /// only those that come after say how the service is since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

/// The lanes of a drill, in the order of the streams.
pub fn lanes(attempts: &[Attempt]) -> Vec<Lane> {
    let mut ordered: Vec<&Attempt> = attempts.iter().collect();
    ordered.sort_by_key(|a| (a.stream, a.end));
    let mut lanes: Vec<Lane> = Vec::new();
    for attempt in ordered {
        if lanes.last().is_none_or(|lane| lane.stream != attempt.stream) {
            lanes.push(Lane { stream: attempt.stream, spans: Vec::new() });
        }
        let Some(lane) = lanes.last_mut() else { continue };
        let since = |moment: Elapsed| seconds(moment.since(Elapsed(0)));
        let took_ms = seconds(attempt.end.since(attempt.start)) * 1e3;
        match lane.spans.last_mut() {
            Some(span) if span.ok == attempt.ok() => {
                span.from_s = span.from_s.min(since(attempt.start));
                span.to_s = since(attempt.end);
                span.attempts += 1;
                span.slowest_ms = span.slowest_ms.max(took_ms);
                span.last_error = (!span.ok)
                    .then(|| attempt.failure_text())
                    .filter(|text| span.error.as_ref() != Some(text));
            }
            _ => lane.spans.push(LaneSpan {
                ok: attempt.ok(),
                from_s: since(attempt.start),
                to_s: since(attempt.end),
                attempts: 1,
                slowest_ms: took_ms,
                error: (!attempt.ok()).then(|| attempt.failure_text()),
                last_error: None,
            }),
        }
    }
    lanes
}

impl Attempt {
    /// Code and text of a failure, as one phrase.
    pub fn failure_text(&self) -> String {
        match (&self.code, &self.text) {
            (Some(code), Some(text)) => format!("{code} {text}"),
            (Some(one), None) | (None, Some(one)) => one.clone(),
            (None, None) => "failed".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AttemptOutcome;

    fn failure(n: u64, code: &str) -> Attempt {
        Attempt {
            stream: Stream::Write,
            slot: 0,
            seq: n,
            start: Elapsed(n * 10_000),
            end: Elapsed(n * 10_000 + 1_000),
            outcome: AttemptOutcome::Refused,
            held_since: None,
            code: Some(code.into()),
            text: None,
        }
    }

    #[test]
    fn a_span_of_failures_keeps_its_first_and_its_last_error() {
        let errors = |codes: &[&str]| {
            let attempts: Vec<Attempt> = codes.iter().zip(1..).map(|(code, n)| failure(n, code)).collect();
            let span = lanes(&attempts)[0].spans[0].clone();
            (span.error.unwrap(), span.last_error)
        };
        assert_eq!(errors(&["57P01", "57P01", "25006"]), ("57P01".into(), Some("25006".into())));
        assert_eq!(errors(&["57P01", "25006", "57P01"]), ("57P01".into(), None));
    }

    #[test]
    fn every_edge_is_kept() {
        let pattern = [true, true, false, true, false, false, true];
        let attempts: Vec<Attempt> = pattern
            .iter()
            .zip(1..)
            .map(|(ok, n)| Attempt {
                stream: Stream::Read,
                slot: 0,
                seq: n,
                start: Elapsed(n * 10_000),
                end: Elapsed(n * 10_000 + 1_000),
                outcome: if *ok { AttemptOutcome::Ok } else { AttemptOutcome::Refused },
                held_since: None,
                code: None,
                text: None,
            })
            .collect();
        let lanes = lanes(&attempts);
        let seen: Vec<(bool, u64)> = lanes[0].spans.iter().map(|s| (s.ok, s.attempts)).collect();
        assert_eq!(seen, [(true, 2), (false, 1), (true, 1), (false, 2), (true, 1)]);
        assert_eq!((lanes[0].spans[1].from_s, lanes[0].spans[1].to_s), (0.03, 0.031));
    }
}
