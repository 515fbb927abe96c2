//! What must hold after a point-in-time restore, and after a promotion where the plan asks for one.

use lifeboat_engine::Check;
use lifeboat_model::{DrillRecord, Finding, Judgement, Proof};
use lifeboat_targets::postgres::{Canaries, Told};
use lifeboat_targets::rds::InstanceView;

use super::swap::{CopyWrites, Served};
use crate::restore::checks as of_restore;

/// All checks of the drill.
pub fn checks() -> Vec<Check> {
    let mut checks = of_restore::checks();
    checks.extend([
        Check { name: "the name served the copy", judge: name_served_the_copy },
        Check { name: "the source serves again", judge: source_serves_again },
        Check { name: "nobody wrote to the promoted copy", judge: copy_unwritten },
    ]);
    checks
}

/// What a check of a promotion says where there was none.
fn not_promoted(record: &DrillRecord) -> Option<Finding> {
    if record.options.get("promote") != Some(&serde_json::Value::Bool(true)) {
        return Some(Finding::new(Judgement::Unasked, "the plan asks for no promotion"));
    }
    let said = |name: &str, judgement| {
        let why = record.observed::<String>(name)?;
        Some(Finding::new(judgement, format!("the copy was not promoted: {why}")))
    };
    said("not-promoted", Judgement::Failed).or_else(|| said("promotion-unclear", Judgement::Inconclusive))
}

fn name_served_the_copy(record: &DrillRecord) -> Finding {
    not_promoted(record)
        .unwrap_or_else(|| served(record, "promoted", "copy", record.observed("canaries-expected")))
}

/// The same for the checks after the first, which has said why.
fn nothing_was_swapped(record: &DrillRecord) -> Option<Finding> {
    not_promoted(record).map(|finding| match finding.judgement {
        Judgement::Unasked => finding,
        _ => Finding::new(Judgement::Unasked, "it was not promoted"),
    })
}

fn source_serves_again(record: &DrillRecord) -> Finding {
    nothing_was_swapped(record)
        .unwrap_or_else(|| served(record, "swapped-back", "source", record.observed("canaries-source")))
}

fn copy_unwritten(record: &DrillRecord) -> Finding {
    if let Some(finding) = nothing_was_swapped(record) {
        return finding;
    }
    let Some(CopyWrites { copy, at, told }) = record.observed("writes-to-the-copy") else {
        return Finding::new(Judgement::Inconclusive, "the drill ended before");
    };
    let at = at.map_or_else(String::new, |at| format!(" at {at}"));
    match told {
        Told::Nobody(how) => Finding::new(Judgement::Passed, how),
        Told::Somebody(how) => Finding::new(
            Judgement::Failed,
            format!(
                "clients wrote to the copy while it had the source's name, and the source does not have what they wrote \
                 ({how}); DB instance `{copy}` is kept with it{at}: bring the rows to the source, then delete it"
            ),
        ),
        Told::Unclear(why) => Finding::new(
            Judgement::Inconclusive,
            format!(
                "whether clients wrote to the copy while it had the source's name cannot be told ({why}); DB instance \
                 `{copy}`{at} is not deleted before that: look whether it has rows that the source has not"
            ),
        ),
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
