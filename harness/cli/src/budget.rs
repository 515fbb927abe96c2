//! What the drills of a plan restore, held against its budget, and told before a run.

use lifeboat_engine::{Estimate, estimate, in_words};
use lifeboat_model::{Safety, TargetEntry};
use lifeboat_reports::clean_line;
use lifeboat_targets::Aws;
use lifeboat_targets::rds::Rds;

use crate::failure::Failure;
use crate::prepare::Ready;
use crate::print::outln;

/// Estimates what the drills make, or refuses them.
pub fn of(drills: &[Ready], safety: &Safety) -> Result<Estimate, Failure> {
    let mut making = Vec::new();
    for Ready { drill, params } in drills {
        let plan = drill.plan(params).map_err(Failure::usage)?;
        making.push((params.drill.clone(), params.target.resource(), plan.making()));
    }
    estimate(making, safety).map_err(Failure::usage)
}

/// Prints an estimate.
pub fn print(estimate: &Estimate, safety: &Safety) {
    if estimate.drills.is_empty() {
        outln!("budget: nothing is restored, nothing is billed");
        return;
    }
    let limit = |key: &str, value: Option<String>| match value {
        Some(value) => format!("{key} = {value}"),
        None => format!("no {key}"),
    };
    let limits = [
        limit("max_restored", safety.max_restored.map(|most| most.to_string())),
        limit("largest_class", safety.largest_class.as_ref().map(ToString::to_string)),
        limit("longest_life", safety.longest_life.map(|longest| in_words(longest.0))),
    ];
    let (all, at_once) = (estimate.restored, estimate.at_once);
    outln!("budget: restored copies: {all} in all, at most {at_once} at once ({})", limits.join(", "));
    for (drill, making) in &estimate.drills {
        for one in making {
            let life = match one.kept {
                true => "until somebody deletes it: the plan keeps it".to_owned(),
                false => format!("for {} at most, and until it is deleted", in_words(one.life)),
            };
            outln!("  {}: billed: {}; {life}", clean_line(drill), one.made.what);
        }
    }
}

/// Prints class and storage of the copies, as the control plane has them for their sources. What cannot be looked up is
/// for the guards to say.
pub async fn print_sizes(drills: &[Ready], aws: &Aws) {
    for Ready { drill, params } in drills {
        let TargetEntry::RdsInstance(instance) = &params.target else { continue };
        let restores = drill.plan(params).is_ok_and(|plan| plan.copies() > 0);
        let source = match restores {
            true => Rds::new(aws).find(&instance.identifier).await.ok().flatten(),
            false => None,
        };
        let Some(source) = source else { continue };
        let storage = source.settings.allocated_storage;
        outln!(
            "{}: its copy: class {}, {} GiB of storage",
            clean_line(&params.drill),
            clean_line(&source.class),
            storage.map_or_else(|| "unknown".to_owned(), |size| size.to_string())
        );
    }
}
