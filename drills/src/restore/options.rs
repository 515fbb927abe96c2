//! The options that every restore of an instance has.

use std::time::Duration;

use lifeboat_engine::{OptionsError, Params};
use lifeboat_model::{DurationText, Port, Provider};
use lifeboat_targets::postgres::validate::{Expectations, QueryExpectation, TableExpectation};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::places;

/// What the catalogue says about them, as (key, meaning).
pub const MEANINGS: [(&str, &str); 10] = [
    ("give_up", "how long the copy may take to become available"),
    ("multi_az", "whether the copy is asked to be Multi-AZ (default false)"),
    ("fallback_classes", "classes to try one after the other where RDS has no capacity for the source's"),
    (
        "fallback_zones",
        "Availability Zones to try, each with each class, where it has none in that which it chooses",
    ),
    ("copy_host", "where the copy is reached, if not at its endpoint"),
    ("copy_port", "its port there"),
    ("tables", "the tables to compare, each { name, as_of or at_least }; without it all of them, exactly"),
    ("queries", "queries on the copy, each { sql, answer }"),
    ("show_values", "whether findings may show values and not only keys (default false)"),
    ("validate_within", "how long the comparison of the data may take"),
];

/// The options that every restore of an instance has.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CopyOptions {
    give_up: Option<DurationText>,
    #[serde(default)]
    pub multi_az: bool,
    #[serde(default)]
    pub fallback_classes: Vec<String>,
    #[serde(default)]
    pub fallback_zones: Vec<String>,
    pub copy_host: Option<String>,
    pub copy_port: Option<Port>,
    #[serde(default)]
    tables: Vec<TableExpectation>,
    #[serde(default)]
    queries: Vec<QueryExpectation>,
    #[serde(default)]
    show_values: bool,
    validate_within: Option<DurationText>,
}

/// The schema of a drill's own options and those of every restore, as one object.
pub fn schema<Own: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = CopyOptions::json_schema(generator);
    for (key, own) in std::mem::take(Own::json_schema(generator).ensure_object()) {
        match (schema.ensure_object().entry(key).or_insert_with(|| own.clone()), own) {
            (Value::Object(all), Value::Object(own)) => all.extend(own),
            (Value::Array(all), Value::Array(own)) => all.extend(own),
            _ => {}
        }
    }
    schema
}

/// Reads the options of a drill: its own, which have these keys, and those of every restore.
pub fn read<Own: DeserializeOwned>(
    params: &Params,
    own: &[&str],
) -> Result<(Own, CopyOptions), OptionsError> {
    let all = params.options.clone().into_iter();
    let (of_drill, common) = all.partition(|(key, _)| own.contains(&key.as_str()));
    let with = |options| Params { options, ..params.clone() };
    let common: CopyOptions = with(common).options()?;
    places::check(params, common.multi_az, &common.fallback_classes, &common.fallback_zones)?;
    Ok((with(of_drill).options()?, common))
}

impl CopyOptions {
    /// How long each of the control plane's waits may take: an hour is not unheard of on AWS.
    pub fn give_up(&self, params: &Params) -> Duration {
        let quick =
            params.environment.provider == Provider::Sandbox && params.probe.api_interval.as_secs() == 0;
        let usual = Duration::from_secs(if quick { 30 } else { 2 * 3600 });
        let past_objective = params.rto.map_or(usual, |rto| (rto * 2).max(usual));
        self.give_up.map_or(past_objective, |text| text.0)
    }

    /// How long the comparison of the data may take.
    pub fn validate_within(&self, params: &Params) -> Duration {
        self.validate_within.map_or(self.give_up(params), |text| text.0)
    }

    /// How the data is compared.
    pub fn expectations(&self) -> Expectations {
        Expectations {
            tables: self.tables.clone(),
            queries: self.queries.clone(),
            show_values: self.show_values,
        }
    }
}
