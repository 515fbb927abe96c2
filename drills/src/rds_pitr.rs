//! The drill `rds-pitr`: a point-in-time restore of a DB instance into a new one, proved to be of the chosen moment.
//!
//! Canaries in a schema of the drill's own stand on both sides of the moment; some are destroyed after it; the restored
//! instance must hold those from before as they were and none from after, and the data of the source. It does not
//! guarantee that rows which were written within a second of the moment are on the right side of it: the two nearest
//! canaries are the precision that is reported.

mod checks;
mod measure;
mod moment;
mod options;
mod promotion;
#[cfg(test)]
mod promotion_tests;
mod swap;

use std::time::Duration;

use lifeboat_engine::{About, Check, Drill, OptionsError, Params, Plan, Step};
use lifeboat_model::{DrillFacts, Measurements, Permission, Phase};
use schemars::{Schema, SchemaGenerator};

use crate::access::{act, instance_target};
use crate::permissions::{self, Origin};
use crate::restore::scene::Scene;
use crate::restore::{guard, steps};

/// The drill.
pub struct RdsPitr;

impl Drill for RdsPitr {
    fn name(&self) -> &'static str {
        "rds-pitr"
    }

    fn about(&self) -> About {
        About {
            summary: "restores a DB instance to a moment into a new one and proves its data",
            targets: &["rds-instance"],
            needs: "a PostgreSQL instance that is available, with automated backups on; the tag lifeboat:drill = allowed \
                    or --confirm; a role that may create a schema and read the tables",
            proves: "that the copy is of the chosen moment (rows on both sides of it), that its data is the source's, how \
                     long it took (RTO), what would be lost (RPO), what the restore did not carry over",
            options: &options::MEANINGS,
        }
    }

    fn options_schema(&self, generator: &mut SchemaGenerator) -> Schema {
        options::schema(generator)
    }

    fn plan(&self, params: &Params) -> Result<Plan, OptionsError> {
        let target = instance_target(params, self.name())?;
        let (own, common) = options::read(params, target)?;
        let s = Scene::new(params, target, common).renaming(own.promote);
        let id = &target.identifier;
        let (minute, give_up) = (Duration::from_secs(60), s.give_up());
        let plan = Plan::new()
            .then(
                Step::build(
                    "identify-target",
                    Phase::Guard,
                    format!("look up DB instance `{id}`: it must be available, released for drills, with automated backups"),
                    minute,
                    act(&s, guard::identify_with_backups),
                )
                .no_undo("it only reads"),
            )
            .then(steps::check_database(&s))
            .then(steps::lock_target(&s))
            .then(steps::create_canaries(&s))
            .then(
                Step::build(
                    "choose-moment",
                    Phase::Steady,
                    "commit canaries on both sides of a whole second of the server's clock",
                    minute,
                    act(&s, moment::choose_moment),
                )
                .no_undo("the canaries go with their schema"),
            )
            .then(
                Step::build(
                    "destroy-canaries",
                    Phase::Fault,
                    "the disaster: delete some canaries and overwrite others; nothing else is touched",
                    minute,
                    act(&s, moment::destroy_canaries),
                )
                .no_undo("the canaries go with their schema"),
            )
            .then(
                Step::build(
                    "await-restorable",
                    Phase::Recover,
                    "wait until LatestRestorableTime has reached the moment",
                    give_up + minute,
                    act(&s, moment::await_restorable),
                )
                .no_undo("it only waits"),
            );
        let plan = steps::restore_and_verify(plan, &s);
        let plan = if own.keep { plan.then(steps::tidy_copy(&s)) } else { plan };
        let plan = if own.promote { promotion::promoted(plan, &s) } else { plan };
        Ok(if own.keep { plan.then(steps::keep_copy(&s)) } else { plan })
    }

    fn permissions(&self, params: &Params) -> Result<Vec<Permission>, OptionsError> {
        let target = instance_target(params, self.name())?;
        let (own, _) = options::read(params, target)?;
        let mut all = permissions::restores(params, target, &Origin::Moment)?;
        if own.promote {
            all.extend(permissions::promotes(params, target)?);
        }
        if own.keep {
            all.extend(permissions::keeps_copy(params, target)?);
        }
        Ok(all)
    }

    fn measure(&self, facts: &DrillFacts) -> Measurements {
        measure::measure(facts)
    }

    fn checks(&self) -> Vec<Check> {
        checks::checks()
    }
}
