//! The plan file: what a person writes in TOML.
//!
//! `${NAME}` is replaced in every string. Passwords come from a variable, and live in a [`crate::Secret`] then, from AWS
//! Secrets Manager, which is not asked here, or are tokens, which are not made here. What is read is not yet known to make sense to a drill: each drill reads its own
//! options.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use thiserror::Error;
use toml::{Table, Value};

use crate::plan_controls::PlannedControls;
use crate::plan_notices::check_notices;
use crate::plan_safety::check_conditions;
use crate::plan_secrets::{join, refuse_in_clear};
use crate::plan_tokens::check_tokens;
use crate::variables::{VariableError, expand, names};
use crate::{
    ControlPeriods, DrillEntry, Environment, EvidenceSection, Notice, Safety, StopCondition, TargetEntry,
};

/// What is wrong with a plan file.
#[derive(Debug, Error)]
pub enum PlanFileError {
    /// Not TOML.
    #[error("the plan is not valid TOML: {0}")]
    Syntax(String),
    /// A section does not fit its form.
    #[error("{section}: {message}")]
    Section {
        /// The section as it stands in the file, with its brackets.
        section: String,
        /// What is wrong with it.
        message: String,
    },
    /// A variable in a string.
    #[error("[{section}] {key}: {error}")]
    Variable {
        /// The section's name as it stands in the file.
        section: String,
        /// The key that holds the string.
        key: String,
        /// What is wrong with it.
        error: VariableError,
    },
    /// A password or token written in clear.
    #[error("[{place}] {key}: a secret does not belong in a plan; export it and write {key} = \"${{NAME}}\"")]
    SecretInClear {
        /// The section's name as it stands in the file.
        place: String,
        /// The key that holds it.
        key: String,
    },
    /// A profile or role that makes no sense; the text has its place.
    #[error("{0}")]
    Credentials(String),
    /// A drill names a target that the plan does not have.
    #[error("drill `{drill}`: there is no [targets.{target}] in the plan; it has: {known}")]
    NoTarget {
        /// The drill's name.
        drill: String,
        /// The name that it gives.
        target: String,
        /// The names that exist.
        known: String,
    },
    /// Two drills of one name.
    #[error("two drills are called `{0}`; names stand for one drill in every report, so give each its own")]
    DoubleDrill(String),
    /// A plan without a drill.
    #[error("the plan has no [[drills]]; add one (`lifeboat list` shows the catalogue)")]
    NoDrill,
}

/// A plan file with its variables replaced.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanFile {
    /// `[environment]`.
    pub environment: Environment,
    /// `[targets.…]` by name.
    pub targets: BTreeMap<String, TargetEntry>,
    /// `[[drills]]` in order.
    pub drills: Vec<DrillEntry>,
    /// `[safety]`.
    pub safety: Safety,
    /// `[[stop_conditions]]` in order.
    pub stop_conditions: Vec<StopCondition>,
    /// `[evidence]`.
    pub evidence: EvidenceSection,
    /// `[[notices]]` in order.
    pub notices: Vec<Notice>,
    /// `[controls]`.
    pub controls: ControlPeriods,
}

impl PlanFile {
    /// Reads a plan's text as it was written, with its variables still in it.
    ///
    /// # Errors
    /// [`PlanFileError::Syntax`] and [`PlanFileError::SecretInClear`].
    pub fn raw(text: &str) -> Result<Table, PlanFileError> {
        let raw = text.parse::<Table>();
        let raw = raw.map_err(|error| PlanFileError::Syntax(place_and_cause(text, &error)))?;
        // Before anything else is said of its values.
        refuse_in_clear(&raw)?;
        Ok(raw)
    }

    /// The names of all variables in a raw plan.
    ///
    /// # Errors
    /// [`PlanFileError::Variable`] for a malformed one.
    pub fn variables(raw: &Table) -> Result<BTreeSet<String>, PlanFileError> {
        let mut found = BTreeSet::new();
        let mut copy = raw.clone();
        each_string(&mut copy, &mut |text| {
            found.extend(names(text)?);
            Ok(())
        })?;
        Ok(found)
    }

