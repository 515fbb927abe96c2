//! The stop conditions of a plan: looked at before anything is done.

use lifeboat_engine::{StopWatch, close, look_first};
use std::collections::BTreeMap;

use lifeboat_model::{PlanFile, StopKind};
use lifeboat_targets::{Aws, OfRun, open_conditions};

use crate::failure::Failure;
use crate::prepare;

/// Opens what the conditions need, and looks at each once.
///
/// A condition that trips already or cannot be read refuses the run: nothing was done by then.
pub async fn ready(
    plan: &PlanFile,
    run_id: &str,
    aws: &Result<Aws, String>,
) -> Result<Vec<StopWatch>, Failure> {
    let refused = |wrong: Vec<String>| Failure::not_run(format!("{}; nothing was done", wrong.join("; ")));
    let mut targets = BTreeMap::new();
    for condition in &plan.stop_conditions {
        if let StopKind::Sql { target, .. } = &condition.kind {
            let whose = format!("stop condition `{}`", condition.name);
            targets.insert(target.clone(), prepare::settled(plan, target, &whose)?);
        }
    }
    let of_run = OfRun { provider: plan.environment.provider, targets: &targets, run_id, aws };
    let opened = open_conditions(&plan.stop_conditions, of_run).await;
    let mut conditions = opened.map_err(refused)?;
    match look_first(&mut conditions).await {
        Ok(()) => Ok(conditions),
        Err(wrong) => {
            close(conditions).await;
            Err(refused(wrong))
        }
    }
}
