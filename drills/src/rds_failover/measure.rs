//! What a failover's record measures: RTO and RPO from the ledger's own writers, the breakdown by stream.

use std::time::Duration;

use lifeboat_model::{
    Attempt, AttemptOutcome, DrillFacts, Elapsed, Figure, Measured, Measurements, Milestones, Outage, Rpo,
    Rto, Stream, reconcile, seconds,
};

/// The figure that counts the outages.
pub const OUTAGES_SEEN: &str = "outages seen";

/// All figures of the drill.
pub fn measure(facts: &DrillFacts) -> Measurements {
    let Some(fault) = facts.mark("fault-requested") else { return not_asked() };
    let until = observed_until(facts);
    let stable_for = Duration::from_secs_f64(facts.observed("stable-for-s").unwrap_or(2.0));
    let writes = facts.of(Stream::Write).next().is_some();
    let leading = crate::streams::leading(writes);
    let outages = facts.outages(leading, fault, stable_for, until);
    // Of several, the longest counts; one without an end is the longest of all.
    let worst = outages.iter().max_by_key(|o| (o.failures > 0, o.upper.is_none(), o.upper));
    let Some(worst) = worst else { return not_asked() };
    let rto = if facts.of(leading).next().is_some() {
        Measured::Value(rto(facts, leading, fault, worst))
    } else {
        Measured::not(format!("stream {} made no attempt", leading.name()))
    };
    let last = outages.last().unwrap_or(worst);
    let fault_to_recovery_s = match (last.failures, last.recovered) {
        (0, _) => Measured::not("no outage was seen"),
        (_, None) => Measured::not("no recovery was seen"),
        (_, Some(end)) => Measured::Value(seconds(end.since(fault))),
    };
    let mut figures =
        vec![Figure::new(OUTAGES_SEEN, outages.iter().filter(|o| o.failures > 0).count() as u64, "")];
    if let Some(end) = worst.recovered.filter(|_| worst.failures > 0) {
        figures.push(Figure::new("failed attempts in the outage", worst.failures, "attempts"));
        figures.push(Figure::new("watched after the recovery", seconds(until.since(end)), "s"));
    }
    Measurements {
        rto,
        rpo: rpo(facts, writes, outages.iter().filter_map(|o| o.first_failure).min()),
        fault_to_recovery_s,
        milestones: milestones(facts, fault, worst.first_failure, stable_for, until),
        figures,
    }
}

fn not_asked() -> Measurements {
    let why = "the failover was not asked for";
    Measurements {
        rto: Measured::not(why),
        rpo: Measured::not(why),
        fault_to_recovery_s: Measured::not(why),
        ..Measurements::default()
    }
}

/// When the watching ended: at its mark, or, in a run that did not come so far, at the last attempt.
fn observed_until(facts: &DrillFacts) -> Elapsed {
    let last = facts.attempts.iter().map(|a| a.end).max().unwrap_or_default();
    facts.mark("observed-until").unwrap_or(last)
}

fn rto(facts: &DrillFacts, leading: Stream, fault: Elapsed, outage: &Outage) -> Rto {
    let what = if leading == Stream::Write { "acknowledged inserts" } else { "answered queries" };
    let mut starts: Vec<Elapsed> = facts.of(leading).map(|a| a.start).filter(|at| *at < fault).collect();
    starts.sort_unstable();
    let mut gaps: Vec<Duration> = starts.windows(2).map(|pair| pair[1].since(pair[0])).collect();
    gaps.sort_unstable();
    let quantile = |q: f64| gaps.get(((gaps.len() as f64) * q) as usize).copied().map(seconds);
    Rto {
        lower_s: seconds(outage.lower),
        upper_s: outage.upper.map(seconds),
        probe_interval_s: facts.observed("probe-interval-s").or(quantile(0.5)).unwrap_or_default(),
        probe_gap_p99_s: quantile(0.99),
        failures: outage.failures,
        definition: format!(
            "the time without {what} after the fault call, seen by clients that connect anew after an error"
        ),
    }
}

fn rpo(facts: &DrillFacts, writes: bool, first_failure: Option<Elapsed>) -> Measured<Rpo> {
    if !writes {
        return Measured::not("nothing was written: the target allows reads only, or the drill ended before");
    }
    match facts.observations.get("read-back").and_then(|value| value.as_str()) {
        Some("done") => {
            let attempts: Vec<&Attempt> = facts.of(Stream::Write).collect();
            Measured::Value(Rpo::Writes(reconcile(&attempts, &facts.read_back, first_failure).write_loss()))
        }
        Some(error) => Measured::not(format!("the ledger could not be read back: {error}")),
        None => Measured::not("the drill ended before the ledger was read back"),
    }
}

fn milestones(
    facts: &DrillFacts,
    fault: Elapsed,
    first_failure: Option<Elapsed>,
    stable_for: Duration,
    until: Elapsed,
) -> Milestones {
    let after = |moment: Elapsed| seconds(moment.since(fault));
    // Back for good: after the last failure of the outage that this stream saw.
    let back = |stream: Stream| -> Option<f64> {
        let outages = facts.outages(stream, fault, stable_for, until);
        let last = outages.iter().rfind(|o| o.failures > 0)?;
        last.recovered.map(after)
    };
    let clients = [Stream::Connect, Stream::Pinned, Stream::Read, Stream::Write, Stream::Http];
    let first_error = clients
        .iter()
        .flat_map(|stream| facts.of(*stream))
        .filter(|a| a.outcome != AttemptOutcome::Ok && a.end > fault)
        .map(|a| a.end)
        .min();
    Milestones {
        fault_requested_s: Some(0.0),
        first_error_s: first_error.or(first_failure).map(after),
        dns_change_s: changed(facts, Stream::Dns, fault).map(after),
        first_connect_s: back(Stream::Connect),
        first_read_s: back(Stream::Read),
        first_write_s: back(Stream::Write),
        pinned_back_s: back(Stream::Pinned),
        application_back_s: back(Stream::Http),
        api_available_s: available(facts, fault).map(after),
    }
}

/// When a stream first found something else than before the fault.
fn changed(facts: &DrillFacts, stream: Stream, fault: Elapsed) -> Option<Elapsed> {
    let before = facts.of(stream).filter(|a| a.ok() && a.end <= fault).max_by_key(|a| a.end)?;
    facts.of(stream).filter(|a| a.ok() && a.end > fault && a.text != before.text).map(|a| a.end).min()
}

/// When the control plane said `available` again, if it was seen saying something else.
fn available(facts: &DrillFacts, fault: Elapsed) -> Option<Elapsed> {
    let says = |a: &&Attempt| a.ok() && a.end > fault;
    let other = facts
        .of(Stream::Api)
        .filter(says)
        .filter(|a| a.text.as_deref() != Some("available"))
        .map(|a| a.end)
        .max()?;
    facts.of(Stream::Api).filter(says).map(|a| a.end).filter(|at| *at > other).min()
}