    /// Only `[environment]`: what is needed to start the sandbox whose variables the rest of the plan may use.
    ///
    /// # Errors
    /// [`PlanFileError`].
    pub fn environment(
        raw: &Table,
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Environment, PlanFileError> {
        environment(&mut only(raw, "environment", lookup)?)
    }

    /// Refuses a plan for AWS itself that does not say where: elsewhere a region is a name, there a default could be where
    /// somebody else's databases are. `environment` is that of `raw`; plans of runs that were are not held to it.
    ///
    /// # Errors
    /// [`PlanFileError`].
    pub fn check_place(raw: &Table, environment: &Environment) -> Result<(), PlanFileError> {
        let says_region = raw.get("environment").is_some_and(|written| written.get("region").is_some());
        if !environment.is_aws_itself() || (says_region && environment.names_its_place()) {
            return Ok(());
        }
        Err(wrong(
            "[environment]",
            "provider = \"aws\" means AWS itself, so the plan has to name `region` and `account`, twelve digits (`aws sts \
             get-caller-identity` says that of the credentials); for what stands in for AWS on this machine, say \
             allow_loopback = true",
        ))
    }

    /// Only `[evidence]`: what a run is signed with, where nothing else of the plan is needed.
    ///
    /// # Errors
    /// [`PlanFileError`].
    pub fn evidence(
        raw: &Table,
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<EvidenceSection, PlanFileError> {
        section_or_none(&mut only(raw, "evidence", lookup)?, "evidence")
    }

    /// Replaces the variables of a raw plan and reads it.
    ///
    /// # Errors
    /// [`PlanFileError`].
    pub fn resolve(raw: &Table, lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, PlanFileError> {
        let mut table = raw.clone();
        each_string(&mut table, &mut |text| {
            *text = expand(text, lookup)?;
            Ok(())
        })?;
        let environment = environment(&mut table)?;
        let mut targets = BTreeMap::new();
        if let Some(found) = table.remove("targets") {
            let Value::Table(found) = found else { return Err(wrong("targets", "write [targets.NAME]")) };
            for (name, value) in found {
                let section = format!("[targets.{name}]");
                let target = target(value, &section)?;
                check_tokens(&target, environment.provider).map_err(|message| wrong(&section, &message))?;
                targets.insert(name, target);
            }
        }
        // As they are written: that is what the record is made of.
        PlannedControls::of(raw).map_err(|(section, message)| wrong(&section, &message))?;
        let drills = sections(&mut table, "drills")?;
        let stop_conditions = sections(&mut table, "stop_conditions")?;
        let notices: Vec<Notice> = sections(&mut table, "notices")?;
        let safety = section_or_none(&mut table, "safety")?;
        let evidence = section_or_none(&mut table, "evidence")?;
        let controls = section_or_none(&mut table, "controls")?;
        if let Some(key) = table.keys().next() {
            let known = "`environment`, `targets`, `drills`, `safety`, `stop_conditions`, `notices`, `evidence` or \
                         `controls`";
            return Err(wrong(key, &format!("unknown section, expected {known}")));
        }
        check_conditions(&stop_conditions, &targets).map_err(|error| wrong("[[stop_conditions]]", &error))?;
        check_notices(&notices, environment.provider, &environment.region)
            .map_err(|error| wrong("[[notices]]", &error))?;
        let plan =
            Self { environment, targets, drills, safety, stop_conditions, evidence, notices, controls };
        plan.check_names()?;
        Ok(plan)
    }

    fn check_names(&self) -> Result<(), PlanFileError> {
        let mut seen = BTreeSet::new();
        for drill in &self.drills {
            if !seen.insert(&drill.name) {
                return Err(PlanFileError::DoubleDrill(drill.name.clone()));
            }
            if !self.targets.contains_key(&drill.target) {
                return Err(PlanFileError::NoTarget {
                    drill: drill.name.clone(),
                    target: drill.target.clone(),
                    known: if self.targets.is_empty() {
                        "none".into()
                    } else {
                        self.targets.keys().cloned().collect::<Vec<_>>().join(", ")
                    },
                });
            }
        }
        if self.drills.is_empty() { Err(PlanFileError::NoDrill) } else { Ok(()) }
    }
}

/// Without the line itself, which may hold a secret that does not belong there.
fn place_and_cause(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("line {line}, column {column}: {}", error.message().trim_end().replace('\n', ", "))
}

fn wrong(section: &str, message: &str) -> PlanFileError {
    PlanFileError::Section { section: section.into(), message: message.into() }
}

fn environment(table: &mut Table) -> Result<Environment, PlanFileError> {
    let environment: Environment = section(table, "environment")?;
    environment.check_credentials().map_err(PlanFileError::Credentials)?;
    Ok(environment)
}

fn section<T: DeserializeOwned>(table: &mut Table, name: &str) -> Result<T, PlanFileError> {
    let bracketed = format!("[{name}]");
    let value = table.remove(name).ok_or_else(|| wrong(&bracketed, "the section is missing"))?;
    typed(value, &bracketed)
}

/// The same of a section that need not be there.
fn section_or_none<T: DeserializeOwned + Default>(table: &mut Table, name: &str) -> Result<T, PlanFileError> {
    if table.contains_key(name) { section(table, name) } else { Ok(T::default()) }
}

/// One section with its variables replaced.
fn only(raw: &Table, name: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<Table, PlanFileError> {
    let mut only = Table::new();
    only.extend(raw.get_key_value(name).map(|(key, value)| (key.clone(), value.clone())));
    each_string(&mut only, &mut |text| {
        *text = expand(text, lookup)?;
        Ok(())
    })?;
    Ok(only)
}

/// The sections of one name that may be there any number of times.
fn sections<T: DeserializeOwned>(table: &mut Table, name: &str) -> Result<Vec<T>, PlanFileError> {
    let found = match table.remove(name) {
        None => Vec::new(),
        Some(Value::Array(found)) => found,
        Some(_) => return Err(wrong(name, &format!("write [[{name}]]"))),
    };
    let numbered = found.into_iter().zip(1..);
    numbered.map(|(value, number)| typed(value, &format!("[[{name}]] number {number}"))).collect()
}

/// The kind is looked at first, and by hand: serde would name no key of what is wrong behind it.
fn target(mut value: Value, section: &str) -> Result<TargetEntry, PlanFileError> {
    let kind = value.as_table_mut().and_then(|table| table.remove("kind"));
    let known = "`rds-instance`, `postgres` or `dynamodb-table`";
    let of_sql =
        kind.as_ref().and_then(Value::as_str).filter(|kind| ["rds-instance", "postgres"].contains(kind));
    if let (Some(kind), Some(table)) = (of_sql, value.as_table_mut()) {
        join(table, kind).map_err(|message| wrong(section, &message))?;
    }
    match kind {
        Some(Value::String(kind)) if kind == "rds-instance" => {
            typed(value, section).map(TargetEntry::RdsInstance)
        }
        Some(Value::String(kind)) if kind == "postgres" => typed(value, section).map(TargetEntry::Postgres),
        Some(Value::String(kind)) if kind == "dynamodb-table" => {
            typed(value, section).map(TargetEntry::DynamodbTable)
        }
        Some(other) => Err(wrong(section, &format!("there is no kind {other}, expected {known}"))),
        None => Err(wrong(section, &format!("missing field `kind`, expected {known}"))),
    }
}

fn typed<T: DeserializeOwned>(value: Value, section: &str) -> Result<T, PlanFileError> {
    read_value(value).map_err(|message| wrong(section, &message))
}

/// Reads a value of a plan into its form.
///
/// # Errors
/// What is wrong, and the key where it is.
pub fn read_value<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    value
        .try_into()
        .map_err(|error: toml::de::Error| error.to_string().trim_end().replace("\nin `", ", in `"))
}

/// Calls `act` on every string of a table, naming section and key in its error.
fn each_string(
    table: &mut Table,
    act: &mut dyn FnMut(&mut String) -> Result<(), VariableError>,
) -> Result<(), PlanFileError> {
    fn walk(
        value: &mut Value,
        path: &mut Vec<String>,
        act: &mut dyn FnMut(&mut String) -> Result<(), VariableError>,
    ) -> Result<(), PlanFileError> {
        match value {
            Value::String(text) => act(text).map_err(|error| {
                let key = path.last().cloned().unwrap_or_default();
                PlanFileError::Variable { section: path[..path.len() - 1].join("."), key, error }
            }),
            Value::Table(table) => walk_table(table, path, act),
            Value::Array(items) => items.iter_mut().try_for_each(|item| walk(item, path, act)),
            _ => Ok(()),
        }
    }
    fn walk_table(
        table: &mut Table,
        path: &mut Vec<String>,
        act: &mut dyn FnMut(&mut String) -> Result<(), VariableError>,
    ) -> Result<(), PlanFileError> {
        for (key, value) in table.iter_mut() {
            path.push(key.clone());
            walk(value, path, act)?;
            path.pop();
        }
        Ok(())
    }
    walk_table(table, &mut Vec::new(), act)
}

#[cfg(test)]
#[path = "plan_file_tests.rs"]
mod tests;
