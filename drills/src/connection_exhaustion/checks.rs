//! What must hold after an exhaustion.

use lifeboat_engine::{Check, with_objectives};
use lifeboat_model::{DrillRecord, Finding, Judgement, Proof};
use lifeboat_targets::postgres::{ConnectionLimits, LimitScope};
use serde_json::Value;

use super::climb::TOO_MANY_CONNECTIONS;

/// How many slots the drill's own fresh connections may be using, unseen by the count.
const IN_FLIGHT: u64 = 3;

/// All checks of the drill.
pub fn checks() -> Vec<Check> {
    with_objectives([
        Check { name: "the limit was reached", judge: limit_reached },
        Check { name: "the limit is that of the settings", judge: limit_fits },
        Check { name: "refused for want of connections", judge: refused_rightly },
        Check { name: "the reserved slot lets an administrator in", judge: admin_let_in },
        Check { name: "applications connect again", judge: connects_again },
        Check { name: "sessions are back to the steady state", judge: calm },
    ])
}

/// The climb's refusals, as (code and text, count).
fn refusals(record: &DrillRecord) -> Vec<(&str, u64)> {
    let named = record.measurements.figures.iter().filter_map(|figure| {
        let text = figure.name.strip_prefix("refusal: ")?;
        Some((text, figure.value.value().and_then(Value::as_u64)?))
    });
    named.collect()
}

fn limit_reached(record: &DrillRecord) -> Finding {
    let (Some(peak), Some(before)) =
        (record.observed::<u64>("sessions-at-peak"), record.observed::<u64>("open-sessions-before"))
    else {
        return Finding::new(
            Judgement::Invalid,
            "the drill ended before the limit was held: nothing is proved",
        );
    };
    let opened: u64 = record.observed("climb-opened").unwrap_or_default();
    let refused: u64 = refusals(record).iter().map(|(_, count)| count).sum();
    let proof =
        Proof { what: "sessions on the server".into(), before: before.to_string(), after: peak.to_string() };
    let cap = record.options.get("connections").and_then(Value::as_u64);
    let finding = match (refused, cap) {
        (1.., _) => Finding::new(
            Judgement::Passed,
            format!("{peak} sessions were open when the server refused {refused} more"),
        ),
        (0, Some(cap)) if opened >= cap && peak >= opened => Finding::new(
            Judgement::Passed,
            format!(
                "the cap of {cap} connections was held without a refusal; the limit itself was not measured"
            ),
        ),
        (0, _) => Finding::new(
            Judgement::Invalid,
            format!("no connection was refused, and the server counted {peak} sessions of {opened} opened"),
        ),
    };
    finding.with_proof(proof)
}

fn limit_fits(record: &DrillRecord) -> Finding {
    let (Some(peak), Some(limits)) =
        (record.observed::<u64>("sessions-at-peak"), record.observed::<ConnectionLimits>("limits"))
    else {
        return Finding::new(Judgement::Inconclusive, "the limit was not held");
    };
    if refusals(record).is_empty() {
        return Finding::new(Judgement::Unasked, "the limit was not reached under the cap");
    }
    let scope = record.observed("limit-scope").unwrap_or(LimitScope::Server);
    let expected = u64::from(limits.of(scope));
    let which = match scope {
        LimitScope::Server => format!("max_connections {} less the reserved ones", limits.max_connections),
        LimitScope::Role => "the limit of the role".to_owned(),
        LimitScope::Database => "the limit of the database".to_owned(),
    };
    let text = format!("{peak} sessions found, {expected} by the settings ({which})");
    if peak <= expected && peak + IN_FLIGHT >= expected {
        Finding::new(Judgement::Passed, text)
    } else {
        Finding::new(Judgement::Failed, format!("the server's limit is not that of its settings: {text}"))
    }
}

fn refused_rightly(record: &DrillRecord) -> Finding {
    let refusals = refusals(record);
    if refusals.is_empty() {
        return Finding::new(Judgement::Unasked, "nothing was refused under the cap");
    }
    let list =
        refusals.iter().map(|(text, count)| format!("{count} × {text}")).collect::<Vec<_>>().join("; ");
    if refusals.iter().all(|(text, _)| text.starts_with(TOO_MANY_CONNECTIONS)) {
        Finding::new(Judgement::Passed, list)
    } else {
        Finding::new(Judgement::Failed, format!("connections failed otherwise than at the limit: {list}"))
    }
}

fn admin_let_in(record: &DrillRecord) -> Finding {
    match record.observed::<String>("admin").as_deref() {
        None => Finding::new(Judgement::Unasked, "the target names no admin_user"),
        Some(_) if refusals(record).is_empty() => {
            Finding::new(Judgement::Unasked, "nothing was refused under the cap, so nothing was proved")
        }
        Some("let in") => {
            Finding::new(Judgement::Passed, "the administrator was let in while applications were refused")
        }
        Some(error) => Finding::new(Judgement::Failed, format!("the administrator was kept out: {error}")),
    }
}

fn connects_again(record: &DrillRecord) -> Finding {
    match record.observed::<String>("recovery").as_deref() {
        Some("recovered") => Finding::new(Judgement::Passed, "fresh connections succeed after the release"),
        Some(why) => Finding::new(Judgement::Failed, format!("applications do not get in again: {why}")),
        None => Finding::new(Judgement::Inconclusive, "the drill ended before the release"),
    }
}

fn calm(record: &DrillRecord) -> Finding {
    match record.observed::<String>("calm").as_deref() {
        Some("calm") => {
            let after: u64 = record.observed("open-sessions-after").unwrap_or_default();
            Finding::new(Judgement::Passed, format!("{after} sessions, as before"))
        }
        Some(why) => Finding::new(Judgement::Failed, format!("not back to the steady state: {why}")),
        None => {
            Finding::new(Judgement::Inconclusive, "the drill ended before the sessions were counted again")
        }
    }
}
