//! From a plan file to drills that are ready to run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use lifeboat_engine::{Drill, Params, ProbeSettings};
use lifeboat_model::{
    DrillEntry, Environment, EnvironmentRecord, PlanDocument, PlanFile, Port, Provider, Secret, TargetEntry,
};
use lifeboat_targets::{Aws, is_loopback};
use sha2::{Digest as _, Sha256};

use crate::args::ProfileArg;
use crate::failure::Failure;

/// A plan file as it was read.
pub struct Source {
    path: PathBuf,
    raw: toml::Table,
    sha256: String,
    variables: BTreeSet<String>,
}

impl Source {
    /// Reads a plan file.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::usage(format!("cannot read the plan {}: {error}", path.display())))?;
        let wrong = |error| Failure::usage(format!("{}: {error}", path.display()));
        let raw = PlanFile::raw(&text).map_err(wrong)?;
        let variables = PlanFile::variables(&raw).map_err(wrong)?;
        let sha256 = Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { path: path.into(), raw, sha256, variables })
    }

    /// The environment alone, which may have to be started before the rest can be read.
    pub fn environment(&self, variables: &BTreeMap<String, String>) -> Result<Environment, Failure> {
        PlanFile::environment(&self.raw, &|name| value_of(name, variables)).map_err(|error| self.wrong(error))
    }

    /// The whole plan.
    pub fn resolve(&self, variables: &BTreeMap<String, String>) -> Result<PlanFile, Failure> {
        PlanFile::resolve(&self.raw, &|name| value_of(name, variables)).map_err(|error| self.wrong(error))
    }

    /// The whole plan for printing: a variable without a value stays as it is written.
    pub fn resolve_for_print(&self) -> Result<PlanFile, Failure> {
        let none = BTreeMap::new();
        let lookup = |name: &str| Some(value_of(name, &none).unwrap_or_else(|| format!("${{{name}}}")));
        PlanFile::resolve(&self.raw, &lookup).map_err(|error| self.wrong(error))
    }

    /// `plan.json`: the plan as it was written.
    pub fn document(&self) -> PlanDocument {
        PlanDocument {
            schema: PlanDocument::SCHEMA.into(),
            source: self.path.display().to_string(),
            sha256: self.sha256.clone(),
            variables: self.variables.iter().cloned().collect(),
            plan: self.raw.clone(),
        }
    }

    /// A path of the plan, relative to its file.
    pub fn beside(&self, path: &str) -> PathBuf {
        self.path.parent().unwrap_or(Path::new(".")).join(path)
    }

    fn wrong(&self, error: impl std::fmt::Display) -> Failure {
        Failure::usage(format!("{}: {error}", self.path.display()))
    }
}

fn value_of(name: &str, variables: &BTreeMap<String, String>) -> Option<String> {
    variables.get(name).cloned().or_else(|| std::env::var(name).ok())
}

/// A drill with what it is to run with.
pub struct Ready {
    pub drill: &'static dyn Drill,
    pub params: Params,
}

/// Who asks, and for what.
pub struct Caller<'a> {
    pub run_id: &'a str,
    pub only: &'a [String],
    pub confirmed: &'a [String],
    /// The variables of the sandbox that this run started for itself; empty without one.
    pub own_exports: &'a BTreeMap<String, String>,
    pub profile: ProfileArg,
}

/// The drills of a plan that were asked for, each planned once so that what is wrong shows before anything runs.
pub fn drills(plan: &PlanFile, caller: &Caller<'_>) -> Result<Vec<Ready>, Failure> {
    for name in caller.only {
        if !plan.drills.iter().any(|drill| drill.name == *name) {
            let known: Vec<&str> = plan.drills.iter().map(|drill| drill.name.as_str()).collect();
            return Err(Failure::usage(format!(
                "the plan has no drill `{name}`; it has: {}",
                known.join(", ")
            )));
        }
    }
    let wanted =
        plan.drills.iter().filter(|entry| caller.only.is_empty() || caller.only.contains(&entry.name));
    wanted.map(|entry| ready(plan, entry, caller)).collect()
}

