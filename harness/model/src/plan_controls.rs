//! The controls of a plan: `controls` of each of its drills, and `[controls]`, the periods within which they want a run.
//!
//! They are read from the plan as it is written, so that a record has what the plan's text says: no variable can make another
//! control of one.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Deserialize;
use toml::{Table, Value};

use crate::{ControlId, ControlPeriod, ControlRecord, read_value};

/// `[controls]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ControlPeriods {
    /// Within how long each control wants a run, where `periods` does not say.
    pub period: Option<ControlPeriod>,
    /// The same of one control.
    #[serde(default)]
    pub periods: BTreeMap<ControlId, ControlPeriod>,
}

/// What a plan says of controls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlannedControls {
    drills: BTreeMap<String, Vec<ControlId>>,
    periods: ControlPeriods,
}

impl PlannedControls {
    /// Reads them from a plan as it is written, with its variables still in it.
    ///
    /// # Errors
    /// The section as it stands in the file, and what is wrong with it.
    pub fn of(plan: &Table) -> Result<Self, (String, String)> {
        let entries = plan.get("drills").and_then(Value::as_array).into_iter().flatten();
        let mut drills = BTreeMap::new();
        for (number, entry) in (1..).zip(entries) {
            let Some(controls) = entry.get("controls") else { continue };
            let wrong = |message: String| (format!("[[drills]] number {number}"), message);
            let controls: Vec<ControlId> =
                read_value(controls.clone()).map_err(|message| wrong(format!("controls: {message}")))?;
            let mut seen = BTreeSet::new();
            if let Some(double) = controls.iter().find(|control| !seen.insert(*control)) {
                return Err(wrong(format!("controls: `{double}` stands there twice; name each once")));
            }
            // Its record has the name that the variable stood for, and would not be found by this one.
            let name = entry.get("name").and_then(Value::as_str).unwrap_or_default();
            if name.contains("${") {
                return Err(wrong(format!(
                    "name: `{name}` holds a variable; a drill with controls has its name written out"
                )));
            }
            drills.insert(name.to_owned(), controls);
        }
        let periods = match plan.get("controls") {
            None => ControlPeriods::default(),
            Some(section) => {
                read_value(section.clone()).map_err(|message| ("[controls]".to_owned(), message))?
            }
        };
        let planned = Self { drills, periods };
        let named = planned.named();
        if let Some(other) = planned.periods.periods.keys().find(|control| !named.contains(control)) {
            let message =
                format!("no drill names `{other}`; add it to the controls of one, or take it out here");
            return Err(("[controls.periods]".into(), message));
        }
        Ok(planned)
    }

    /// The controls that it names for a drill.
    pub fn of_drill(&self, name: &str) -> Vec<String> {
        self.drills.get(name).into_iter().flatten().map(ControlId::to_string).collect()
    }

    /// All that it names, in order of their ids.
    pub fn all(&self) -> Vec<ControlRecord> {
        let record = |control: &ControlId| ControlRecord {
            id: control.to_string(),
            period_days: self
                .periods
                .periods
                .get(control)
                .copied()
                .or(self.periods.period)
                .map(ControlPeriod::days),
        };
        self.named().into_iter().map(record).collect()
    }

    fn named(&self) -> BTreeSet<&ControlId> {
        self.drills.values().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = r#"
[controls]
period = "35d"

[controls.periods]
"soc2:A1.2" = "95d"

[[drills]]
name = "one"
controls = ["soc2:A1.2", "nist-800-53:cp-10"]

[[drills]]
name = "two"

[[drills]]
name = "three"
controls = ["soc2:A1.2"]
"#;

    fn read(text: &str) -> Result<PlannedControls, (String, String)> {
        PlannedControls::of(&text.parse().expect("TOML"))
    }

    #[test]
    fn each_control_has_its_period_or_that_of_all() {
        let planned = read(PLAN).expect("read");
        assert_eq!(planned.of_drill("one"), ["soc2:A1.2", "nist-800-53:cp-10"]);
        assert_eq!((planned.of_drill("two"), planned.of_drill("no")), (Vec::new(), Vec::new()));
        let record = |id: &str, days| ControlRecord { id: id.into(), period_days: days };
        assert_eq!(planned.all(), [record("nist-800-53:cp-10", Some(35)), record("soc2:A1.2", Some(95))]);
        let planned = read(&PLAN.replace("period = \"35d\"", "")).expect("read");
        assert_eq!(planned.all(), [record("nist-800-53:cp-10", None), record("soc2:A1.2", Some(95))]);
        assert_eq!(read("").expect("read"), PlannedControls::default());
    }

    #[test]
    fn what_is_wrong_names_its_place() {
        for (from, to, section, part) in [
            ("\"nist-800-53:cp-10\"", "\"soc2:A1.2\"", "[[drills]] number 1", "twice"),
            ("\"nist-800-53:cp-10\"", "\"cp-10\"", "[[drills]] number 1", "`cp-10` is no control"),
            ("\"nist-800-53:cp-10\"", "\"${CONTROL}\"", "[[drills]] number 1", "variable"),
            ("\"nist-800-53:cp-10\"", "7", "[[drills]] number 1", "controls"),
            ("name = \"three\"", "name = \"${STAGE}-three\"", "[[drills]] number 3", "variable"),
            ("\"35d\"", "\"35\"", "[controls]", "whole days"),
            ("period =", "periode =", "[controls]", "periode"),
            ("\"soc2:A1.2\" =", "\"soc2:A1.3\" =", "[controls.periods]", "no drill names `soc2:A1.3`"),
        ] {
            let text = PLAN.replacen(from, to, 1);
            assert_ne!(text, PLAN);
            let (place, message) = read(&text).expect_err(to);
            assert_eq!(place, section, "{message}");
            assert!(message.contains(part), "{message}");
        }
    }
}
