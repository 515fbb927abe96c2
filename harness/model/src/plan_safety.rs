//! `[safety]` and `[[stop_conditions]]` of a plan file: what a run may cost, who released it, and what ends it early.
//!
//! What is read here is well-formed. Whether a condition can be read at all shows when it is looked at before a run.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{DurationText, InstanceSize, TargetEntry};

/// `[safety]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Safety {
    /// The change under which the run takes place, as the organisation numbers it.
    pub change_ticket: Option<String>,
    /// Whether there is no run without a change ticket.
    #[serde(default)]
    pub require_change_ticket: bool,
    /// So many restored instances and tables may exist at once.
    pub max_restored: Option<u32>,
    /// The largest class of a restored instance.
    pub largest_class: Option<InstanceSize>,
    /// How long what a drill makes may exist.
    pub longest_life: Option<DurationText>,
}

impl Safety {
    /// The change ticket, if the plan gives one that is not blank.
    pub fn ticket(&self) -> Option<&str> {
        self.change_ticket.as_deref().map(str::trim).filter(|ticket| !ticket.is_empty())
    }

    /// What is missing for a run.
    ///
    /// # Errors
    /// A sentence.
    pub fn check(&self) -> Result<(), String> {
        if self.require_change_ticket && self.ticket().is_none() {
            return Err(
                "the plan has require_change_ticket = true and no change_ticket; give the number of the \
                        change under which the drills run, as in change_ticket = \"${CHANGE_TICKET}\""
                    .into(),
            );
        }
        Ok(())
    }
}

/// One `[[stop_conditions]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "Form")]
#[schemars(with = "Form")]
pub struct StopCondition {
    /// Its name in every report.
    pub name: String,
    /// What is looked at.
    pub kind: StopKind,
}

/// What ends a run early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopKind {
    /// A CloudWatch alarm, metric or composite, is in ALARM.
    Alarm {
        /// The alarm's name.
        alarm: String,
        /// How it is looked at.
        pace: Pace,
    },
    /// An HTTP address does not answer 2xx in time.
    Http {
        /// The address.
        address: String,
        /// So many times in a row.
        failures: u32,
        /// The distance of two looks.
        every: Duration,
    },
    /// A query answers true.
    Sql {
        /// One SELECT, with one row of one boolean column.
        sql: String,
        /// The plan's name of the target that is asked.
        target: String,
        /// How it is asked.
        pace: Pace,
    },
    /// The run takes longer.
    TimeBudget(Duration),
}

/// How something is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// The distance of two looks.
    pub every: Duration,
    /// For so long it may be unreadable before the run is stopped.
    pub unreadable_for: Duration,
}

const EVERY: Duration = Duration::from_secs(5);
/// An alarm is evaluated every ten seconds at the most often, and AWS counts calls.
const EVERY_ALARM: Duration = Duration::from_secs(10);
const LEAST_EVERY: Duration = Duration::from_millis(50);
const UNREADABLE_FOR: Duration = Duration::from_secs(60);
const FAILURES: u32 = 3;

/// A stop condition as a plan has it: exactly one of alarm, http, sql and time_budget.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "oneOf" = [
        { "required": ["alarm"] },
        { "required": ["http"] },
        { "required": ["sql"] },
        { "required": ["time_budget"] },
    ],
    "dependentRequired" = { "sql": ["target"], "target": ["sql"], "failures": ["http"] },
    "allOf" = [
        { "not": { "required": ["unreadable_for", "http"] } },
        { "not": { "required": ["unreadable_for", "time_budget"] } },
        { "not": { "required": ["every", "time_budget"] } },
    ],
))]
struct Form {
    /// Its name in every report.
    name: String,
    /// The name of a CloudWatch alarm, which may not be in ALARM.
    alarm: Option<String>,
    /// An HTTP address, which has to answer 2xx.
    http: Option<String>,
    /// One SELECT with one row of one boolean column, which may not be true.
    sql: Option<String>,
    /// The plan's name of the target whose server is asked.
    target: Option<String>,
    /// How long the run may take.
    time_budget: Option<DurationText>,
    /// The distance of two looks, at least 50ms.
    every: Option<DurationText>,
    /// For so long an alarm or server may be unreadable.
    unreadable_for: Option<DurationText>,
    /// How many times in a row an HTTP address may not answer.
    #[schemars(range(min = 1))]
    failures: Option<u32>,
}