fn ready(plan: &PlanFile, entry: &DrillEntry, caller: &Caller<'_>) -> Result<Ready, Failure> {
    let drill = lifeboat_drills::find(&entry.scenario).ok_or_else(|| {
        let known: Vec<&str> = lifeboat_drills::catalogue().iter().map(|drill| drill.name()).collect();
        Failure::usage(format!(
            "drill `{}`: there is no scenario `{}`; there are: {}",
            entry.name,
            entry.scenario,
            known.join(", ")
        ))
    })?;
    let params = Params {
        run_id: caller.run_id.into(),
        drill: entry.name.clone(),
        target_name: entry.target.clone(),
        // Checked when the plan was read.
        target: plan.targets.get(&entry.target).cloned().ok_or_else(|| {
            Failure::usage(format!("drill `{}`: there is no target `{}`", entry.name, entry.target))
        })?,
        environment: plan.environment.clone(),
        rto: entry.rto.map(|text| text.0),
        rpo: entry.rpo.map(|text| text.0),
        options: entry.options.clone(),
        probe: probe_settings(plan.environment.provider, caller.profile),
        confirmed: caller.confirmed.iter().cloned().collect(),
        own_sandbox: is_own(&plan.targets[&entry.target], caller.own_exports),
    };
    drill.plan(&params).map_err(Failure::usage)?;
    Ok(Ready { drill, params })
}

/// Whether a target is in the run's own sandbox, so that it is nobody's: an instance of its control plane at its own
/// endpoint, or a server whose address the sandbox exported.
fn is_own(target: &TargetEntry, exports: &BTreeMap<String, String>) -> bool {
    match target {
        TargetEntry::RdsInstance(instance) => {
            !exports.is_empty() && instance.host.is_none() && instance.port.is_none()
        }
        TargetEntry::DynamodbTable(_) => !exports.is_empty(),
        TargetEntry::Postgres(server) => exports.iter().any(|(name, host)| {
            let port = name.strip_suffix("_HOST").and_then(|stem| exports.get(&format!("{stem}_PORT")));
            let port = port.and_then(|port| port.parse().ok()).map(Port::Number);
            *host == server.host && port.as_ref() == Some(&server.port)
        }),
    }
}

/// The sandbox and LocalStack are on this machine and quick; AWS takes minutes and counts calls.
fn probe_settings(provider: Provider, profile: ProfileArg) -> ProbeSettings {
    let ms = Duration::from_millis;
    if provider == Provider::Sandbox && profile == ProfileArg::Fast {
        ProbeSettings { interval: ms(10), deadline: ms(1_000), notice: ms(3_000), api_interval: ms(100) }
    } else if provider == Provider::Localstack {
        ProbeSettings { interval: ms(10), deadline: ms(1_000), notice: ms(10_000), api_interval: ms(200) }
    } else {
        ProbeSettings { interval: ms(100), deadline: ms(2_000), notice: ms(180_000), api_interval: ms(2_000) }
    }
}

/// Every password of the plan, by target and role, for the undo actions.
pub fn passwords(plan: &PlanFile) -> BTreeMap<(String, String), Secret> {
    let mut found = BTreeMap::new();
    for (name, target) in &plan.targets {
        let Some(roles) = target.sql_roles() else { continue };
        let (user, password) = (roles.user.to_owned(), roles.password);
        found.insert((name.clone(), user), password.clone());
    }
    found
}

