//! What must hold after every restore.

use std::collections::BTreeMap;

use lifeboat_engine::{Check, with_objectives};
use lifeboat_model::{DrillRecord, Finding, Judgement, Proof};
use lifeboat_targets::postgres::validate::{DataFinding, DataOutcome, Validation};
use lifeboat_targets::postgres::{Canaries, ServerWitness};
use lifeboat_targets::rds::{InstanceView, SettingDifference, Settings};

use super::canaries;
use super::copy::NO_ROOM;

/// So many findings are in a message; the record holds all of them.
const SHOWN: usize = 20;

/// The checks of every restore.
pub fn checks() -> Vec<Check> {
    with_objectives([
        Check { name: "the copy became available", judge: became_available },
        Check { name: "the copy is another server", judge: another_server },
        Check { name: "the copy is of the moment", judge: of_the_moment },
        Check { name: "the data is the source's", judge: data_is_the_same },
        Check { name: "the copy has what was asked for", judge: settings_as_asked },
        Check { name: "what the restore did not carry over", judge: settings_dropped },
    ])
}

fn became_available(record: &DrillRecord) -> Finding {
    match (record.observed::<String>("restorable-error"), record.observed::<String>("restore").as_deref()) {
        (Some(why), _) => Finding::new(Judgement::Failed, format!("nothing could be restored: {why}")),
        (None, Some("available")) => Finding::new(Judgement::Passed, "the control plane says available"),
        (None, Some(why)) => {
            Finding::new(Judgement::Failed, format!("the restore did not come through: {why}"))
        }
        (None, None) => Finding::new(Judgement::Inconclusive, "the drill ended before"),
    }
}

/// What a check says that needs an available copy, where there is none.
fn no_copy(record: &DrillRecord) -> Finding {
    match record.observed::<String>("copy-server-error") {
        Some(why) => Finding::new(
            Judgement::Invalid,
            format!("the control plane says available, and nothing answers there: {why}; nothing is proved"),
        ),
        None => Finding::new(Judgement::Inconclusive, "there was no copy to look at"),
    }
}

fn another_server(record: &DrillRecord) -> Finding {
    let witness = |name: &str| record.observed::<ServerWitness>(name);
    let id = |name: &str| record.observed::<InstanceView>(name).map(|instance| instance.resource_id);
    if let (Some(source), Some(copy)) = (id("source"), id("copy"))
        && source == copy
    {
        let text = format!(
            "no copy is proved: it shows the source's own resource id {copy}; simulated, not evidence"
        );
        return Finding::new(Judgement::Invalid, text);
    }
    let (Some(source), Some(copy)) = (witness("source-server"), witness("copy-server")) else {
        return no_copy(record);
    };
    let proof =
        Proof { what: "server of the copy".into(), before: source.to_string(), after: copy.to_string() };
    let finding = if source == copy {
        let text = format!("no copy is proved: the source itself answers, {copy}; simulated, not evidence");
        Finding::new(Judgement::Invalid, text)
    } else if copy.in_recovery {
        Finding::new(Judgement::Failed, format!("the copy is in recovery: {copy}"))
    } else {
        Finding::new(Judgement::Passed, format!("{copy} answers for the copy, {source} for the source"))
    };
    finding.with_proof(proof)
}

fn of_the_moment(record: &DrillRecord) -> Finding {
    let held = |name: &str| record.observed::<Canaries>(name);
    let (Some(copy), Some(now)) = (held("canaries-copy"), held("canaries-source")) else {
        return match record.observed::<String>("canaries-error") {
            Some(why) => Finding::new(Judgement::Inconclusive, format!("the canaries were not read: {why}")),
            None => no_copy(record),
        };
    };
    let Some(expected) = held("canaries-expected") else {
        return Finding::new(Judgement::Inconclusive, "what was there at the moment is not in the record");
    };
    let word = |held: &Canaries| match held {
        None => "no canary table".to_owned(),
        Some(rows) => {
            let ids: Vec<String> = rows.iter().map(|(id, note)| format!("{id} ({note})")).collect();
            format!("canaries {}", ids.join(", "))
        }
    };
    let proof = Proof { what: "canaries in the copy".into(), before: word(&expected), after: word(&copy) };
    canaries::judge(&expected, &now, &copy).with_proof(proof)
}

