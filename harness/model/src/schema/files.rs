//! The schemas of what a run leaves: its record, and its events as a journal holds them and `run --json` gives them.
//!
//! They are for readers, so they ask for no field that a file of an older minor version may lack, and take fields, events
//! and streams of newer ones.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

use crate::RunRecord;
use crate::event_stream::StreamLine;

/// Of `record.json`.
pub fn record_schema() -> Schema {
    of::<RunRecord>("The record of a run of lifeboat, record.json")
}

/// Of each line of `run --json`, and of a journal.
pub fn events_schema() -> Schema {
    of::<StreamLine>("A line of `lifeboat run --json`, or of journal.jsonl")
}

fn of<T: JsonSchema>(title: &str) -> Schema {
    let generator = SchemaSettings::draft2020_12().for_deserialize().into_generator();
    let mut schema = generator.into_root_schema_for::<T>();
    schema.insert("title".into(), title.into());
    schema
}
