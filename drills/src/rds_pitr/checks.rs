//! What must hold after a point-in-time restore, and after a promotion where the plan asks for one.

use lifeboat_engine::Check;
use lifeboat_model::{DrillRecord, Finding, Judgement, Proof};
use lifeboat_targets::postgres::Canaries;
use lifeboat_targets::rds::InstanceView;

use super::swap::Served;
use crate::restore::checks as of_restore;

/// All checks of the drill.
pub fn checks() -> Vec<Check> {
    let mut checks = of_restore::checks();
    checks.extend([
        Check { name: "the name served the copy", judge: name_served_the_copy },
        Check { name: "the source serves again", judge: source_serves_again },
    ]);
    checks
}

/// What a check of a promotion says where there was none.
fn not_promoted(record: &DrillRecord) -> Option<Finding> {
    if record.options.get("promote") != Some(&serde_json::Value::Bool(true)) {
        return Some(Finding::new(Judgement::Unasked, "the plan asks for no promotion"));
    }
    let why = record.observed::<String>("not-promoted")?;
    Some(Finding::new(Judgement::Failed, format!("the copy was not promoted: {why}")))
}

fn name_served_the_copy(record: &DrillRecord) -> Finding {
    not_promoted(record)
        .unwrap_or_else(|| served(record, "promoted", "copy", record.observed("canaries-expected")))
}

fn source_serves_again(record: &DrillRecord) -> Finding {
    match not_promoted(record) {
        Some(finding) if finding.judgement == Judgement::Unasked => finding,
        Some(_) => Finding::new(Judgement::Unasked, "it was not promoted"),
        None => served(record, "swapped-back", "source", record.observed("canaries-source")),
    }
}

/// Whether the name stood for an instance, by its resource id and by the canaries behind its endpoint.
fn served(record: &DrillRecord, what: &str, instance: &str, expected: Option<Canaries>) -> Finding {
    if let Some(why) = record.observed::<String>(&format!("{what}-error")) {
        return Finding::new(Judgement::Failed, format!("the name did not serve the {instance}: {why}"));
    }
    let (Some(served), Some(instance_id), Some(expected)) = (
        record.observed::<Served>(what),
        record.observed::<InstanceView>(instance).map(|instance| instance.resource_id),
        expected,
    ) else {
        return Finding::new(Judgement::Inconclusive, "the drill ended before");
    };
    let proof = Proof {
        what: "instance behind the name".into(),
        before: instance_id.clone(),
        after: served.resource_id.clone(),
    };
    let finding = if served.resource_id != instance_id {
        Finding::new(
            Judgement::Failed,
            format!("the name stands for {} and not {instance_id}", served.resource_id),
        )
    } else if served.canaries != expected {
        let text = format!(
            "the name stands for the {instance}, and its endpoint shows other rows; simulated, not evidence"
        );
        Finding::new(Judgement::Invalid, text)
    } else {
        Finding::new(Judgement::Passed, format!("{instance_id}, with its rows behind the endpoint"))
    };
    finding.with_proof(proof)
}