fn data_is_the_same(record: &DrillRecord) -> Finding {
    if let Some(why) = record.observed::<String>("validation-error") {
        return Finding::new(Judgement::Inconclusive, format!("the data was not compared: {why}"));
    }
    let Some(validation) = record.observed::<Validation>("validation") else { return no_copy(record) };
    let tell = |outcome: DataOutcome| {
        let found: Vec<&DataFinding> = validation.of(outcome).collect();
        let more = found.len().saturating_sub(SHOWN);
        let mut text: Vec<String> =
            found.iter().take(SHOWN).map(|f| format!("{}: {}", f.subject, f.message)).collect();
        text.extend((more > 0).then(|| format!("and {more} more")));
        text.join("; ")
    };
    let rows: u64 = validation.tables.iter().filter_map(|table| table.rows_copy).sum();
    let asked = validation.findings.iter().any(|finding| finding.subject.starts_with("query "));
    match validation.outcome() {
        DataOutcome::Different => Finding::new(Judgement::Failed, tell(DataOutcome::Different)),
        DataOutcome::CannotTell => Finding::new(Judgement::Inconclusive, tell(DataOutcome::CannotTell)),
        DataOutcome::Same if validation.tables.is_empty() && !asked => Finding::new(
            Judgement::Inconclusive,
            "no table was compared and no query asked: see that the target's database is the right one",
        ),
        DataOutcome::Same => {
            let apart = match validation.not_compared.len() {
                0 => String::new(),
                _ => format!("; not compared: {}", validation.not_compared.join("; ")),
            };
            Finding::new(
                Judgement::Passed,
                format!(
                    "{rows} rows in {} tables, definitions and sequences are the same{apart}",
                    validation.tables.len()
                ),
            )
        }
    }
}

/// What the copy has otherwise than asked for, and than the source; without a copy, what to say instead.
fn differences(record: &DrillRecord) -> Result<(Vec<SettingDifference>, Vec<SettingDifference>), Finding> {
    let copy = record.observed::<InstanceView>("copy-settled");
    let (Some(asked), Some(copy)) = (record.observed::<Settings>("asked-settings"), copy) else {
        return Err(match record.observed::<String>("settings-error") {
            Some(why) => Finding::new(Judgement::Inconclusive, format!("the settings were not seen: {why}")),
            None => no_copy(record),
        });
    };
    let (mut missing, others) = asked.differences(&copy.settings);
    // Records of runs before this was asked have none.
    let tags = record.observed::<BTreeMap<String, String>>("asked-tags").unwrap_or_default();
    missing.extend(tags.into_iter().filter(|(key, value)| copy.tag(key) != Some(value.as_str())).map(
        |(key, expected)| {
            let found = copy.tag(&key).unwrap_or("none").to_owned();
            SettingDifference { name: format!("tag {key}"), expected, found }
        },
    ));
    Ok((missing, others))
}

fn settings_as_asked(record: &DrillRecord) -> Finding {
    match differences(record) {
        Err(finding) => finding,
        Ok((missing, _)) if missing.is_empty() => {
            let full: Vec<String> = record.observed(NO_ROOM).unwrap_or_default();
            let apart = match full.len() {
                0 => String::new(),
                _ => format!("; the time is that of a fallback: RDS had no capacity for {}", full.join(", ")),
            };
            let text = format!("class, network, parameter group and the rest are as asked for{apart}");
            Finding::new(Judgement::Passed, text)
        }
        Ok((missing, _)) => Finding::new(Judgement::Failed, list(&missing)),
    }
}

fn settings_dropped(record: &DrillRecord) -> Finding {
    match differences(record) {
        Err(finding) => finding,
        Ok((_, others)) if others.is_empty() => Finding::new(Judgement::Passed, "nothing that is looked at"),
        Ok((_, others)) => Finding::new(Judgement::Unasked, list(&others)),
    }
}

fn list(differences: &[SettingDifference]) -> String {
    differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
