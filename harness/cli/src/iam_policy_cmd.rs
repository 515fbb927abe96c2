//! `lifeboat iam-policy`.

use std::collections::BTreeMap;

use lifeboat_drills::{
    connects_with_tokens, looks_at_instances, reads_secrets, sends_notices, watches_alarms,
};
use lifeboat_model::{ExitCode, Permission, Policy, TargetEntry};
use lifeboat_reports::clean_line;

use crate::args::{IamPolicyArgs, ProfileArg};
use crate::evidence_permissions;
use crate::failure::Failure;
use crate::history_place::HistoryPlace;
use crate::prepare::{self, Caller, Source};
use crate::print::{errln, outln};

/// What the role's caller has to be allowed; the role itself need not be.
const ASSUME: &str = "sts:AssumeRole";

/// Prints what the plan's drills have to be allowed. Nothing is called.
pub fn iam_policy(args: &IamPolicyArgs) -> Result<ExitCode, Failure> {
    let mut plan = Source::read(&args.plan)?.resolve_for_print()?;
    plan.environment.account = args.account.clone().or(plan.environment.account);
    let role = plan.environment.assume_role.as_ref().map(|role| role.role_arn.clone());
    match (role, args.caller) {
        (Some(role), true) => return print(Policy::of([Permission::new("TakeOnRole", [ASSUME], [role])])),
        (None, true) => {
            return Err(Failure::usage(
                "--caller: the plan takes on no role ([environment.assume_role]); whoever calls needs the plan's policy",
            ));
        }
        (Some(role), false) => errln!(
            "lifeboat: this is the policy of {}; whoever takes it on needs {ASSUME} on it: --caller prints that",
            clean_line(&role)
        ),
        (None, false) => {}
    }
    let none = BTreeMap::new();
    let caller = Caller {
        run_id: "RUN",
        only: &args.drills,
        confirmed: &[],
        own_exports: &none,
        profile: ProfileArg::Fast,
    };
    let mut permissions = Vec::new();
    let drills = prepare::drills(&plan, &caller)?;
    for ready in &drills {
        permissions.extend(ready.drill.permissions(&ready.params).map_err(Failure::usage)?);
    }
    let used = prepare::used_targets(&plan, &drills);
    if let Some(first) = drills.first() {
        permissions.extend(reads_secrets(&first.params, used.values()).map_err(Failure::usage)?);
        permissions.extend(connects_with_tokens(&first.params, used.values()).map_err(Failure::usage)?);
        permissions.extend(sends_notices(&first.params, &plan.notices).map_err(Failure::usage)?);
        // Also one that only a stop condition asks.
        if used.values().any(|target| matches!(target, TargetEntry::RdsInstance(_))) {
            permissions.extend(looks_at_instances(&first.params).map_err(Failure::usage)?);
        }
    }
    if prepare::watches_alarms(&plan) {
        permissions.push(watches_alarms());
    }
    permissions.extend(plan.evidence.kms_key.iter().flat_map(evidence_permissions::signs));
    match &args.history {
        None => {}
        Some(HistoryPlace::Bucket(place)) => {
            permissions.extend(evidence_permissions::keeps_history(place, &plan.environment.region));
        }
        Some(HistoryPlace::File(path)) => {
            return Err(Failure::usage(format!(
                "--history: {} is a file and needs no permission of AWS; drop it, or write s3://BUCKET/PREFIX",
                path.display()
            )));
        }
    }
    print(Policy::of(permissions))
}

fn print(policy: Policy) -> Result<ExitCode, Failure> {
    let policy = serde_json::to_string_pretty(&policy).map_err(Failure::internal)?;
    outln!("{policy}");
    Ok(ExitCode::Met)
}
