//! What must hold of a table's indexes.

use lifeboat_engine::{Check, with_objectives};
use lifeboat_model::{DrillRecord, Finding, Judgement};
use lifeboat_targets::dynamodb::{IndexView, TableView};

use super::steps::{Answers, Declared, Projection};

/// All checks of the drill.
pub fn checks() -> Vec<Check> {
    with_objectives([
        Check { name: "the declared indexes are there", judge: there },
        Check { name: "they have the declared keys", judge: keys },
        Check { name: "they carry the declared attributes", judge: projections },
        Check { name: "they are ACTIVE", judge: active },
        Check { name: "each answers a query", judge: answers },
    ])
}

/// A declared index, with the table's of that name.
type Pair = (Declared, Option<IndexView>);

/// The table, and what is declared beside what is there.
fn pairs(record: &DrillRecord) -> Option<(TableView, Vec<Pair>)> {
    let table = record.observed::<TableView>("table")?;
    let declared = record.observed::<Vec<Declared>>("declared")?;
    let pairs = declared.into_iter().map(|wanted| {
        let found = table.indexes.iter().find(|index| index.name == wanted.name).cloned();
        (wanted, found)
    });
    let pairs = pairs.collect();
    Some((table, pairs))
}

/// Judges every declared index that is there.
fn each(
    record: &DrillRecord,
    right: &str,
    wrong: impl Fn(&Declared, &IndexView) -> Option<String>,
) -> Finding {
    let Some((table, pairs)) = pairs(record) else { return unseen() };
    let found = pairs.iter().filter_map(|(wanted, index)| Some((wanted, index.as_ref()?)));
    let wrong: Vec<String> = found.filter_map(|(wanted, index)| wrong(wanted, index)).collect();
    if wrong.is_empty() {
        return Finding::new(Judgement::Passed, right);
    }
    Finding::new(Judgement::Failed, format!("table `{}`: {}", table.name, wrong.join("; ")))
}

fn unseen() -> Finding {
    Finding::new(Judgement::Inconclusive, "the table was not looked at")
}

fn there(record: &DrillRecord) -> Finding {
    let Some((table, pairs)) = pairs(record) else { return unseen() };
    let missing: Vec<String> = pairs
        .iter()
        .filter(|(_, index)| index.is_none())
        .map(|(wanted, _)| format!("`{}`", wanted.name))
        .collect();
    let more: Vec<&str> = table
        .indexes
        .iter()
        .filter(|index| !pairs.iter().any(|(wanted, _)| wanted.name == index.name))
        .map(|index| index.name.as_str())
        .collect();
    let more = if more.is_empty() { String::new() } else { format!("; not declared: {}", more.join(", ")) };
    if missing.is_empty() {
        return Finding::new(Judgement::Passed, format!("`{}` has all {}{more}", table.name, pairs.len()));
    }
    Finding::new(
        Judgement::Failed,
        format!("table `{}` lacks the index {}{more}", table.name, missing.join(", ")),
    )
}

fn keys(record: &DrillRecord) -> Finding {
    let text = |partition: &str, sort: Option<&String>| match sort {
        Some(sort) => format!("{partition}, {sort}"),
        None => partition.to_owned(),
    };
    each(record, "every index has the keys of the plan", |wanted, index| {
        let declared = text(&wanted.partition_key, wanted.sort_key.as_ref());
        let found = text(&index.key.partition, index.key.sort.as_ref());
        (declared != found)
            .then(|| format!("the key of index `{}` is {found} and not {declared}", wanted.name))
    })
}

fn projections(record: &DrillRecord) -> Finding {
    each(record, "every index carries what the plan says", |wanted, index| {
        let declared = match wanted.projection.as_ref()? {
            Projection::Kind(kind) => kind.clone(),
            Projection::Include(attributes) => {
                let mut attributes = attributes.clone();
                attributes.sort();
                format!("INCLUDE {}", attributes.join(", "))
            }
        };
        let found = format!("{} {}", index.projection, index.include.join(", "));
        let found = found.trim();
        (declared != found)
            .then(|| format!("the projection of index `{}` is {found} and not {declared}", wanted.name))
    })
}

fn active(record: &DrillRecord) -> Finding {
    each(record, "every index is ACTIVE", |wanted, index| {
        // A local index has no status of its own.
        let status = index.status.as_deref().unwrap_or("ACTIVE");
        (status != "ACTIVE").then(|| format!("index `{}` is {status}", wanted.name))
    })
}

fn answers(record: &DrillRecord) -> Finding {
    let Some(answers) = record.observed::<Answers>("answers") else {
        return Finding::new(Judgement::Inconclusive, "no index was asked");
    };
    let failed: Vec<String> = answers
        .failed
        .iter()
        .map(|(name, error)| format!("index `{name}` does not answer: {error}"))
        .collect();
    if !failed.is_empty() {
        return Finding::new(Judgement::Failed, failed.join("; "));
    }
    let said: Vec<String> = answers
        .answered
        .iter()
        .map(|(name, answer)| match (&answer.asked, answer.found) {
            (Some(key), true) => format!("`{name}` has an item for {key}"),
            _ => format!("`{name}` is empty and answers"),
        })
        .collect();
    if said.is_empty() {
        return Finding::new(Judgement::Inconclusive, "none of the declared indexes is there to be asked");
    }
    Finding::new(Judgement::Passed, said.join("; "))
}
