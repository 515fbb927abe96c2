//! The schema of a plan file, put together of its sections and of what each drill of the catalogue takes.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema as _, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use super::variables::accept_variables;
use crate::{
    ControlPeriods, DrillEntry, DynamodbTableTarget, Environment, EvidenceSection, Notice, PostgresTarget,
    RdsInstanceTarget, Safety, StopCondition,
};

/// Of a plan file as it is written, its variables unreplaced.
///
/// `scenarios` gives the names of the catalogue's drills and the schemas of their options: objects that know no other keys.
pub fn plan_schema(scenarios: impl FnOnce(&mut SchemaGenerator) -> Vec<(&'static str, Schema)>) -> Schema {
    let mut generator = SchemaSettings::draft2020_12().for_deserialize().into_generator();
    let targets = [
        ("rds-instance", RdsInstanceTarget::json_schema(&mut generator)),
        ("postgres", PostgresTarget::json_schema(&mut generator)),
        ("dynamodb-table", DynamodbTableTarget::json_schema(&mut generator)),
    ];
    let target = by_name(&mut generator, "kind", &Map::new(), targets.into());
    let entry = DrillEntry::json_schema(&mut generator).to_value();
    let common = entry.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let scenarios = scenarios(&mut generator);
    let mut drill = by_name(&mut generator, "scenario", &common, scenarios);
    drill["required"] = entry["required"].clone();
    let mut schema = json_schema!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A plan of lifeboat",
        "type": "object",
        "properties": {
            "environment": generator.subschema_for::<Environment>(),
            "targets": {
                "description": "[targets.NAME]: what is drilled.",
                "type": "object",
                "additionalProperties": target,
            },
            "drills": { "description": "[[drills]], in order.", "type": "array", "minItems": 1, "items": drill },
            "safety": generator.subschema_for::<Safety>(),
            "stop_conditions": {
                "description": "[[stop_conditions]], in order.",
                "type": "array",
                "items": generator.subschema_for::<StopCondition>(),
            },
            "notices": {
                "description": "[[notices]], in order: who is told how a run ended.",
                "type": "array",
                "items": generator.subschema_for::<Notice>(),
            },
            "evidence": generator.subschema_for::<EvidenceSection>(),
            "controls": generator.subschema_for::<ControlPeriods>(),
        },
        "required": ["environment", "targets", "drills"],
        "additionalProperties": false,
    });
    schema.insert("$defs".into(), generator.take_definitions(true).into());
    accept_variables(&mut schema);
    schema
}

/// A table whose form goes by the name under one of its keys: each form is a definition that holds the common keys too, so
/// that what is wrong in it is said of its own keys alone. Where a variable gives the name, nothing is known of the form.
fn by_name(
    generator: &mut SchemaGenerator,
    key: &str,
    common: &Map<String, Value>,
    forms: Vec<(&'static str, Schema)>,
) -> Value {
    let names: Vec<&str> = forms.iter().map(|(name, _)| *name).collect();
    let mut known = common.clone();
    known.insert(key.into(), json!({ "type": "string", "enum": names }));
    let mut rules = Vec::new();
    for (name, mut form) in forms {
        let properties = form.ensure_object().entry("properties").or_insert_with(|| json!({}));
        if let Some(properties) = properties.as_object_mut() {
            properties.extend(common.clone());
            properties.insert(key.into(), true.into());
        }
        generator.definitions_mut().insert(name.into(), form.to_value());
        rules.push(json!({
            "if": { "properties": { key: { "const": name } }, "required": [key] },
            "then": { "$ref": format!("#/$defs/{name}") },
        }));
    }
    json!({ "type": "object", "properties": known, "required": [key], "allOf": rules })
}
