//! What must hold after a restore of a table.

use lifeboat_engine::{Check, with_objectives};
use lifeboat_model::{DrillRecord, Finding, Judgement};
use lifeboat_targets::dynamodb::{IndexView, ItemDifference, TableComparison, TableSettings, TableView};

use super::canaries::{Chosen, spell};
use super::options::{Compare, SettingsRule};
use super::proof::{Moment, moment, witness};
use super::settings::missing;

/// How many items a message names.
const SHOWN: usize = 5;

/// All checks of a restore.
pub fn checks() -> Vec<Check> {
    with_objectives([
        Check { name: "the restore is done", judge: restored },
        Check { name: "the copy is of the chosen moment", judge: of_the_moment },
        Check { name: "the copy holds the source's items", judge: same_items },
        Check { name: "the copy has the source's keys and indexes", judge: same_design },
        Check { name: "settings that a restore drops", judge: settings },
        Check { name: "the source is as it was", judge: source_untouched },
    ])
}

fn source_name(record: &DrillRecord) -> String {
    record.observed::<TableView>("table-before").map_or_else(|| "the table".into(), |table| table.name)
}

fn no_copy() -> Finding {
    Finding::new(Judgement::Inconclusive, "there is no copy to look at")
}

/// Why nothing can be said of what the copy holds: one that is the source as it is now was not restored from anything.
fn moot(record: &DrillRecord) -> Option<Finding> {
    (moment(&record.observations) == Moment::AsNow).then(|| {
        Finding::new(
            Judgement::Inconclusive,
            "the copy is the source as it is now, so it says nothing of a restore",
        )
    })
}

fn restored(record: &DrillRecord) -> Finding {
    let name = source_name(record);
    let never = record.observed::<String>("not-restorable");
    if let Some(refused) = record.observed::<String>("restore-refused") {
        let waited = never.map(|never| format!(" ({never})")).unwrap_or_default();
        let text = format!(
            "`{name}` cannot be restored, whatever the control plane says of its continuous backups: {refused}{waited}"
        );
        return Finding::new(Judgement::Failed, text);
    }
    if let Some(gave_up) = record.observed::<String>("gave-up") {
        return Finding::new(Judgement::Failed, format!("the restore of `{name}` did not end: {gave_up}"));
    }
    if let Some(never) = never
        && moment(&record.observations) != Moment::AsAsked
    {
        let text = format!(
            "simulated, not evidence: a restore of `{name}` was accepted to a moment that its own window does not hold: \
             {never}"
        );
        return Finding::new(Judgement::Invalid, text);
    }
    match record.observed::<TableView>("copy") {
        Some(copy) => Finding::new(Judgement::Passed, format!("`{}` became active as `{}`", name, copy.name)),
        None => Finding::new(Judgement::Inconclusive, "the drill ended before the copy was active"),
    }
}

fn of_the_moment(record: &DrillRecord) -> Finding {
    let when = match record.observed::<Chosen>("chosen") {
        Some(chosen) => spell(chosen.at),
        None => "the backup".into(),
    };
    let (judgement, message) = match moment(&record.observations) {
        Moment::AsAsked => (
            Judgement::Passed,
            format!(
                "what was written before {when} is in the copy as it was, what was written after it is not"
            ),
        ),
        Moment::AsNow => (
            Judgement::Invalid,
            format!(
                "simulated, not evidence: the copy is `{}` as it is now, and not as it was at {when}",
                source_name(record)
            ),
        ),
        Moment::Other(wrong) => (
            Judgement::Failed,
            format!("the copy is not `{}` as it was at {when}: {}", source_name(record), wrong.join("; ")),
        ),
        Moment::Unseen(why) => {
            (Judgement::Inconclusive, format!("which moment the copy is of was not seen: {why}"))
        }
    };
    let finding = Finding::new(judgement, message);
    match witness(&record.observations) {
        Some(proof) => finding.with_proof(proof),
        None => finding,
    }
}

