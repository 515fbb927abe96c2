//! The definitions of two databases held against each other.

use std::collections::{BTreeMap, BTreeSet};

use super::definitions::Definition;
use super::{DataFinding, WriteMarks};

/// So many differences are named one by one.
const MOST: usize = 200;

type Definitions = BTreeMap<String, Definition>;

/// A finding for each definition that differs; one for all of them if none does. With marks, what was changed on the
/// source since they were taken is told from what the copy lacks.
pub(super) fn compare_definitions(
    source: &Definitions,
    copy: &Definitions,
    marks: Option<&WriteMarks>,
) -> Vec<DataFinding> {
    let subjects: BTreeSet<&String> = source.keys().chain(copy.keys()).collect();
    let mut found = Vec::new();
    for subject in &subjects {
        let (of_source, of_copy) = (source.get(*subject), copy.get(*subject));
        if of_source.map(|d| &d.text) == of_copy.map(|d| &d.text)
            || whole_relation_differs(source, copy, subject)
        {
            continue;
        }
        let message = match (of_source, of_copy) {
            (Some(source), None) => format!("is missing in the copy{}", shown(&source.text)),
            (None, Some(copy)) => format!("is in the copy and not in the source{}", shown(&copy.text)),
            (Some(source), Some(copy)) => {
                format!(
                    "differs: `{}` in the source, `{}` in the copy",
                    short(&source.text),
                    short(&copy.text)
                )
            }
            (None, None) => continue,
        };
        let unchanged = marks.map(|marks| match of_source {
            Some(now) => marks.had(subject, &now.digest),
            None => !marks.knew(subject),
        });
        found.push(match unchanged {
            Some(true) => DataFinding::different(*subject, message),
            Some(false) => DataFinding::cannot_tell(
                *subject,
                format!("{message}; the source's was changed since that moment"),
            ),
            None => DataFinding::cannot_tell(
                *subject,
                format!("{message}; whether the source's was changed since that moment is not known"),
            ),
        });
    }
    if found.is_empty() {
        let message = format!("{} definitions are the same", subjects.len());
        found.push(DataFinding::same("schema", message));
    }
    // What is certain comes first, for the end may be cut off.
    found.sort_by(|a, b| b.outcome.cmp(&a.outcome).then_with(|| a.subject.cmp(&b.subject)));
    let more = found.len().saturating_sub(MOST);
    if more > 0 {
        let outcome = found[MOST..].iter().map(|finding| finding.outcome).max().unwrap_or(found[0].outcome);
        found.truncate(MOST);
        let message = format!("{more} more definitions differ");
        found.push(DataFinding { subject: "schema".into(), outcome, message });
    }
    found
}

/// Whether the relation that this belongs to is on one side only: it alone is named then.
fn whole_relation_differs(source: &Definitions, copy: &Definitions, subject: &str) -> bool {
    let Some(of) = source.get(subject).or(copy.get(subject)).map(|d| &d.of).filter(|of| !of.is_empty())
    else {
        return false;
    };
    ["table", "view", "materialized view"].iter().any(|kind| {
        let relation = format!("{kind} {of}");
        source.contains_key(&relation) != copy.contains_key(&relation)
    })
}

fn shown(text: &str) -> String {
    if text.is_empty() || text == "ordinary" { String::new() } else { format!(": `{}`", short(text)) }
}

/// The beginning of a text that may be long, on one line.
pub(super) fn short(text: &str) -> String {
    const LETTERS: usize = 200;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LETTERS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
