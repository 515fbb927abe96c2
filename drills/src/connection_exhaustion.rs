//! The drill `connection-exhaustion`: spawned clients, each with a real connection, climb to the server's limit and past
//! it, hold it, and let go.
//!
//! It works on an RDS instance and on a plain PostgreSQL server, 13 to 17. The connection that watches is opened before
//! the climb and never given up. Nothing is written. It does not guarantee that the limit is found where others open
//! connections at the same time: the count that it reports is the server's, theirs among it.

mod checks;
mod climb;
mod guard;
mod measure;
mod release;
mod state;

use std::time::Duration;

use lifeboat_engine::{About, Check, Drill, OptionsError, Params, Plan, Step};
use lifeboat_model::{DrillFacts, Measurements, Permission, Phase, TargetEntry};
use schemars::{JsonSchema as _, Schema, SchemaGenerator};

use crate::access::{act, end_sessions_text, needed_for};
use crate::{lock, permissions};
use state::{Options, Shared};

/// The drill.
pub struct ConnectionExhaustion;

impl Drill for ConnectionExhaustion {
    fn name(&self) -> &'static str {
        "connection-exhaustion"
    }

    fn about(&self) -> About {
        About {
            summary: "opens connections to the server's limit and past it, holds them, and lets go",
            targets: &["rds-instance", "postgres"],
            needs: "a PostgreSQL role as applications have it, without a right to the reserve; for an RDS instance the tag lifeboat:drill = allowed or \
                    --confirm, for a plain server --confirm=HOST:PORT; in production the option connections",
            proves: "where the limit is and how it refuses (SQLSTATE 53300), what open and fresh connections see \
                     meanwhile, whether the reserved slot lets an administrator in, how soon an application connects \
                     again (RTO), that every session is gone afterwards",
            options: &[
                ("connections", "open at most this many; needed in production"),
                ("hold", "how long to stay at the limit (2s)"),
                ("stable_for", "how long fresh connections must succeed before it counts as recovered (1s)"),
            ],
        }
    }

    fn options_schema(&self, generator: &mut SchemaGenerator) -> Schema {
        Options::json_schema(generator)
    }

    fn plan(&self, params: &Params) -> Result<Plan, OptionsError> {
        if params.target.sql_roles().is_none() {
            let text = format!(
                "scenario connection-exhaustion needs a target of kind rds-instance or postgres; `{}` is neither",
                params.target_name
            );
            return Err(params.wrong(text));
        }
        let options = Options::read(params)?;
        let s = Shared::new(params, &options)?;
        let minute = Duration::from_secs(60);
        let most =
            options.connections.map_or("until it is refused".to_owned(), |cap| format!("at most {cap}"));
        let of_undo = s.clone();
        let mut plan = Plan::new();
        if let TargetEntry::RdsInstance(target) = &params.target {
            plan = plan.then(
                Step::build(
                    "identify-target",
                    Phase::Guard,
                    format!(
                        "look up DB instance `{}`: it must be available and released for drills",
                        target.identifier
                    ),
                    minute,
                    act(&s, guard::identify_instance),
                )
                .no_undo("it only reads"),
            );
        } else {
            plan = plan.then(
                Step::build(
                    "identify-target",
                    Phase::Guard,
                    format!("the server must be released for drills with --confirm={}", s.plain_address()),
                    minute,
                    act(&s, guard::identify_server),
                )
                .no_undo("it only reads"),
            );
        }
        plan = plan.then(
            Step::build(
                "check-limits",
                Phase::Guard,
                "connect; read the limits; the role must not be one that may use the reserve",
                minute,
                act(&s, guard::check_limits),
            )
            .no_undo("it only reads"),
        );
        if let TargetEntry::RdsInstance(target) = &params.target {
            let needed_for = needed_for(s.give_up(), options.hold());
            plan = plan.then(lock::step(&s, &params.run_id, &target.identifier, needed_for));
        }
        Ok(plan
            .then(
                Step::build(
                    "open-watcher",
                    Phase::Guard,
                    "open the connection that watches, and count the sessions",
                    minute,
                    act(&s, guard::open_watcher),
                )
                .undo(end_sessions_text(params), move || of_undo.undo_sessions()),
            )
            .then(
                Step::build(
                    "start-probes",
                    Phase::Steady,
                    "start an application's fresh and held connections, and wait until both answer",
                    minute,
                    act(&s, guard::start_probes),
                )
                .no_undo("its sessions end with the watcher's"),
            )
            .then(
                Step::build(
                    "climb",
                    Phase::Fault,
                    format!("open connections, {most}"),
                    climb::LIMIT + minute,
                    act(&s, climb::climb),
                )
                .no_undo("its sessions end with the watcher's"),
            )
            .then(
                Step::build(
                    "hold",
                    Phase::Fault,
                    format!(
                        "hold them for {} s; let an administrator in, if the target names one",
                        options.hold().as_secs_f64()
                    ),
                    options.hold() + minute,
                    act(&s, climb::hold),
                )
                .no_undo("its sessions end with the watcher's"),
            )
            .then(
                Step::build(
                    "release",
                    Phase::Recover,
                    "close every client and wait until fresh connections succeed",
                    s.give_up() + minute,
                    act(&s, release::release),
                )
                .no_undo("it only lets go"),
            )
            .then(
                Step::build(
                    "await-calm",
                    Phase::Verify,
                    "stop the probes and wait until the server counts as many sessions as before",
                    minute * 2,
                    act(&s, release::await_calm),
                )
                .no_undo("it only waits"),
            ))
    }

    fn permissions(&self, params: &Params) -> Result<Vec<Permission>, OptionsError> {
        match &params.target {
            TargetEntry::RdsInstance(target) => permissions::exhausts(params, target),
            _ => Ok(Vec::new()),
        }
    }

    fn measure(&self, facts: &DrillFacts) -> Measurements {
        measure::measure(facts)
    }

    fn checks(&self) -> Vec<Check> {
        checks::checks()
    }
}