/// Gives the environment the endpoint that AWS tools would use, and refuses those that are not released.
pub fn settle_endpoint(environment: &mut Environment) -> Result<(), Failure> {
    if environment.endpoint.is_none() && environment.provider != Provider::Sandbox {
        environment.endpoint = endpoint_of_tools(&|name| std::env::var(name).ok())?;
    }
    let loopback = environment.endpoint.as_deref().is_some_and(is_loopback);
    match (environment.provider, loopback, &environment.endpoint) {
        (_, true, _) | (Provider::Localstack | Provider::Sandbox, _, None) => Ok(()),
        (Provider::Aws, false, _) => Err(Failure::usage(
            "provider \"aws\" is not released for real endpoints yet: its interlocks are not complete; give a loopback \
             endpoint, or use provider = \"sandbox\"",
        )),
        (Provider::Localstack | Provider::Sandbox, false, Some(endpoint)) => Err(Failure::usage(format!(
            "endpoint `{endpoint}` is not on this machine, where LocalStack and the sandbox have to be"
        ))),
    }
}

/// The endpoint in the variables of AWS tools. Those of one service come first; as a plan has one control plane, they must
/// not differ.
fn endpoint_of_tools(variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<String>, Failure> {
    let set = |name: &'static str| Some((name, variable(name).filter(|value| !value.is_empty())?));
    let of_services = ["AWS_ENDPOINT_URL_RDS", "AWS_ENDPOINT_URL_DYNAMODB"].map(set);
    if let [Some((rds, one)), Some((dynamodb, other))] = &of_services
        && one != other
    {
        return Err(Failure::usage(format!(
            "{rds} is {one} and {dynamodb} is {other}, and a plan has one control plane; give its endpoint in the plan's \
             [environment]"
        )));
    }
    let found = of_services.into_iter().flatten().next().or_else(|| set("AWS_ENDPOINT_URL"));
    Ok(found.map(|(_, value)| value))
}

/// The control plane, where there is one; nothing is called.
pub async fn control_plane(environment: &Environment) -> Result<Aws, String> {
    match environment.endpoint {
        Some(_) => Ok(Aws::connect(environment).await),
        None => Err("the run has no control plane".into()),
    }
}

/// Asks the control plane who calls, and refuses another account than the plan's.
pub async fn identify(
    environment: &Environment,
    runtime: Option<String>,
    needs_control_plane: bool,
) -> Result<(EnvironmentRecord, Option<String>), Failure> {
    let (account, operator) = if environment.endpoint.is_some() && needs_control_plane {
        let caller = Aws::connect(environment).await.caller().await;
        let (account, arn) = caller.map_err(|error| {
            let at = environment.endpoint.as_deref().unwrap_or("AWS");
            Failure::not_run(format!(
                "the control plane at {at} does not answer who calls: {error}; check that it runs, and the credentials"
            ))
        })?;
        (Some(account), Some(arn))
    } else {
        (None, None)
    };
    if let (Some(wanted), Some(found)) = (&environment.account, &account)
        && wanted != found
    {
        return Err(Failure::usage(format!(
            "the plan is for account {wanted} and the credentials are of {found}; nothing was done"
        )));
    }
    let record = EnvironmentRecord {
        name: environment.name.clone(),
        provider: environment.provider.name().into(),
        region: environment.region.clone(),
        account,
        endpoint: environment.endpoint.clone(),
        runtime,
        // Whatever answers on a loopback address is not AWS.
        simulated: environment.provider != Provider::Aws
            || environment.endpoint.as_deref().is_some_and(is_loopback),
        production: environment.production,
    };
    Ok((record, operator))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endpoint_of_a_service_comes_first_and_two_must_agree() {
        let (rds, dynamodb, all) = ("AWS_ENDPOINT_URL_RDS", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL");
        let of = |set: &[(&str, &str)]| {
            let value =
                |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned());
            endpoint_of_tools(&value).map_err(|_| ())
        };
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&[(all, "a"), (dynamodb, "")]), Ok(Some("a".into())));
        assert_eq!(of(&[(all, "a"), (dynamodb, "b")]), Ok(Some("b".into())));
        assert_eq!(of(&[(all, "a"), (rds, "b"), (dynamodb, "b")]), Ok(Some("b".into())));
        assert_eq!(of(&[(rds, "b"), (dynamodb, "c")]), Err(()));
    }
}
