//! Durations as people write them in a plan: `500ms`, `120s`, `5m`, `2h`.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A duration that reads and writes as text with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DurationText(pub Duration);

/// Nothing in a drill takes longer, and sums of these never overflow.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

/// Reads `500ms`, `1.5s`, `120s`, `5m` or `2h`.
///
/// # Errors
/// A sentence naming the text and the accepted units, or that it is longer than thirty days.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let bad = || format!("`{text}` is not a duration; write a number and one of ms, s, m, h, as in \"120s\"");
    let split = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).ok_or_else(bad)?;
    let (number, unit) = text.split_at(split);
    let number: f64 = number.parse().map_err(|_| bad())?;
    let factor = match unit.trim() {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(bad()),
    };
    let duration = Duration::try_from_secs_f64(number * factor).map_err(|_| bad())?;
    if duration > LONGEST {
        return Err(format!("`{text}` is longer than thirty days"));
    }
    Ok(duration)
}

/// Whole microseconds as seconds, for records and reports.
pub fn seconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e6
}

impl fmt::Display for DurationText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.as_millis();
        if !ms.is_multiple_of(1000) { write!(f, "{ms}ms") } else { write!(f, "{}s", ms / 1000) }
    }
}

impl<'de> Deserialize<'de> for DurationText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_duration(&text).map(DurationText).map_err(serde::de::Error::custom)
    }
}

/// What [`parse_duration`] takes, but for its longest.
impl JsonSchema for DurationText {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number and one of ms, s, m and h, as in \"120s\"; thirty days at most.",
            "type": "string",
            "pattern": r"^([0-9]+\.?[0-9]*|\.[0-9]+)\s*(ms|s|m|h)\s*$",
        })
    }
}

impl Serialize for DurationText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_unit() {
        for (text, ms) in
            [("500ms", 500), ("1.5s", 1500), ("120s", 120_000), ("5m", 300_000), ("2h", 7_200_000)]
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
    }

    #[test]
    fn refuses_what_would_overflow() {
        let error = parse_duration("3000000000000000h").expect_err("too long");
        assert!(error.contains("thirty days"), "{error}");
    }

    #[test]
    fn refuses_what_is_no_duration() {
        for text in ["", "s", "120", "-5s", "5 parsecs", "1.2.3s", "1e400h"] {
            let error = parse_duration(text).expect_err(text);
            assert!(error.contains(text) && error.contains("ms, s, m, h"), "{error}");
        }
    }
}
