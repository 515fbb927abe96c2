//! The drill `rds-failover`: a forced failover of a Multi-AZ DB instance, as its clients see it.
//!
//! Guard, steady state, writes into a ledger of its own with the probe streams beside it, RebootDBInstance with
//! ForceFailover, recovery, the two witnesses that it happened, every acknowledged write read back, Multi-AZ whole
//! again. It does not guarantee that applications with other time-outs or pools recover as fast as the probes: a
//! health address in the plan shows that.

mod checks;
mod fault;
mod guard;
mod measure;
mod state;
mod verify;

use std::time::Duration;

use lifeboat_engine::{About, Check, Drill, OptionsError, Params, Plan, Step};
use lifeboat_model::{DrillFacts, Measurements, Permission, Phase};
use schemars::{JsonSchema as _, Schema, SchemaGenerator};

use crate::access::{act, end_sessions_text, instance_target, needed_for};
use crate::{lock, permissions};
use state::{Options, Shared};

/// The drill.
pub struct RdsFailover;

impl Drill for RdsFailover {
    fn name(&self) -> &'static str {
        "rds-failover"
    }

    fn about(&self) -> About {
        About {
            summary: "forces a Multi-AZ failover and measures what clients see of it",
            targets: &["rds-instance"],
            needs: "a Multi-AZ PostgreSQL instance that is available, with nothing pending; the tag lifeboat:drill = \
                    allowed or --confirm; a role that may create a schema, or probe = \"read\"",
            proves: "that the failover happened (zone and server changed), how long writes were out (RTO), that every \
                     acknowledged write is still there (RPO), that Multi-AZ is whole again",
            options: &[
                ("probe_interval", "distance of two attempts of a stream"),
                ("stable_for", "how long the service must answer before it counts as recovered"),
                ("give_up", "how long after the fault call to wait for the recovery"),
                ("notice", "how long after the fault call its effect may begin to show"),
            ],
        }
    }

    fn options_schema(&self, generator: &mut SchemaGenerator) -> Schema {
        Options::json_schema(generator)
    }

    fn plan(&self, params: &Params) -> Result<Plan, OptionsError> {
        let target = instance_target(params, self.name())?;
        let options = Options::read(params)?;
        let s = Shared::new(params, target, &options);
        let minute = Duration::from_secs(60);
        let give_up = options.give_up(params);
        let id = &target.identifier;
        let mut plan = Plan::new()
            .then(
                Step::build(
                    "identify-target",
                    Phase::Guard,
                    format!("look up DB instance `{id}`: it must be available, Multi-AZ, released for drills, with nothing pending"),
                    minute,
                    act(&s, guard::identify_target),
                )
                .no_undo("it only reads"),
            )
            .then(
                Step::build(
                    "check-database",
                    Phase::Guard,
                    "connect; look for what a ledger table would upset, and for free connections",
                    minute,
                    act(&s, guard::check_database),
                )
                .no_undo("it only reads"),
            )
            .then(lock::step(&s, &params.run_id, id, needed_for(give_up.max(options.notice(params) * 2), Duration::ZERO)));
        if s.table().is_some() {
            let of_undo = s.clone();
            plan = plan.then(
                Step::build(
                    "create-ledger",
                    Phase::Load,
                    format!(
                        "create schema `{}` with a ledger table",
                        s.table().map_or("", |table| table.schema())
                    ),
                    minute,
                    act(&s, guard::create_ledger),
                )
                .undo("drop the schema, if it carries this run's comment", move || of_undo.undo_ledger()),
            );
        }
        let of_undo = s.clone();
        Ok(plan
            .then(
                Step::build(
                    "start-probes",
                    Phase::Load,
                    format!(
                        "start the probe streams, an attempt every {} ms each",
                        s.params.probe.interval.as_millis()
                    ),
                    minute,
                    act(&s, guard::start_probes),
                )
                .undo(end_sessions_text(params), move || of_undo.undo_sessions()),
            )
            .then(
                Step::build(
                    "confirm-steady-state",
                    Phase::Load,
                    "wait until every stream answers without a failure",
                    minute,
                    act(&s, guard::confirm_steady_state),
                )
                .no_undo("it only waits"),
            )
            .then(
                Step::build(
                    "force-failover",
                    Phase::Fault,
                    format!("RebootDBInstance `{id}` with ForceFailover"),
                    options.notice(params) * 4 + minute,
                    act(&s, fault::force_failover),
                )
                .no_undo(
                    "a failover has no inverse: the former standby stays the writer, the zones stay swapped",
                ),
            )
            .then(
                Step::build(
                    "await-recovery",
                    Phase::Recover,
                    format!("wait until clients are served again, at most {} s", give_up.as_secs_f64()),
                    give_up + minute,
                    act(&s, fault::await_recovery),
                )
                .no_undo("it only waits"),
            )
            .then(
                Step::build(
                    "prove-failover",
                    Phase::Verify,
                    "hold zone and server against those before",
                    options.zone_limit(params) + minute,
                    act(&s, verify::prove_failover),
                )
                .no_undo("it only reads"),
            )
            .then(
                Step::build(
                    "read-back",
                    Phase::Verify,
                    "stop the load and read every ledger row back",
                    minute * 2,
                    act(&s, verify::read_back),
                )
                .no_undo("it only reads"),
            )
            .then(
                Step::build(
                    "await-standby",
                    Phase::Restore,
                    "wait until the instance is available and Multi-AZ is whole again",
                    options.standby_limit(params) + minute,
                    act(&s, verify::await_standby),
                )
                .no_undo("it only waits"),
            ))
    }

    fn permissions(&self, params: &Params) -> Result<Vec<Permission>, OptionsError> {
        permissions::fails_over(params, instance_target(params, self.name())?)
    }

    fn measure(&self, facts: &DrillFacts) -> Measurements {
        measure::measure(facts)
    }

    fn checks(&self) -> Vec<Check> {
        checks::checks()
    }
}
