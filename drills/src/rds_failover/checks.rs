//! What must hold after a failover.

use super::measure::OUTAGES_SEEN;
use lifeboat_engine::{Check, with_objectives};
use lifeboat_model::{DrillRecord, Finding, Judgement, Measured, Proof, Rpo, Stream};
use lifeboat_targets::postgres::ServerWitness;
use lifeboat_targets::rds::{EventView, InstanceView};

/// All checks of the drill.
pub fn checks() -> Vec<Check> {
    with_objectives([
        Check { name: "zone is the former standby's", judge: zone_moved },
        Check { name: "another server answers", judge: server_changed },
        Check { name: "the endpoint takes writes", judge: takes_writes },
        Check { name: "it stays up after its recovery", judge: stays_up },
        Check { name: "ledger holds only what was written", judge: ledger_reconciles },
        Check { name: "the instance is the same", judge: same_instance },
        Check { name: "multi-AZ is whole again", judge: multi_az_whole },
    ])
}

fn zone_moved(record: &DrillRecord) -> Finding {
    let Some(before) = record.observed::<InstanceView>("instance-before") else {
        return Finding::new(Judgement::Inconclusive, "the instance was not seen before the fault");
    };
    let Some(after) = record.observed::<InstanceView>("instance-after") else {
        return Finding::new(
            Judgement::Invalid,
            "the instance was not seen after the fault: no proof of a failover",
        );
    };
    let word = |zone: &Option<String>| zone.clone().unwrap_or_else(|| "unknown".into());
    let proof =
        Proof { what: "availability zone".into(), before: word(&before.zone), after: word(&after.zone) };
    let events: Vec<EventView> = record.observed("events").unwrap_or_default();
    let abandoned = events.iter().find(|event| event.is_abandoned_failover());
    let moved = after.zone.is_some() && after.zone == before.secondary_zone && after.zone != before.zone;
    let (judgement, message) = match (moved, abandoned) {
        (true, _) => (Judgement::Passed, format!("the zone went from {} to {}", proof.before, proof.after)),
        (false, Some(event)) => (
            Judgement::Invalid,
            format!("no failover: the control plane accepted it and says \"{}\"", event.message),
        ),
        (false, None) if after.zone == before.zone => (
            Judgement::Invalid,
            format!(
                "no failover is proved: the zone is still {}; simulated, not evidence, or ignored",
                proof.before
            ),
        ),
        (false, None) => (
            Judgement::Invalid,
            format!("the zone is {}, and the standby was in {}", proof.after, word(&before.secondary_zone)),
        ),
    };
    Finding::new(judgement, message).with_proof(proof)
}

fn server_changed(record: &DrillRecord) -> Finding {
    let Some(before) = record.observed::<ServerWitness>("server-before") else {
        return Finding::new(Judgement::Inconclusive, "the server was not asked before the fault");
    };
    let Some(after) = record.observed::<ServerWitness>("server-after") else {
        let why = record
            .observed::<String>("server-after-error")
            .unwrap_or_else(|| "the drill ended before".into());
        return Finding::new(
            Judgement::Invalid,
            format!("which server answers now could not be asked: {why}"),
        );
    };
    let proof = Proof {
        what: "server behind the endpoint".into(),
        before: before.to_string(),
        after: after.to_string(),
    };
    let (judgement, message) = if before == after {
        (
            Judgement::Invalid,
            format!(
                "no failover is proved: the same server answers, {before}; simulated, not evidence, or ignored"
            ),
        )
    } else if after.in_recovery {
        (Judgement::Failed, format!("the server that answers is in recovery: {after}"))
    } else {
        (Judgement::Passed, format!("{after} answers in place of {before}"))
    };
    Finding::new(judgement, message).with_proof(proof)
}

