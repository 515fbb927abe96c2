//! The drill `rds-snapshot-restore`: a DB snapshot restored into a new instance, proved to be that of the snapshot.
//!
//! A snapshot that the drill makes itself is proved by canaries from before and after it. One that existed cannot hold
//! any, and must not: its data is held against the source as it is now, so that what was written since shows as what
//! cannot be told, unless the plan says how a table can be compared.

mod measure;
mod snapshot;

use std::time::Duration;

use lifeboat_engine::{About, Check, Drill, OptionsError, Params, Plan, Step};
use lifeboat_model::{DrillFacts, Measurements, Permission, Phase};
use schemars::{Schema, SchemaGenerator};

use crate::access::{act, instance_target};
use crate::permissions::{self, Origin};
use crate::restore::scene::Scene;
use crate::restore::{checks as of_restore, guard, options, steps};
use snapshot::{Choice, Own};

/// What the catalogue says about the options, as (key, meaning).
const MEANINGS: [(&str, &str); 11] = {
    let [a, b, c, d, e, f, g, h, i, j] = options::MEANINGS;
    [
        ("snapshot", "latest-automated (the default), fresh, or a snapshot's identifier"),
        a,
        b,
        c,
        d,
        e,
        f,
        g,
        h,
        i,
        j,
    ]
};

/// The drill.
pub struct RdsSnapshotRestore;

impl Drill for RdsSnapshotRestore {
    fn name(&self) -> &'static str {
        "rds-snapshot-restore"
    }

    fn about(&self) -> About {
        About {
            summary: "restores a DB snapshot into a new instance and proves its data",
            targets: &["rds-instance"],
            needs: "a PostgreSQL instance that is available, with a snapshot or leave to make one; the tag lifeboat:drill \
                    = allowed or --confirm; a role that may create a schema and read the tables",
            proves: "that the copy is of the snapshot and not of now, that its data is the source's, how long it took \
                     (RTO), how old the snapshot was (RPO), what the restore did not carry over",
            options: &MEANINGS,
        }
    }

    fn options_schema(&self, generator: &mut SchemaGenerator) -> Schema {
        options::schema::<Own>(generator)
    }

    fn plan(&self, params: &Params) -> Result<Plan, OptionsError> {
        let target = instance_target(params, self.name())?;
        let (own, common): (Own, _) = options::read(params, &["snapshot"])?;
        let s = Scene::new(params, target, common);
        let id = &target.identifier;
        let minute = Duration::from_secs(60);
        let plan = Plan::new()
            .then(
                Step::build(
                    "identify-target",
                    Phase::Guard,
                    format!("look up DB instance `{id}`: it must be available and released for drills"),
                    minute,
                    act(&s, guard::identify_target),
                )
                .no_undo("it only reads"),
            )
            .then(steps::check_database(&s))
            .then(steps::lock_target(&s))
            .then(steps::create_canaries(&s));
        let plan = match own.choice() {
            Choice::Fresh => plan.then(snapshot::create_step(&s)),
            existing => plan.then(snapshot::choose_step(&s, existing)),
        };
        let plan = plan.then(
            Step::build(
                "destroy-canaries",
                Phase::Fault,
                "the disaster: delete some canaries and overwrite others; nothing else is touched",
                minute,
                act(&s, snapshot::destroy_canaries),
            )
            .no_undo("the canaries go with their schema"),
        );
        Ok(steps::restore_and_verify(plan, &s))
    }

    fn permissions(&self, params: &Params) -> Result<Vec<Permission>, OptionsError> {
        let target = instance_target(params, self.name())?;
        let (own, _): (Own, _) = options::read(params, &["snapshot"])?;
        let origin = match own.choice() {
            Choice::LatestAutomated => Origin::Automated,
            Choice::Fresh => Origin::Fresh,
            Choice::Named(name) => Origin::Snapshot(name),
        };
        permissions::restores(params, target, &origin)
    }

    fn measure(&self, facts: &DrillFacts) -> Measurements {
        measure::measure(facts)
    }

    fn checks(&self) -> Vec<Check> {
        of_restore::checks()
    }
}
