//! What the canary items in source and copy say about the moment that was restored. Pure.

use std::collections::BTreeMap;

use lifeboat_model::{ItemKey, Proof};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::canaries::{BEFORE, Canary, DELETED, Found, OVERWRITTEN};

/// What the steps saw, by name.
pub type Seen = BTreeMap<String, Value>;

/// What the copy is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moment {
    /// The table as it was at the moment that was asked for.
    AsAsked,
    /// The table as it is now: nothing was taken back.
    AsNow,
    /// Neither, in these items.
    Other(Vec<String>),
    /// It was not seen, and why.
    Unseen(String),
}

/// The last value of what was observed under that name.
pub fn observed<T: DeserializeOwned>(seen: &Seen, name: &str) -> Option<T> {
    seen.get(name).and_then(|value| serde_json::from_value(value.clone()).ok())
}

/// Which moment the copy is of.
pub fn moment(seen: &Seen) -> Moment {
    let Some(copy) = observed::<Found>(seen, "canaries-in-copy") else {
        let why = observed::<String>(seen, "canaries-in-copy-error");
        return Moment::Unseen(why.unwrap_or_else(|| "the drill ended before it had a copy to read".into()));
    };
    let Some(canaries) = observed::<Vec<Canary>>(seen, "canaries").filter(|all| !all.is_empty()) else {
        return Moment::Unseen("the record does not hold the canary items".into());
    };
    let Some(now) = observed::<Found>(seen, "canaries-in-source") else {
        let why = observed::<String>(seen, "canaries-in-source-error");
        let why = why.unwrap_or_else(|| "the drill ended before".into());
        return Moment::Unseen(format!("the canary items of the source were not read: {why}"));
    };
    let holds = |found: &Found, canary: &Canary| found.get(&canary.name).cloned().flatten();
    let wrong: Vec<&Canary> = canaries.iter().filter(|c| holds(&copy, c) != at_moment(c)).collect();
    // Also where the source shows nothing of the disaster: then a copy of now looks like one of the moment.
    if canaries.iter().all(|canary| holds(&copy, canary) == holds(&now, canary)) {
        return Moment::AsNow;
    }
    if wrong.is_empty() {
        return Moment::AsAsked;
    }
    Moment::Other(wrong.into_iter().map(|canary| describe(canary, holds(&copy, canary).as_deref())).collect())
}

/// What a canary item held at the moment that is restored.
fn at_moment(canary: &Canary) -> Option<String> {
    [BEFORE, OVERWRITTEN, DELETED].contains(&canary.name.as_str()).then(|| canary.value.clone())
}

/// What is wrong with an item of the copy.
fn describe(canary: &Canary, found: Option<&str>) -> String {
    let (key, name) = (key_text(&canary.key), canary.name.as_str());
    match (at_moment(canary), found) {
        (Some(_), None) => format!("it lacks the item {key}, which was written before that moment"),
        (None, Some(_)) => format!("it holds the item {key}, which was written after that moment ({name})"),
        (Some(_), Some(text)) => {
            format!("its item {key} holds `{text}`, which is not what it held at that moment")
        }
        (None, None) => format!("its item {key} is as it should be"),
    }
}

fn key_text(key: &ItemKey) -> String {
    let plain = |value: &Value| {
        value.as_object().and_then(|kind| kind.values().next()).cloned().unwrap_or_else(|| value.clone())
    };
    let parts: Vec<String> = key.iter().map(|(name, value)| format!("{name} = {}", plain(value))).collect();
    parts.join(", ")
}

/// The witness: what the canary items are in the source now, and in the copy.
pub fn witness(seen: &Seen) -> Option<Proof> {
    let text = |name: &str| {
        let found = observed::<Found>(seen, name)?;
        let there: Vec<String> = found
            .iter()
            .map(|(canary, value)| format!("{canary}: {}", value.as_deref().unwrap_or("absent")))
            .collect();
        Some(there.join("; "))
    };
    Some(Proof {
        what: "canary items in the source after the disaster, and in the copy".into(),
        before: text("canaries-in-source")?,
        after: text("canaries-in-copy")?,
    })
}

/// A record's canary items for tests: the copy's and the source's contents in the order before, overwritten, deleted,
/// after, late.
#[cfg(test)]
pub fn seen_of(copy: [Option<&str>; 5], source: [Option<&str>; 5]) -> Seen {
    use serde_json::json;

    use super::canaries::{AFTER, LATE};
    let names = [BEFORE, OVERWRITTEN, DELETED, AFTER, LATE];
    let canaries: Vec<Value> = names
        .iter()
        .map(|name| json!({ "name": name, "key": { "id": { "S": format!("c#{name}") } }, "value": "v" }))
        .collect();
    let found = |all: [Option<&str>; 5]| -> Value {
        names.iter().zip(all).map(|(name, value)| ((*name).to_owned(), json!(value))).collect::<Value>()
    };
    [("canaries", json!(canaries)), ("canaries-in-copy", found(copy)), ("canaries-in-source", found(source))]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const NOW: [Option<&str>; 5] = [Some("v"), Some("destroyed"), None, Some("v"), Some("v")];
    const ASKED: [Option<&str>; 5] = [Some("v"), Some("v"), Some("v"), None, None];

    #[test]
    fn the_moment_that_was_asked_for_and_now_are_told_apart() {
        assert_eq!(moment(&seen_of(ASKED, NOW)), Moment::AsAsked);
        assert_eq!(moment(&seen_of(NOW, NOW)), Moment::AsNow);
        assert!(matches!(moment(&Seen::new()), Moment::Unseen(_)));
    }

    #[rstest]
    #[case::before_the_first_canary([None; 5], "lacks the item id = \"c#before\"")]
    #[case::after_the_second([Some("v"), Some("v"), Some("v"), Some("v"), None], "holds the item id = \"c#after\"")]
    #[case::after_the_disaster(
        [Some("v"), Some("destroyed"), None, Some("v"), None],
        "its item id = \"c#overwritten\" holds `destroyed`"
    )]
    #[case::an_item_lost([Some("v"), None, Some("v"), None, None], "lacks the item id = \"c#overwritten\"")]
    #[case::an_item_changed([Some("v?"), Some("v"), Some("v"), None, None], "id = \"c#before\" holds `v?`")]
    fn another_moment_names_the_items(#[case] copy: [Option<&str>; 5], #[case] text: &str) {
        let Moment::Other(wrong) = moment(&seen_of(copy, NOW)) else { panic!("it is another moment") };
        assert!(wrong.join("; ").contains(text), "{wrong:?}");
    }

    #[test]
    fn without_the_sources_canaries_nothing_is_proved() {
        for copy in [NOW, ASKED] {
            let mut seen = seen_of(copy, NOW);
            seen.remove("canaries-in-source");
            assert!(matches!(moment(&seen), Moment::Unseen(_)));
        }
        // A source on which the disaster left no trace.
        assert_eq!(moment(&seen_of(ASKED, ASKED)), Moment::AsNow);
    }
}