fn takes_writes(record: &DrillRecord) -> Finding {
    // Before that, the last attempt in the ledger need not be the last that was made.
    if record.observed::<String>("probing").is_none() {
        return Finding::new(Judgement::Inconclusive, "the drill ended before its probes did");
    }
    let lane = |stream: Stream| record.lanes.iter().find(|lane| lane.stream == stream);
    let (lane, what) = match (lane(Stream::Write), lane(Stream::Read)) {
        (Some(lane), _) => (lane, "write"),
        (None, Some(lane)) => (lane, "query"),
        (None, None) => return Finding::new(Judgement::Inconclusive, "nothing was written or read"),
    };
    match lane.spans.last() {
        Some(last) if last.ok => Finding::new(Judgement::Passed, format!("the last {what} was acknowledged")),
        Some(last) => {
            let error =
                last.last_error.clone().or(last.error.clone()).unwrap_or_else(|| "no error text".into());
            let meaning = if error.starts_with("25006") {
                "the endpoint reaches a server that takes no writes, as an old writer or a reader does"
            } else {
                "no server serves the endpoint"
            };
            let text = format!(
                "{meaning}: the last {} attempts failed, from {:.3} s on, with: {error}",
                last.attempts, last.from_s
            );
            Finding::new(Judgement::Failed, text)
        }
        None => Finding::new(Judgement::Inconclusive, "nothing was written or read"),
    }
}

/// The objective is held against the longest outage; a second one is a finding of its own.
fn stays_up(record: &DrillRecord) -> Finding {
    let figure = record.measurements.figures.iter().find(|figure| figure.name == OUTAGES_SEEN);
    match figure.and_then(|figure| figure.value.value()).and_then(serde_json::Value::as_u64) {
        None => Finding::new(Judgement::Inconclusive, "the failover was not asked for"),
        Some(0 | 1) => Finding::new(Judgement::Passed, "no second outage was seen"),
        Some(count) => {
            Finding::new(Judgement::Failed, format!("{count} outages were seen, one after the other"))
        }
    }
}

fn ledger_reconciles(record: &DrillRecord) -> Finding {
    match &record.measurements.rpo {
        Measured::Not { not_measured } if record.streams.contains_key(Stream::Write.name()) => {
            Finding::new(Judgement::Inconclusive, format!("not read back: {not_measured}"))
        }
        Measured::Not { .. } => Finding::new(Judgement::Unasked, "nothing was written"),
        Measured::Value(Rpo::Window(_)) => {
            Finding::new(Judgement::Inconclusive, "the record holds no writes of this drill")
        }
        Measured::Value(Rpo::Writes(rpo)) if rpo.unexpected + rpo.duplicated == 0 => Finding::new(
            Judgement::Passed,
            format!(
                "{} rows recovered that were not acknowledged, none unexpected, none twice",
                rpo.recovered
            ),
        ),
        Measured::Value(Rpo::Writes(rpo)) => Finding::new(
            Judgement::Failed,
            format!("{} rows that nobody wrote and {} rows twice", rpo.unexpected, rpo.duplicated),
        ),
    }
}

fn same_instance(record: &DrillRecord) -> Finding {
    let before = record.observed::<InstanceView>("instance-before").map(|instance| instance.resource_id);
    let after = record.observed::<InstanceView>("instance-after").map(|instance| instance.resource_id);
    match (before, after) {
        (Some(before), Some(after)) if before == after => {
            Finding::new(Judgement::Passed, format!("resource id {after} before and after"))
        }
        (Some(before), Some(after)) => Finding::new(
            Judgement::Invalid,
            format!("the name stands for another instance now: resource id {before} became {after}"),
        ),
        _ => Finding::new(Judgement::Inconclusive, "the instance was not seen before and after"),
    }
}

fn multi_az_whole(record: &DrillRecord) -> Finding {
    match record.observed::<String>("multi-az").as_deref() {
        Some("whole") => {
            Finding::new(Judgement::Passed, "available, Multi-AZ, with a standby in another zone")
        }
        Some(why) => Finding::new(Judgement::Failed, format!("Multi-AZ did not come back: {why}")),
        None => Finding::new(Judgement::Inconclusive, "the drill ended before Multi-AZ was looked at again"),
    }
}
