//! Controls: what an auditor asks for, as a plan names it and as a record keeps it.
//!
//! Nothing here knows what any framework says: its user names what a drill evidences, and answers for that.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use time::Duration;

/// A control, as in `soc2:A1.2` or `nist-800-53:cp-9(1)`: a framework, a colon, and what that framework calls it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ControlId(String);

/// No framework has longer ones.
const LONGEST: usize = 100;

impl ControlId {
    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ControlId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            let shown: String = text.chars().take(LONGEST).collect();
            format!(
                "`{shown}` is no control; write FRAMEWORK:ID, as in \"soc2:A1.2\", the framework of small letters, digits, `.` and \
                 `-`, the id of letters, digits and `.-_/()`, and neither from a variable"
            )
        };
        let (framework, id) = text.split_once(':').ok_or_else(wrong)?;
        let of_framework = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
        let of_id = |c: char| c.is_ascii_alphanumeric() || ".-_/()".contains(c);
        let well_formed = framework.starts_with(|c: char| c.is_ascii_lowercase())
            && framework.chars().all(of_framework)
            && id.starts_with(|c: char| c.is_ascii_alphanumeric())
            && id.chars().all(of_id)
            && text.len() <= LONGEST;
        if well_formed { Ok(Self(text.into())) } else { Err(wrong()) }
    }
}

/// As it stands in a plan, where no variable may stand for it.
impl JsonSchema for ControlId {
    fn schema_name() -> Cow<'static, str> {
        "Control".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A framework, a colon, and what it calls the control, as in \"soc2:A1.2\".",
            "type": "string",
            "pattern": r"^(?!.*\$\{)[a-z][a-z0-9.-]*:[A-Za-z0-9][A-Za-z0-9._/()-]*$",
            "maxLength": LONGEST,
        })
    }
}

impl TryFrom<String> for ControlId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<ControlId> for String {
    fn from(control: ControlId) -> Self {
        control.0
    }
}

impl fmt::Display for ControlId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How long a run counts as evidence: whole days of 24 hours, as in `35d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ControlPeriod(u16);

/// Ten years.
const MOST_DAYS: u16 = 3_653;

impl ControlPeriod {
    /// The days.
    pub fn days(self) -> u16 {
        self.0
    }

    /// The same as a span of time.
    pub fn span(self) -> Duration {
        Duration::days(self.0.into())
    }
}

/// As it stands in a plan, where no variable may stand for it.
impl JsonSchema for ControlPeriod {
    fn schema_name() -> Cow<'static, str> {
        "ControlPeriod".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Whole days, as in \"35d\"; ten years at most.",
            "type": "string",
            "pattern": r"^(?!.*\$\{)0*([1-9][0-9]{0,2}|[12][0-9]{3}|3[0-5][0-9]{2}|36[0-4][0-9]|365[0-3])d$",
        })
    }
}

impl TryFrom<String> for ControlPeriod {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digits = text.strip_suffix('d').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let days =
            digits.and_then(|digits| digits.parse().ok()).filter(|days| (1..=MOST_DAYS).contains(days));
        days.map(Self).ok_or_else(|| {
            let shown: String = text.chars().take(LONGEST).collect();
            format!("`{shown}` is no period; write whole days from 1d to {MOST_DAYS}d, as in \"35d\"")
        })
    }
}

impl From<ControlPeriod> for String {
    fn from(period: ControlPeriod) -> Self {
        format!("{}d", period.0)
    }
}

/// A control that the plan of a run names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ControlRecord {
    /// The control, as the plan writes it.
    pub id: String,
    /// Within how many days of 24 hours the plan wants a run for it; absent where it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period_days: Option<u16>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frameworks_of_any_name() {
        for text in
            ["soc2:A1.2", "nist-800-53:cp-9(1)", "iso27001:A.5.30", "hipaa:164.308(a)(7)(ii)(D)", "own:1/2_x"]
        {
            assert_eq!(text.parse::<ControlId>().as_ref().map(ControlId::as_str), Ok(text));
        }
    }

    #[test]
    fn what_is_no_control_is_refused() {
        let long = format!("soc2:{}", "x".repeat(100));
        let wrong = [
            "",
            "A1.2",
            ":A1.2",
            "soc2:",
            "SOC2:A1.2",
            "soc2:A1 2",
            "soc2:${X}",
            "so|c2:A1",
            "soc2:=cmd()",
            "soc2:A1\n",
            "soc2:<b>",
            "soc2:(a)",
            "2soc:A",
            "soc2:A:1",
            "soc2:Ä1",
            long.as_str(),
        ];
        for text in wrong {
            let error = text.parse::<ControlId>().expect_err(text);
            assert!(error.contains("soc2:A1.2") && error.len() < 400, "{error}");
        }
    }

    #[test]
    fn periods_are_whole_days() {
        let read = |text: &str| ControlPeriod::try_from(text.to_owned()).map(ControlPeriod::days);
        assert_eq!((read("1d"), read("35d"), read("3653d")), (Ok(1), Ok(35), Ok(3_653)));
        for text in ["", "d", "0d", "35", "+5d", "1.5d", "3654d", "99999999999d", "35h", "-1d", " 1d"] {
            assert!(read(text).expect_err(text).contains("35d"), "{text}");
        }
    }
}
