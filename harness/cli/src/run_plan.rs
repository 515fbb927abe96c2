//! The plan of a run that was, from `plan.json` in its folder. Its variables need not be set, but for those that are needed.

use lifeboat_engine::RunFiles;
use lifeboat_model::{Environment, EvidenceSection, PlanFile};

use crate::failure::Failure;

/// An error that names the file.
pub fn wrong(error: &dyn std::fmt::Display) -> Failure {
    Failure::usage(format!("plan.json of the run: {error}"))
}

/// The whole plan.
pub fn whole(files: &RunFiles) -> Result<PlanFile, Failure> {
    let document = files.plan().map_err(Failure::usage)?;
    PlanFile::resolve(&document.plan, &value_or_name).map_err(|error| wrong(&error))
}

/// Its environment, whose credentials can be named.
pub fn environment(files: &RunFiles) -> Result<Environment, Failure> {
    let document = files.plan().map_err(Failure::usage)?;
    let written = PlanFile::environment(&document.plan, &value_or_name).map_err(|error| wrong(&error))?;
    match written.open_credentials() {
        Some(open) => Err(wrong(&format!("{open} in [environment] is not set; export it"))),
        None => Ok(written),
    }
}

/// What it says of evidence.
pub fn evidence(files: &RunFiles) -> Result<EvidenceSection, Failure> {
    let document = files.plan().map_err(Failure::usage)?;
    PlanFile::evidence(&document.plan, &value_or_name).map_err(|error| wrong(&error))
}

/// The value of a variable; one that is not set stays as the plan has it.
fn value_or_name(name: &str) -> Option<String> {
    Some(std::env::var(name).unwrap_or_else(|_| format!("${{{name}}}")))
}
