//! What a drill found in the data of a copy: tables, rows, digests and differences, from what it observed.
//!
//! The forms are those of the record and read with tolerance: what a newer or older version has otherwise is still among the
//! raw observations.

use lifeboat_model::DrillRecord;
use serde::Deserialize;
use serde_json::Value;

use super::table::{Cell, Table};
use crate::words::{Status, duration};

const ROWS: usize = 200;

/// A comparison of a PostgreSQL database with its copy.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Validation {
    findings: Vec<Finding>,
    tables: Vec<TableResult>,
    not_compared: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Finding {
    subject: String,
    outcome: String,
    message: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct TableResult {
    name: String,
    mode: String,
    rows_source: Option<u64>,
    rows_copy: Option<u64>,
    digest_source: Option<String>,
    digest_copy: Option<String>,
    seconds: f64,
}

/// A comparison of a DynamoDB table with its copy.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Comparison {
    items_source: u64,
    items_copy: u64,
    ignored: u64,
    differences: u64,
    complete: bool,
    unsettled: u64,
    sampled: Option<u64>,
    examples: Vec<Example>,
    seconds: f64,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Example {
    key: String,
    difference: Value,
}

/// What the data of a drill came to.
#[derive(Default)]
pub struct Data {
    pub tables: Vec<Table>,
    /// What was not compared, and why not.
    pub notes: Vec<String>,
}

/// The data validation of a drill; nothing in it where it has none.
pub fn data(drill: &DrillRecord) -> Data {
    let mut data = Data::default();
    if let Some(validation) = drill.observed::<Validation>("validation") {
        postgres(&mut data, validation);
    }
    if let Some(comparison) = drill.observed::<Comparison>("comparison") {
        dynamodb(&mut data, comparison);
    }
    for name in ["validation-error", "comparison-error"] {
        if let Some(error) = drill.observed::<String>(name) {
            data.notes.push(format!("the data was not compared: {error}"));
        }
    }
    data
}

fn postgres(data: &mut Data, validation: Validation) {
    let count = |rows: Option<u64>| rows.map_or_else(|| "not read".into(), |rows| rows.to_string());
    let digest = |digest: Option<String>| digest.map_or_else(|| Cell::text("none"), Cell::Code);
    let rows = validation.tables.into_iter().map(|table| {
        let same = match (&table.digest_source, &table.digest_copy) {
            (Some(source), Some(copy)) if source == copy => Status { tone: "good", word: "same digest" },
            (Some(_), Some(_)) => Status { tone: "bad", word: "other digest" },
            _ => Status { tone: "idle", word: "no digest" },
        };
        vec![
            Cell::code(table.name),
            Cell::text(table.mode),
            Cell::number(count(table.rows_source)),
            Cell::number(count(table.rows_copy)),
            Cell::Status(same),
            digest(table.digest_source),
            digest(table.digest_copy),
            Cell::number(duration(table.seconds)),
        ]
    });
    let head =
        ["Table", "Compared", "Rows in the source", "Rows in the copy", "Digests", "Source", "Copy", "Took"];
    let mut rows: Vec<Vec<Cell>> = rows.collect();
    // What differs is not left out for what does not.
    rows.sort_by_key(|row| !matches!(row[4], Cell::Status(Status { tone: "bad", .. })));
    data.tables.extend(Table::new("Tables that were read", &head, rows).at_most(ROWS).unless_empty());

    let mut findings = validation.findings;
    findings.sort_by_key(|finding| match finding.outcome.as_str() {
        "different" => 0,
        "same" => 2,
        _ => 1,
    });
    let rows = findings.into_iter().map(|finding| {
        let status = match finding.outcome.as_str() {
            "same" => Status { tone: "good", word: "same" },
            "different" => Status { tone: "bad", word: "different" },
            _ => Status { tone: "doubt", word: "cannot tell" },
        };
        vec![Cell::text(finding.subject), Cell::Status(status), Cell::text(finding.message)]
    });
    let table =
        Table::new("What the comparison found", &["Subject", "Outcome", "What was seen"], rows.collect());
    data.tables.extend(table.at_most(ROWS).unless_empty());
    data.notes.extend(validation.not_compared);
}

fn dynamodb(data: &mut Data, comparison: Comparison) {
    let row = |name: &str, value: String| vec![Cell::text(name), Cell::number(value)];
    let all = if comparison.complete { "" } else { " or more" };
    let mut rows = vec![
        row("items in the source", comparison.items_source.to_string()),
        row("items in the copy", comparison.items_copy.to_string()),
        row("items that differ", format!("{}{all}", comparison.differences)),
        row("parts that changed meanwhile", comparison.unsettled.to_string()),
        row("items left out (the drill's own)", comparison.ignored.to_string()),
        row("took", duration(comparison.seconds)),
    ];
    if let Some(sampled) = comparison.sampled {
        rows.insert(0, row("items drawn for a sample", sampled.to_string()));
    }
    data.tables.push(Table::new("Items that were compared", &["Figure", "Value"], rows));
    let rows = comparison.examples.into_iter().map(|example| {
        let difference = match &example.difference {
            Value::String(word) => word.clone(),
            other => other.to_string(),
        };
        vec![Cell::code(example.key), Cell::text(difference)]
    });
    let table =
        Table::new("Some of the items that differ", &["Key", "Difference in the copy"], rows.collect());
    data.tables.extend(table.at_most(ROWS).unless_empty());
}
