//! Whether the target still is the one that the guard saw: looked at just before a call that goes by its name.
//!
//! It does not guard against a rename between that look and the call.

use std::fmt::Display;

use lifeboat_engine::StepError;
use lifeboat_targets::AwsError;
use lifeboat_targets::dynamodb::{Dynamo, TableView};
use lifeboat_targets::rds::{InstanceView, Rds};

/// The instance as it is now, under the name that it had.
///
/// # Errors
/// [`StepError::Failed`] if it was renamed or replaced, with both in words.
pub async fn instance(rds: &Rds, target: &InstanceView) -> Result<InstanceView, StepError> {
    let (name, id) = (&target.identifier, &target.resource_id);
    let cannot = |error: AwsError| error.ends_step(format!("cannot look whether `{name}` is still {id}"));
    let named = match rds.find(name).await.map_err(cannot)? {
        Some(found) if found.resource_id == *id => return Ok(found),
        Some(other) => format!("`{name}` is {} now, which was not touched", other.resource_id),
        None => format!("nothing is called `{name}` now"),
    };
    let now = match rds.find_by_resource_id(id).await.map_err(cannot)? {
        Some(found) => format!("is called `{}` now", found.identifier),
        None => "is gone".to_owned(),
    };
    Err(changed(format!("DB instance `{name}` ({id})"), now, named))
}

/// The same of a table, which keeps its name but may have been replaced.
///
/// # Errors
/// [`StepError::Failed`] if it was.
pub async fn table(dynamo: &Dynamo, target: &TableView) -> Result<(), StepError> {
    let (name, id) = (&target.name, &target.id);
    let cannot = |error: AwsError| error.ends_step(format!("cannot look whether `{name}` is still {id}"));
    let named = match dynamo.find(name).await.map_err(cannot)? {
        Some(found) if found.id == *id => return Ok(()),
        Some(other) => format!("`{name}` is {} now, which was not touched", other.id),
        None => format!("nothing is called `{name}` now"),
    };
    Err(changed(format!("table `{name}` ({id})"), "is gone", named))
}

fn changed(target: String, now: impl Display, named: String) -> StepError {
    StepError::Failed(format!(
        "{target} was renamed or replaced during the drill: it {now}, and {named}; run the drill when nobody changes its \
         target"
    ))
}
