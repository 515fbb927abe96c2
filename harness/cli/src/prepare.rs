//! From a plan file to drills that are ready to run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use lifeboat_engine::{Drill, Params, ProbeSettings, check_drill};
use lifeboat_model::{
    DrillEntry, Environment, EnvironmentRecord, EvidenceSection, Password, PlanDocument, PlanFile, Port,
    Provider, StopCondition, StopKind, TargetEntry, Tls, check_tokens,
};
use lifeboat_targets::{Aws, fetch_passwords, is_loopback};
use sha2::{Digest as _, Sha256};

use crate::args::ProfileArg;
use crate::budget;
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
        let lookup = |name: &str| value_of(name, variables);
        let environment = PlanFile::environment(&self.raw, &lookup).map_err(|error| self.wrong(error))?;
        PlanFile::check_place(&self.raw, &environment).map_err(|error| self.wrong(error))?;
        Ok(environment)
    }

    /// What it says of evidence.
    pub fn evidence(&self) -> Result<EvidenceSection, Failure> {
        let lookup = |name: &str| value_of(name, &BTreeMap::new());
        PlanFile::evidence(&self.raw, &lookup).map_err(|error| self.wrong(error))
    }

    /// The whole plan.
    pub fn resolve(&self, variables: &BTreeMap<String, String>) -> Result<PlanFile, Failure> {
        self.resolve_with(&|name| value_of(name, variables))
    }

    /// The whole plan for printing: a variable without a value stays as it is written.
    pub fn resolve_for_print(&self) -> Result<PlanFile, Failure> {
        let none = BTreeMap::new();
        let lookup = |name: &str| Some(value_of(name, &none).unwrap_or_else(|| format!("${{{name}}}")));
        self.resolve_with(&lookup)
    }

    /// The paths of CA certificates are made absolute: they are journalled, for whoever takes something back later.
    fn resolve_with(&self, lookup: &dyn Fn(&str) -> Option<String>) -> Result<PlanFile, Failure> {
        let mut plan = PlanFile::resolve(&self.raw, lookup).map_err(|error| self.wrong(error))?;
        PlanFile::check_place(&self.raw, &plan.environment).map_err(|error| self.wrong(error))?;
        let given =
            plan.targets.values_mut().filter_map(TargetEntry::tls_mut).filter_map(|(_, ca)| ca.as_mut());
        for ca in given {
            let path = std::path::absolute(self.beside(ca)).map_err(|error| self.wrong(error))?;
            *ca = path.display().to_string();
        }
        Ok(plan)
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

/// The drills of a plan that were asked for, each planned once so that what is wrong, or beyond the plan's budget, shows
/// before anything runs.
pub fn drills(plan: &PlanFile, caller: &Caller<'_>) -> Result<Vec<Ready>, Failure> {
    plan.safety.check().map_err(|error| Failure::usage(format!("[safety]: {error}")))?;
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
    let ready: Vec<Ready> = wanted.map(|entry| ready(plan, entry, caller)).collect::<Result<_, _>>()?;
    budget::of(&ready, &plan.safety)?;
    Ok(ready)
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
    // Checked when the plan was read.
    let target = settled(plan, &entry.target, &format!("drill `{}`", entry.name))?;
    let probe = probe_settings(plan.environment.provider, caller.profile);
    let params = Params {
        confirmed: caller.confirmed.iter().cloned().collect(),
        own_sandbox: is_own(&plan.targets[&entry.target], caller.own_exports),
        ..Params::of(caller.run_id, plan, entry, target, probe)
    };
    let planned = drill.plan(&params).map_err(Failure::usage)?;
    check_drill(&planned, &params).map_err(Failure::usage)?;
    Ok(Ready { drill, params })
}

/// A target, with what it says or does not say about TLS settled: what stands in for AWS on this machine has none unless
/// the plan asks for it. `whose` names what asks for the target.
pub fn settled(plan: &PlanFile, name: &str, whose: &str) -> Result<TargetEntry, Failure> {
    let found = plan.targets.get(name).cloned();
    let mut target = found.ok_or_else(|| Failure::usage(format!("{whose}: there is no target `{name}`")))?;
    let here = plan.environment.endpoint.as_deref().is_some_and(is_loopback);
    if let Some((tls, ca)) = target.tls_mut() {
        if *tls == Some(Tls::Off) && ca.is_some() {
            return Err(Failure::usage(format!(
                "[targets.{name}] tls_ca: nobody is asked for a certificate with tls = \"off\"; drop one of the two"
            )));
        }
        *tls = tls.or((here && ca.is_none()).then_some(Tls::Off));
    }
    // The control plane being here does not make the server so.
    check_tokens(&target, plan.environment.provider)
        .map_err(|error| Failure::usage(format!("[targets.{name}] {error}")))?;
    // A host may be the end of a tunnel, or a server of this machine under any of its names: the certificate alone tells.
    if plan.environment.is_aws_itself()
        && target.server_tls(plan.environment.provider).is_none()
        && let Some(host) = target.host()
    {
        return Err(Failure::usage(format!(
            "[targets.{name}] host: with tls = \"off\" nothing shows that what answers at `{host}` is the server that is meant, \
             and on AWS a run is evidence; use tls = \"verify-full\" with tls_ca"
        )));
    }
    if target.server_tls(plan.environment.provider).is_some_and(|tls| tls.ca.is_none()) {
        return Err(Failure::usage(format!(
            "[targets.{name}] tls_ca: tls = \"verify-full\" needs it, and is what counts on AWS where tls is not given: the \
             PEM file with the certificates of the CAs to trust (for RDS, the bundle of the region); or write tls = \"off\""
        )));
    }
    Ok(target)
}

/// Tells the drills the account of whoever calls, so that they refuse what is of another.
pub fn settle_account(drills: &mut [Ready], found: &EnvironmentRecord) {
    for ready in drills {
        ready.params.environment.account.clone_from(&found.account);
    }
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

/// Whether a run watches alarms.
pub fn watches_alarms(plan: &PlanFile) -> bool {
    plan.stop_conditions.iter().any(|condition| matches!(condition.kind, StopKind::Alarm { .. }))
}

/// Whether a run asks the control plane anything.
pub fn asks_control_plane(plan: &PlanFile, drills: &[Ready]) -> bool {
    let sql = |condition: &StopCondition| match &condition.kind {
        StopKind::Sql { target, .. } => {
            plan.targets.get(target).is_some_and(TargetEntry::needs_control_plane)
        }
        _ => false,
    };
    drills.iter().any(|ready| ready.params.target.needs_control_plane())
        || used_targets(plan, drills).values().any(asks_for_passwords)
        || watches_alarms(plan)
        || plan.notices.iter().any(|notice| notice.kind.needs_control_plane())
        || plan.stop_conditions.iter().any(sql)
}

/// Whether the passwords of a target are AWS's to give.
fn asks_for_passwords(target: &TargetEntry) -> bool {
    target.kept_passwords().next().is_some() || target.token_passwords().next().is_some()
}

/// The targets that a run uses: those of its drills and of the stop conditions.
pub fn used_targets(plan: &PlanFile, drills: &[Ready]) -> BTreeMap<String, TargetEntry> {
    let of_drills = drills.iter().map(|ready| &ready.params.target_name);
    let of_conditions = plan.stop_conditions.iter().filter_map(|condition| match &condition.kind {
        StopKind::Sql { target, .. } => Some(target),
        _ => None,
    });
    let used: BTreeSet<&String> = of_drills.chain(of_conditions).collect();
    let used = plan.targets.iter().filter(|(name, _)| used.contains(name));
    used.map(|(name, target)| (name.clone(), target.clone())).collect()
}

/// Asks Secrets Manager for the passwords of the targets that a run uses. Nothing else is asked of the control plane before,
/// but who calls.
pub async fn fetch_secrets(
    plan: &PlanFile,
    drills: &[Ready],
    aws: &Result<Aws, String>,
) -> Result<(), Failure> {
    let mut kept = used_targets(plan, drills);
    kept.retain(|_, target| asks_for_passwords(target));
    if kept.is_empty() {
        return Ok(());
    }
    let aws =
        aws.as_ref().map_err(|error| Failure::not_run(format!("no password can be asked for: {error}")))?;
    let fetched = fetch_passwords(&kept, aws).await;
    fetched.map_err(|wrong| Failure::not_run(format!("{}; nothing was done", wrong.join("; "))))
}

/// Every password of the plan, by target and role, for the undo actions.
pub fn passwords(plan: &PlanFile) -> BTreeMap<(String, String), Password> {
    let mut found = BTreeMap::new();
    for (name, target) in &plan.targets {
        let Some(roles) = target.sql_roles() else { continue };
        let (user, password) = (roles.user.to_owned(), roles.password);
        found.insert((name.clone(), user), password.clone());
    }
    found
}
