//! The options of a restore of a DynamoDB table.

use std::collections::BTreeMap;
use std::time::Duration;

use lifeboat_engine::{OptionsError, Params};
use lifeboat_model::{DurationText, Provider};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Their meaning, for the catalogue.
pub const MEANINGS: &[(&str, &str)] = &[
    ("canary_key", "key of the canary items, with {run} and {n}: needed where a key attribute is no text"),
    ("canary_table", "true: all of it on a table of the drill's own; the target is only looked at"),
    ("allow_streams", "true: also on a table with a stream, whose consumers then see the canary items"),
    ("writes_stopped", "true: nobody writes to the table during the drill, so every difference is a failure"),
    ("compare", "\"exact\", { at_least = N } items in the copy, or { sample = N } items"),
    ("show_values", "true: name the values that differ, not only the keys"),
    ("settings", "\"report\" what a restore drops, or \"require\" it on the copy"),
    ("put_back", "true: put time to live, stream, tags and point-in-time recovery back on the copy"),
    ("give_up", "how long to wait until the moment can be restored, and for the copy to be active"),
];

/// How source and copy are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Compare {
    /// Every item.
    #[default]
    Exact,
    /// The copy has at least so many items.
    AtLeast(u64),
    /// About so many items.
    Sample(u64),
}

/// What a setting is that the copy lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SettingsRule {
    /// Something to report: AWS drops it.
    #[default]
    Report,
    /// A failure, unless it was put back.
    Require,
}

/// The drill's options in the plan.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    canary_key: Option<BTreeMap<String, String>>,
    #[serde(default)]
    pub canary_table: bool,
    #[serde(default)]
    pub allow_streams: bool,
    #[serde(default)]
    writes_stopped: bool,
    #[serde(default)]
    pub compare: Compare,
    #[serde(default)]
    pub show_values: bool,
    #[serde(default)]
    pub settings: SettingsRule,
    #[serde(default)]
    pub put_back: bool,
    give_up: Option<DurationText>,
}

impl Options {
    pub fn read(params: &Params) -> Result<Self, OptionsError> {
        let options: Self = params.options()?;
        if options.canary_table && options.canary_key.is_some() {
            return Err(params.wrong("canary_key is for the target's table; with canary_table it has no use"));
        }
        if options.settings == SettingsRule::Require && options.canary_table {
            return Err(params.wrong(
                "settings = \"require\" asks for the target's settings on the copy; with canary_table the copy is of \
                 another table",
            ));
        }
        Ok(options)
    }

    /// The template of the canary items' key, by attribute.
    pub fn canary_key(&self) -> &BTreeMap<String, String> {
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        self.canary_key.as_ref().unwrap_or(&NONE)
    }

    /// Whether nobody but the drill writes to the source.
    pub fn quiet(&self) -> bool {
        self.writes_stopped || self.canary_table
    }

    /// How long to wait for the restore: past the objective, and else longer than 95 of 100 restores take.
    pub fn give_up(&self, params: &Params) -> Duration {
        let past_objective = params
            .rto
            .map_or(Duration::from_secs(2 * 3600), |rto| (rto * 2).max(rto + Duration::from_secs(30)));
        self.give_up.map_or(past_objective, |text| text.0)
    }

    /// How long undoing waits: a table that is being restored cannot be deleted before it is whole.
    pub fn patience(&self, params: &Params) -> Duration {
        let usual = Duration::from_secs(match params.environment.provider {
            Provider::Sandbox => 10,
            Provider::Localstack => 60,
            Provider::Aws => 2 * 3600,
        });
        self.give_up(params).max(usual)
    }
}

/// The distance between a canary item and the chosen moment, at least: the clocks of AWS's machines may differ by more
/// than the answers show, those of a sandbox on this machine do not.
pub fn least_gap(params: &Params) -> Duration {
    Duration::from_secs(if params.environment.provider == Provider::Sandbox { 1 } else { 5 })
}
