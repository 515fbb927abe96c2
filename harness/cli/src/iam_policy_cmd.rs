//! `lifeboat iam-policy`.

use std::collections::BTreeMap;

use lifeboat_drills::watches_alarms;
use lifeboat_model::{ExitCode, Policy};

use crate::args::{IamPolicyArgs, ProfileArg};
use crate::failure::Failure;
use crate::prepare::{self, Caller, Source};
use crate::print::outln;

/// Prints what the plan's drills have to be allowed. Nothing is called.
pub fn iam_policy(args: &IamPolicyArgs) -> Result<ExitCode, Failure> {
    let mut plan = Source::read(&args.plan)?.resolve_for_print()?;
    plan.environment.account = args.account.clone().or(plan.environment.account);
    let none = BTreeMap::new();
    let caller = Caller {
        run_id: "RUN",
        only: &args.drills,
        confirmed: &[],
        own_exports: &none,
        profile: ProfileArg::Fast,
    };
    let mut permissions = Vec::new();
    for ready in prepare::drills(&plan, &caller)? {
        permissions.extend(ready.drill.permissions(&ready.params).map_err(Failure::usage)?);
    }
    if prepare::watches_alarms(&plan) {
        permissions.push(watches_alarms());
    }
    let policy = serde_json::to_string_pretty(&Policy::of(permissions)).map_err(Failure::internal)?;
    outln!("{policy}");
    Ok(ExitCode::Met)
}
