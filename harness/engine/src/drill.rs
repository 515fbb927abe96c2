//! What a drill of the catalogue is to the engine.

use std::collections::BTreeSet;
use std::time::Duration;

use lifeboat_model::{
    DrillEntry, DrillFacts, DrillRecord, Environment, Finding, Judgement, Measured, Measurements, Objectives,
    Permission, PlanFile, RecoveryWindow, Rpo, Safety, TargetEntry, WriteLoss, read_value, seconds,
};
use schemars::{Schema, SchemaGenerator};
use thiserror::Error;
use toml::Table;

use crate::Plan;

/// What the catalogue says about a drill.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// One sentence.
    pub summary: &'static str,
    /// The kinds of target that it works on.
    pub targets: &'static [&'static str],
    /// What it needs.
    pub needs: &'static str,
    /// What a passed one proves.
    pub proves: &'static str,
    /// Its options in the plan, as (key, meaning).
    pub options: &'static [(&'static str, &'static str)],
}

/// Why a drill cannot be planned from what the plan file says.
#[derive(Debug, Error)]
#[error("drill `{drill}`: {message}")]
pub struct OptionsError {
    /// The drill's name.
    pub drill: String,
    /// What is wrong, and what to do.
    pub message: String,
}

/// How to probe in an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbeSettings {
    /// The distance of two attempts of a stream.
    pub interval: Duration,
    /// How long an attempt may take.
    pub deadline: Duration,
    /// How long after the fault call its effect may begin to show.
    pub notice: Duration,
    /// The distance of two looks at the control plane.
    pub api_interval: Duration,
}

/// All that a plan is made of.
#[derive(Debug, Clone)]
pub struct Params {
    /// The run's id.
    pub run_id: String,
    /// The drill's name.
    pub drill: String,
    /// The plan's name of the target.
    pub target_name: String,
    /// The target.
    pub target: TargetEntry,
    /// The environment.
    pub environment: Environment,
    /// The recovery time objective.
    pub rto: Option<Duration>,
    /// The recovery point objective.
    pub rpo: Option<Duration>,
    /// The drill's options.
    pub options: Table,
    /// How to probe.
    pub probe: ProbeSettings,
    /// What the plan allows a run to make.
    pub safety: Safety,
    /// What the caller confirmed by name.
    pub confirmed: BTreeSet<String>,
    /// Whether this run made the environment itself, so that nothing in it is anybody's.
    pub own_sandbox: bool,
}

impl Params {
    /// What a plan says of a drill on its target: nothing confirmed, and in an environment that is somebody's.
    pub fn of(
        run_id: &str,
        plan: &PlanFile,
        entry: &DrillEntry,
        target: TargetEntry,
        probe: ProbeSettings,
    ) -> Self {
        Self {
            run_id: run_id.into(),
            drill: entry.name.clone(),
            target_name: entry.target.clone(),
            target,
            environment: plan.environment.clone(),
            rto: entry.rto.map(|text| text.0),
            rpo: entry.rpo.map(|text| text.0),
            options: entry.options.clone(),
            probe,
            safety: plan.safety.clone(),
            confirmed: BTreeSet::new(),
            own_sandbox: false,
        }
    }

    /// The objectives for the record.
    pub fn objectives(&self) -> Objectives {
        Objectives { rto_s: self.rto.map(seconds), rpo_s: self.rpo.map(seconds) }
    }

    /// The drill's options in its own form.
    ///
    /// # Errors
    /// If a key is unknown or a value does not fit.
    pub fn options<T: serde::de::DeserializeOwned>(&self) -> Result<T, OptionsError> {
        read_value(toml::Value::Table(self.options.clone())).map_err(|error| self.wrong(error))
    }

    /// An error about this drill's part of the plan.
    pub fn wrong(&self, message: impl Into<String>) -> OptionsError {
        OptionsError { drill: self.drill.clone(), message: message.into() }
    }
}

/// Something that must hold, judged from the record alone.
#[derive(Clone, Copy)]
pub struct Check {
    /// What must hold, unique in the drill.
    pub name: &'static str,
    /// Whether it does.
    pub judge: fn(&DrillRecord) -> Finding,
}

/// A drill of the catalogue.
pub trait Drill: Send + Sync {
    /// Its name, as plans write it under `scenario`.
    fn name(&self) -> &'static str;

    /// What the catalogue says about it.
    fn about(&self) -> About;

    /// The JSON Schema of its options: an object that knows no other keys.
    fn options_schema(&self, generator: &mut SchemaGenerator) -> Schema;