fn same_items(record: &DrillRecord) -> Finding {
    if let Some(finding) = moot(record) {
        return finding;
    }
    let Some(found) = record.observed::<TableComparison>("comparison") else {
        let why = record.observed::<String>("comparison-error");
        let why = why.unwrap_or_else(|| "there is no copy to compare with".into());
        return Finding::new(Judgement::Inconclusive, format!("source and copy were not compared: {why}"));
    };
    let compare = record.observed::<Compare>("compare").unwrap_or_default();
    let quiet = record.observed::<bool>("quiet").unwrap_or_default();
    let counts = format!("{} items in the source, {} in the copy", found.items_source, found.items_copy);
    if let Compare::AtLeast(least) = compare {
        let enough = found.items_copy >= least;
        let judgement = if enough { Judgement::Passed } else { Judgement::Failed };
        return Finding::new(judgement, format!("{counts}, at least {least} are asked for"));
    }
    if found.is_equal() {
        let of = match found.sampled {
            Some(items) => format!("the {items} items of the sample are the same"),
            None => "all items are the same".into(),
        };
        return Finding::new(Judgement::Passed, format!("{of}: {counts}, canary items apart"));
    }
    let shown: Vec<String> = found
        .examples
        .iter()
        .take(SHOWN)
        .map(|example| match &example.difference {
            ItemDifference::Missing => format!("{{{}}} is missing in the copy", example.key),
            ItemDifference::Extra => format!("{{{}}} is in the copy only", example.key),
            ItemDifference::Changed { attributes } if attributes.is_empty() => {
                format!("{{{}}} has changed", example.key)
            }
            ItemDifference::Changed { attributes } => {
                format!("{{{}}} has changed ({})", example.key, attributes.join(", "))
            }
        })
        .collect();
    let at_least = if found.complete { "" } else { "at least " };
    let text = format!("{at_least}{} items differ ({counts}): {}", found.differences, shown.join("; "));
    if found.differences == 0 {
        let text = format!("source or copy were written to while they were compared ({counts})");
        return Finding::new(Judgement::Inconclusive, text);
    }
    let expiring = record.observed::<TableSettings>("settings-before").and_then(|source| source.time_to_live);
    if let Some(attribute) = expiring
        && found.complete
        && found.differences == found.examples.len() as u64
        && found.examples.iter().all(|example| example.difference == ItemDifference::Extra)
    {
        // The copy has no time to live, so it keeps what the source has lost to it.
        let text = format!("{text}; they may have expired in the source (time to live `{attribute}`)");
        return Finding::new(Judgement::Inconclusive, text);
    }
    if quiet {
        return Finding::new(Judgement::Failed, text);
    }
    Finding::new(
        Judgement::Inconclusive,
        format!(
            "{text}; they may have been written since: stop the writers and say writes_stopped = true, or choose another compare"
        ),
    )
}

fn same_design(record: &DrillRecord) -> Finding {
    if let Some(finding) = moot(record) {
        return finding;
    }
    let Some(source) = record.observed::<TableView>("table-before") else { return no_copy() };
    let Some(copy) = record.observed::<TableView>("copy") else { return no_copy() };
    let mut wrong = Vec::new();
    if copy.key != source.key {
        wrong.push(format!("its key is {:?} and not {:?}", copy.key, source.key));
    }
    for index in &source.indexes {
        match copy.indexes.iter().find(|there| there.name == index.name) {
            None => wrong.push(format!("it lacks the index `{}`", index.name)),
            Some(there) if !same_index(index, there) => {
                wrong.push(format!("its index `{}` is {there:?} and not {index:?}", index.name));
            }
            Some(there) if there.status.as_deref().is_some_and(|status| status != "ACTIVE") => {
                let status = there.status.as_deref().unwrap_or_default();
                wrong.push(format!("its index `{}` is {status}", index.name));
            }
            Some(_) => {}
        }
    }
    if let Some(more) = copy.indexes.iter().find(|there| !source.indexes.iter().any(|i| i.name == there.name))
    {
        wrong.push(format!("it has the index `{}`, which the source has not", more.name));
    }
    if copy.attributes != source.attributes {
        wrong.push(format!(
            "the types of its key attributes are {:?} and not {:?}",
            copy.attributes, source.attributes
        ));
    }
    if copy.billing != source.billing {
        wrong.push(format!("it is billed as {} and not as {}", copy.billing, source.billing));
    }
    if copy.encryption != source.encryption {
        wrong.push(format!("it is encrypted with {:?} and not {:?}", copy.encryption, source.encryption));
    }
    if wrong.is_empty() {
        let text = format!("key, {} indexes, billing and encryption are the source's", source.indexes.len());
        return Finding::new(Judgement::Passed, text);
    }
    Finding::new(Judgement::Failed, format!("the copy of `{}` differs: {}", source.name, wrong.join("; ")))
}

