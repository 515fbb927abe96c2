//! What an exhaustion's record measures.

use std::collections::BTreeMap;

use lifeboat_model::{
    Attempt, AttemptOutcome, DrillFacts, Elapsed, Figure, Measured, Measurements, Milestones, Rto, Stream,
    seconds, summarise,
};
use lifeboat_targets::postgres::{ConnectionLimits, LimitScope};

/// All figures of the drill.
pub fn measure(facts: &DrillFacts) -> Measurements {
    let rpo = Measured::not("connection-exhaustion writes nothing");
    let not_measured = |why: &str| Measurements {
        rto: Measured::not(why),
        rpo: rpo.clone(),
        fault_to_recovery_s: Measured::not(why),
        figures: figures(facts),
        ..Measurements::default()
    };
    let Some(release) = facts.mark("release") else {
        return not_measured("the drill ended before the release");
    };
    let climb = facts.mark("climb-started").unwrap_or(release);
    if !facts.of(Stream::Connect).any(|a| !a.ok() && a.end > climb && a.start < release) {
        return not_measured("fresh connections were never refused, so there was nothing to recover from");
    }
    let rto = rto(facts, release);
    let recovered = rto.upper_s.map(|upper| seconds(release.since(climb)) + upper);
    Measurements {
        fault_to_recovery_s: recovered.map_or_else(|| Measured::not("no recovery was seen"), Measured::Value),
        milestones: Milestones {
            fault_requested_s: Some(0.0),
            first_error_s: facts
                .of(Stream::Connect)
                .filter(|a| !a.ok() && a.end > climb)
                .map(|a| seconds(a.end.since(climb)))
                .reduce(f64::min),
            first_connect_s: recovered,
            application_back_s: application_back(facts, release).map(|end| seconds(end.since(climb))),
            ..Milestones::default()
        },
        rto: Measured::Value(rto),
        rpo,
        figures: figures(facts),
    }
}

/// When the application's health address answered again, if it had failed.
fn application_back(facts: &DrillFacts, release: Elapsed) -> Option<Elapsed> {
    let last_failure = facts.of(Stream::Http).filter(|a| !a.ok()).map(|a| a.end).max()?;
    facts.of(Stream::Http).filter(|a| a.ok() && a.end > last_failure.max(release)).map(|a| a.end).min()
}

/// From the release to the first fresh connection after the last refusal: at least until that refusal was asked for, at
/// most until the connection stood.
fn rto(facts: &DrillFacts, release: Elapsed) -> Rto {
    let failures: Vec<&Attempt> = facts.of(Stream::Connect).filter(|a| !a.ok() && a.end > release).collect();
    let settled = failures.iter().map(|a| a.evidence_until()).max().unwrap_or(release);
    let first = facts.of(Stream::Connect).filter(|a| a.ok() && a.end > settled).map(|a| a.end).min();
    let lower = failures.iter().map(|a| a.start).max().map_or(0.0, |start| seconds(start.since(release)));
    Rto {
        lower_s: lower,
        upper_s: first.map(|end| seconds(end.since(release)).max(lower)),
        probe_interval_s: facts.observed("probe-interval-s").unwrap_or_default(),
        probe_gap_p99_s: None,
        failures: failures.len() as u64,
        definition: "the time from the release of the connections to an application's first fresh connection"
            .into(),
    }
}

fn figures(facts: &DrillFacts) -> Vec<Figure> {
    let mut figures = Vec::new();
    let climb: Vec<&Attempt> = facts.of(Stream::Climb).collect();
    let opened = climb.iter().filter(|a| a.ok()).count() as u64;
    let refusals = refusals(facts);
    let refused: u64 = refusals.values().sum();
    let peak: Option<u64> = facts.observed("sessions-at-peak");
    match (refused, peak) {
        (1.., Some(peak)) => figures.push(Figure::new("limit found", peak, "sessions")),
        (0, Some(_)) => {
            figures.push(Figure::not_measured("limit found", "the cap was reached before the limit"))
        }
        _ => figures.push(Figure::not_measured("limit found", "the drill ended before")),
    }
    let scope = facts.observed("limit-scope").unwrap_or(LimitScope::Server);
    if let Some(limits) = facts.observed::<ConnectionLimits>("limits") {
        figures.push(Figure::new("limit by the settings", limits.of(scope), "sessions"));
        figures.push(Figure::new("max_connections", limits.max_connections, "sessions"));
        figures.push(Figure::new("reserved", limits.all_reserved(), "sessions"));
        if let (0, Some(peak)) = (refused, peak) {
            let headroom = u64::from(limits.of(scope)).saturating_sub(peak);
            figures.push(Figure::new("headroom left at the cap", headroom, "sessions"));
        }
    }
    figures.push(Figure::new("connections opened", opened, "connections"));
    figures.push(Figure::new("connections refused", refused, "connections"));
    for (text, count) in &refusals {
        figures.push(Figure::new(&format!("refusal: {text}"), *count, "times"));
    }
    figures.push(rate(facts, &climb));
    figures.extend(meanwhile(facts));
    match facts.observed::<String>("admin") {
        Some(answer) => figures.push(Figure::new("administrator meanwhile", answer, "")),
        None => {
            figures.push(Figure::not_measured("administrator meanwhile", "the target names no admin_user"))
        }
    }
    figures
}

/// Code and text of every refusal of the climb, with how often it came.
pub fn refusals(facts: &DrillFacts) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    for attempt in facts.of(Stream::Climb).filter(|a| a.outcome == AttemptOutcome::Refused) {
        *found.entry(attempt.failure_text()).or_default() += 1;
    }
    found
}

fn rate(facts: &DrillFacts, climb: &[&Attempt]) -> Figure {
    const NAME: &str = "connections per second";
    let ended = facts.mark("climb-ended").unwrap_or(Elapsed(u64::MAX));
    let let_in: Vec<&&Attempt> = climb.iter().filter(|a| a.ok() && a.end <= ended).collect();
    let (first, last) = (let_in.iter().map(|a| a.start).min(), let_in.iter().map(|a| a.end).max());
    match (first, last) {
        (Some(first), Some(last)) if last > first => {
            let rate = let_in.len() as f64 / seconds(last.since(first));
            Figure::new(NAME, (rate * 10.0).round() / 10.0, "1/s")
        }
        _ => Figure::not_measured(NAME, "no connection was opened"),
    }
}

/// What a fresh and a held connection saw between the first refusal and the release.
fn meanwhile(facts: &DrillFacts) -> Vec<Figure> {
    let Some(from) = facts.of(Stream::Climb).filter(|a| !a.ok()).map(|a| a.end).min() else {
        return Vec::new();
    };
    let Some(until) = facts.mark("release") else { return Vec::new() };
    let mut figures = Vec::new();
    for (stream, name) in [(Stream::Connect, "fresh connection"), (Stream::Pinned, "open connection")] {
        let seen = summarise(facts.of(stream).filter(|a| a.start >= from && a.end <= until), 0);
        let failed = seen.refused + seen.unknown;
        figures.push(Figure::new(&format!("{name} meanwhile: attempts"), seen.attempts, "attempts"));
        figures.push(Figure::new(&format!("{name} meanwhile: failed"), failed, "attempts"));
        for (what, value) in [("median", seen.p50_ms), ("99th percentile", seen.p99_ms)] {
            let name = format!("{name} meanwhile: {what}");
            figures.push(match value {
                Some(ms) => Figure::new(&name, ms, "ms"),
                None => Figure::not_measured(&name, "none succeeded"),
            });
        }
    }
    figures
}