impl Form {
    fn every(&self, usual: Duration) -> Result<Duration, String> {
        match self.every.map_or(usual, |text| text.0) {
            short if short < LEAST_EVERY => Err(format!("every: less than {} ms", LEAST_EVERY.as_millis())),
            every => Ok(every),
        }
    }

    fn pace(&self, usual: Duration) -> Result<Pace, String> {
        let every = self.every(usual)?;
        let unreadable_for = self.unreadable_for.map_or(UNREADABLE_FOR, |text| text.0);
        if unreadable_for < every {
            return Err("unreadable_for is shorter than every: it would end before the second look".into());
        }
        Ok(Pace { every, unreadable_for })
    }
}

impl TryFrom<Form> for StopCondition {
    type Error = String;

    fn try_from(form: Form) -> Result<Self, String> {
        let name = form.name.clone();
        let kind = kind(form).map_err(|error| format!("stop condition `{name}`: {error}"))?;
        Ok(Self { name, kind })
    }
}

fn kind(form: Form) -> Result<StopKind, String> {
    let is_sql = form.sql.is_some();
    let given = [form.alarm.is_some(), form.http.is_some(), is_sql, form.time_budget.is_some()];
    if given.iter().filter(|given| **given).count() != 1 {
        return Err("give exactly one of alarm, http, sql and time_budget".into());
    }
    let has_pace = form.alarm.is_some() || is_sql;
    for (key, given, fits, of) in [
        ("target", form.target.is_some(), is_sql, "sql"),
        ("failures", form.failures.is_some(), form.http.is_some(), "http"),
        ("unreadable_for", form.unreadable_for.is_some(), has_pace, "alarm and sql"),
        ("every", form.every.is_some(), form.time_budget.is_none(), "alarm, http and sql"),
    ] {
        if given && !fits {
            return Err(format!("{key} is for {of}; drop it"));
        }
    }
    if let Some(budget) = form.time_budget {
        return Ok(StopKind::TimeBudget(budget.0));
    }
    if let Some(alarm) = form.alarm.clone() {
        return Ok(StopKind::Alarm { alarm, pace: form.pace(EVERY_ALARM)? });
    }
    if let Some(address) = form.http.clone() {
        let failures = form.failures.unwrap_or(FAILURES);
        if failures == 0 {
            return Err("failures: a run would stop without one; give at least 1".into());
        }
        return Ok(StopKind::Http { address, failures, every: form.every(EVERY)? });
    }
    let pace = form.pace(EVERY)?;
    match (form.sql, form.target) {
        (Some(sql), Some(target)) => Ok(StopKind::Sql { sql, target, pace }),
        _ => Err("sql needs the target whose server is asked: target = \"NAME\"".into()),
    }
}

/// What is wrong with the conditions of a plan in view of its targets: two of one name, a target that is not there or
/// has no SQL.
///
/// # Errors
/// A sentence.
pub fn check_conditions(
    conditions: &[StopCondition],
    targets: &BTreeMap<String, TargetEntry>,
) -> Result<(), String> {
    for (place, condition) in conditions.iter().enumerate() {
        let name = &condition.name;
        if conditions[..place].iter().any(|earlier| earlier.name == *name) {
            return Err(format!("two are called `{name}`; give each a name of its own"));
        }
        let StopKind::Sql { target, .. } = &condition.kind else { continue };
        match targets.get(target) {
            Some(found) if found.sql_roles().is_some() => {}
            Some(_) => return Err(format!("stop condition `{name}`: target `{target}` has no SQL server")),
            None => {
                return Err(format!("stop condition `{name}`: there is no [targets.{target}] in the plan"));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "plan_safety_tests.rs"]
mod tests;