fn same_index(a: &IndexView, b: &IndexView) -> bool {
    (a.global, &a.key, &a.projection, &a.include) == (b.global, &b.key, &b.projection, &b.include)
}

fn settings(record: &DrillRecord) -> Finding {
    if let Some(finding) = moot(record) {
        return finding;
    }
    let Some(source) = record.observed::<TableSettings>("settings-before") else { return no_copy() };
    let Some(copy) = record.observed::<TableSettings>("settings-of-copy") else { return no_copy() };
    let rule = record.observed::<SettingsRule>("settings-rule").unwrap_or_default();
    let at_end = record.observed::<TableSettings>("settings-put-back");
    let names = |seen: &TableSettings| -> Vec<String> {
        let missing = missing(&source, seen);
        missing
            .into_iter()
            .map(|(name, here, there)| format!("{name} ({here}, on the copy {there})"))
            .collect()
    };
    let dropped = names(&copy);
    let left = names(at_end.as_ref().unwrap_or(&copy));
    if let Some(error) = record.observed::<String>("put-back-error") {
        return Finding::new(Judgement::Failed, format!("not all was put back on the copy: {error}"));
    }
    if dropped.is_empty() {
        return Finding::new(Judgement::Passed, "the copy lacks no setting of the source");
    }
    if left.is_empty() {
        return Finding::new(
            Judgement::Passed,
            format!("the restore dropped {}; put back", dropped.join(", ")),
        );
    }
    let (judgement, so) = match rule {
        SettingsRule::Report => (Judgement::Passed, "which a recovery has to put back"),
        SettingsRule::Require => (Judgement::Failed, "which the plan requires"),
    };
    Finding::new(judgement, format!("the restore dropped {}, {so}", left.join(", ")))
}

fn source_untouched(record: &DrillRecord) -> Finding {
    let Some(before) = record.observed::<TableView>("table-before") else { return no_copy() };
    let after = record.observed::<TableView>("table-after");
    let (Some(after), Some(was), Some(is)) = (
        after,
        record.observed::<TableSettings>("settings-before"),
        record.observed::<TableSettings>("settings-after"),
    ) else {
        let why = record.observed::<String>("settings-error");
        let why = why.unwrap_or_else(|| "the drill ended before".into());
        return Finding::new(Judgement::Inconclusive, format!("the source was not looked at again: {why}"));
    };
    if after.id != before.id {
        let text = format!("`{}` is another table now: {} and not {}", before.name, after.id, before.id);
        return Finding::new(Judgement::Failed, text);
    }
    let lost = was.missing_in(&is);
    if lost.is_empty() {
        return Finding::new(
            Judgement::Passed,
            format!("`{}` has the id and settings that it had", before.name),
        );
    }
    let lost: Vec<String> =
        lost.into_iter().map(|(name, was, is)| format!("{name} was {was} and is {is}")).collect();
    Finding::new(
        Judgement::Failed,
        format!("the source `{}` lost settings during the restore: {}", before.name, lost.join("; ")),
    )
}
