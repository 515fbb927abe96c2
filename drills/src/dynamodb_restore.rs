//! What the drills that restore a DynamoDB table have in common: canary items, the disaster, the copy and its proofs.

mod canaries;
mod canary_key;
#[cfg(test)]
mod check_tests;
pub mod checks;
mod compare;
mod guard;
pub mod measure;
pub mod options;
mod own_table;
mod proof;
mod restore;
mod settings;
pub mod state;
mod steps;

use lifeboat_engine::{OptionsError, Params, Plan};
use lifeboat_model::TargetEntry;

use options::Options;
use state::{Shared, Way};

/// The plan of a restore.
pub fn plan(scenario: &str, params: &Params, way: Way) -> Result<Plan, OptionsError> {
    let TargetEntry::DynamodbTable(target) = &params.target else {
        let text = format!(
            "scenario {scenario} needs a target of kind dynamodb-table; `{}` is none",
            params.target_name
        );
        return Err(params.wrong(text));
    };
    let shared = Shared::new(params, target, &Options::read(params)?, way);
    Ok(steps::steps(&shared).into_iter().fold(Plan::new(), Plan::then))
}
