//! Differences of configuration, from what a drill observed before and after.

use std::collections::{BTreeMap, BTreeSet};

use lifeboat_model::DrillRecord;
use serde_json::Value;

use super::table::{Cell, Table};

/// Observations that are held against each other: both names, and what they are.
const PAIRS: [(&str, &str, &str, &str); 6] = [
    ("asked-settings", "copy-settled", "asked for", "on the copy"),
    ("source", "copy-settled", "on the source", "on the copy"),
    ("settings-before", "settings-of-copy", "on the source", "on the copy"),
    ("settings-before", "settings-put-back", "on the source", "on the copy, put back"),
    ("settings-before", "settings-after", "on the source before", "on the source after"),
    ("instance-before", "instance-at-end", "before the drill", "after the drill"),
];

/// What a configuration came to.
#[derive(Default)]
pub struct Settings {
    pub tables: Vec<Table>,
    /// What was held against each other and is the same.
    pub same: Vec<String>,
}

/// The differences that a drill saw; nothing where it looked at none.
pub fn settings(drill: &DrillRecord) -> Settings {
    let mut settings = Settings::default();
    for (left, right, here, there) in PAIRS {
        let (Some(before), Some(after)) = (drill.observations.get(left), drill.observations.get(right))
        else {
            continue;
        };
        // Of an instance, identity, addresses and moments are another matter.
        let of = |value: &'_ Value| flat(value.get("settings").unwrap_or(value));
        let (before, after) = (of(before), of(after));
        let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let all = names.len();
        let value = |found: Option<&String>| Cell::code(found.map_or("absent", String::as_str));
        let rows = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
        let rows: Vec<Vec<Cell>> = rows
            .map(|name| vec![Cell::code(name.as_str()), value(before.get(name)), value(after.get(name))])
            .collect();
        if rows.is_empty() {
            settings.same.push(format!("{all} settings are the same {here} and {there}"));
        } else {
            let caption = format!("{} of {all} settings differ: {here}, {there}", rows.len());
            settings.tables.push(Table::new(caption, &["Setting", here, there], rows).at_most(200));
        }
    }
    settings
}

/// Every value by its path.
fn flat(value: &Value) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![(String::new(), value)];
    while let Some((path, value)) = open.pop() {
        match value {
            Value::Object(fields) => {
                let below = fields.iter().map(|(name, value)| {
                    (if path.is_empty() { name.clone() } else { format!("{path}.{name}") }, value)
                });
                open.extend(below);
            }
            Value::String(text) => drop(found.insert(path, text.clone())),
            Value::Null => drop(found.insert(path, "none".into())),
            other => drop(found.insert(path, other.to_string())),
        }
    }
    found
}
