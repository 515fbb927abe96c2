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
use lifeboat_model::Permission;

use crate::access::table_target;
use crate::permissions::OfTable;
use options::Options;
use state::{Shared, Way};

/// The plan of a restore.
pub fn plan(scenario: &str, params: &Params, way: Way) -> Result<Plan, OptionsError> {
    let target = table_target(params, scenario)?;
    let shared = Shared::new(params, target, &Options::read(params)?, way);
    Ok(steps::steps(&shared).into_iter().fold(Plan::new(), Plan::then))
}

/// What the steps of a restore have to be allowed.
pub fn permissions(scenario: &str, params: &Params, way: Way) -> Result<Vec<Permission>, OptionsError> {
    let (target, options) = (table_target(params, scenario)?, Options::read(params)?);
    let does = OfTable {
        table: &target.table,
        own: options.canary_table,
        backup: way == Way::Backup,
        puts_back: options.put_back,
    };
    crate::permissions::restores_table(params, does)
}