    /// Its steps. Does no I/O.
    ///
    /// # Errors
    /// If the plan file asks for something that the drill does not have.
    fn plan(&self, params: &Params) -> Result<Plan, OptionsError>;

    /// What its steps and their undos have to be allowed at the control plane.
    ///
    /// # Errors
    /// As [`Drill::plan`], or if the environment has no account.
    fn permissions(&self, params: &Params) -> Result<Vec<Permission>, OptionsError>;

    /// What it measured.
    fn measure(&self, facts: &DrillFacts) -> Measurements;

    /// What must hold.
    fn checks(&self) -> Vec<Check>;
}

/// All checks of a drill: those of the two objectives, which every drill has, and its own.
pub fn with_objectives<const N: usize>(own: [Check; N]) -> Vec<Check> {
    let objectives = [Check { name: "rto", judge: rto }, Check { name: "rpo", judge: rpo }];
    objectives.into_iter().chain(own).collect()
}

fn rto(record: &DrillRecord) -> Finding {
    let measured = match &record.measurements.rto {
        Measured::Not { not_measured } => {
            let text = format!("the recovery time was not measured: {not_measured}");
            return Finding::new(unmeasured(record.objectives.rto_s), text);
        }
        Measured::Value(rto) => rto,
    };
    let lower = measured.lower_s;
    let Some(objective) = record.objectives.rto_s else {
        return Finding::new(Judgement::Unasked, "the plan sets no recovery time objective");
    };
    match measured.upper_s {
        Some(upper) if upper <= objective => Finding::new(
            Judgement::Passed,
            format!("recovered within {upper:.3} s (at least {lower:.3} s), objective {objective} s"),
        ),
        Some(upper) => Finding::new(
            Judgement::Failed,
            format!("the recovery took up to {upper:.3} s (at least {lower:.3} s), objective {objective} s"),
        ),
        None if lower > objective => Finding::new(
            Judgement::Failed,
            format!("no recovery was seen: down for at least {lower:.3} s, objective {objective} s"),
        ),
        None => Finding::new(
            Judgement::Inconclusive,
            format!(
                "no recovery was seen, but the watching ended after {lower:.3} s of outage, before the objective of \
                 {objective} s"
            ),
        ),
    }
}

fn rpo(record: &DrillRecord) -> Finding {
    let measured = match &record.measurements.rpo {
        Measured::Not { not_measured } => {
            let text = format!("the recovery point was not measured: {not_measured}");
            return Finding::new(unmeasured(record.objectives.rpo_s), text);
        }
        Measured::Value(rpo) => rpo,
    };
    let Some(objective) = record.objectives.rpo_s else {
        return Finding::new(Judgement::Unasked, "the plan sets no recovery point objective");
    };
    match measured {
        Rpo::Writes(loss) => write_loss(loss, objective),
        Rpo::Window(window) => recovery_window(window, objective),
    }
}

fn recovery_window(window: &RecoveryWindow, objective: f64) -> Finding {
    let (lower, upper) = (window.lower_s, window.upper_s);
    let text = format!(
        "up to {upper:.3} s of writes (at least {lower:.3} s) would be lost: {}; objective {objective} s",
        window.definition
    );
    Finding::new(if upper <= objective { Judgement::Passed } else { Judgement::Failed }, text)
}

fn write_loss(measured: &WriteLoss, objective: f64) -> Finding {
    let (lost, acknowledged) = (measured.lost, measured.acknowledged);
    if acknowledged == 0 {
        return Finding::new(Judgement::Inconclusive, "no write was acknowledged, so nothing could be lost");
    }
    if lost == 0 {
        return Finding::new(
            Judgement::Passed,
            format!("no acknowledged write lost: all {acknowledged} were read back"),
        );
    }
    let text = match measured.lost_span_s {
        Some(span) => format!(
            "{lost} of {acknowledged} acknowledged writes are lost, {span:.3} s of them, objective {objective} s ({})",
            measured.examples.join("; ")
        ),
        None => format!("{lost} of {acknowledged} acknowledged writes are lost, over an unknown span"),
    };
    let within = objective > 0.0 && measured.lost_span_s.is_some_and(|span| span <= objective);
    Finding::new(if within { Judgement::Passed } else { Judgement::Failed }, text)
}

fn unmeasured(objective: Option<f64>) -> Judgement {
    if objective.is_some() { Judgement::Inconclusive } else { Judgement::Unasked }
}
