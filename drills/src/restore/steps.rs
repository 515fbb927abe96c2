//! The steps that the restores of instances have in common.

use std::time::Duration;

use lifeboat_engine::{Makes, Plan, Step};
use lifeboat_model::Phase;

use super::scene::Scene;
use super::{copy, guard, keep, verify};
use crate::access::{act, needed_for};
use crate::lock;

const MINUTE: Duration = Duration::from_secs(60);

pub fn check_database(s: &Scene) -> Step {
    let what = "connect; look for what a table of canaries would upset";
    Step::build("check-database", Phase::Guard, what, MINUTE, act(s, guard::check_database))
        .no_undo("it only reads")
}

pub fn lock_target(s: &Scene) -> Step {
    let needed_for = needed_for(s.give_up(), s.options.validate_within(&s.params));
    lock::step(s, &s.params.run_id, &s.target.identifier, needed_for)
}

pub fn create_canaries(s: &Scene) -> Step {
    let of_undo = s.clone();
    let what = format!("create schema `{}` with a table of canaries", s.canaries.schema());
    Step::build("create-canaries", Phase::Steady, what, MINUTE, act(s, guard::create_canaries))
        .undo("drop the schema, if it carries this run's comment", move || of_undo.undo_canaries())
}

/// From the restore call to the compared settings.
pub fn restore_and_verify(plan: Plan, s: &Scene) -> Plan {
    let (give_up, name) = (s.give_up(), s.copy_name());
    let of_undo = s.clone();
    plan.then(
        Step::build(
            "request-restore",
            Phase::Recover,
            format!("restore into the new DB instance `{name}`, with the source's network and groups"),
            s.params.probe.notice * 4 + MINUTE,
            act(s, copy::request_restore),
        )
        .undo(
            format!("delete `{name}`, if it carries this run's tag, and wait until it is gone"),
            move || of_undo.undo_copy(),
        )
        .makes(Makes {
            what: "a DB instance of the source's class (or one of fallback_classes), with its allocated storage (twice the price if Multi-AZ)",
            restored: true,
        }),
    )
    .then(
        Step::build(
            "await-copy",
            Phase::Recover,
            format!("wait until the copy is available, at most {} s", give_up.as_secs_f64()),
            give_up + MINUTE,
            act(s, copy::await_copy),
        )
        .no_undo("it only waits"),
    )
    .then(
        Step::build(
            "connect-copy",
            Phase::Recover,
            "connect to the copy and ask which server it is",
            MINUTE * 2,
            act(s, copy::connect_copy),
        )
        .no_undo("it only reads"),
    )
    .then(
        Step::build(
            "prove-moment",
            Phase::Verify,
            "hold the canaries of the copy against those of the moment and of now",
            MINUTE,
            act(s, verify::prove_moment),
        )
        .no_undo("it only reads"),
    )
    .then(
        Step::build(
            "validate-data",
            Phase::Verify,
            "hold the data of the copy against the source's",
            s.options.validate_within(&s.params) + MINUTE,
            act(s, verify::validate_data),
        )
        .no_undo("it only reads"),
    )
    .then(
        Step::build(
            "compare-settings",
            Phase::Verify,
            "hold the settings of the copy against those asked for and the source's",
            MINUTE * 6,
            act(s, verify::compare_settings),
        )
        .no_undo("it only reads"),
    )
}

/// Before anything that decides about the copy, so that its undo comes after that: what is dropped in a copy before would look
/// as if others had written to it.
pub fn tidy_copy(s: &Scene) -> Step {
    let (what, of_undo) = ("from here on, drop the canaries in a copy that stays, at the end", s.clone());
    Step::build("tidy-copy", Phase::Verify, what, MINUTE, |_| async { Ok(()) })
        .undo("drop them, if they carry this run's comment", move || of_undo.undo_canaries_in_copy())
}

pub fn keep_copy(s: &Scene) -> Step {
    let what = "say that the copy stays, and take every tag of the drill off it";
    Step::build("keep-copy", Phase::Restore, what, MINUTE * 2, act(s, keep::keep_copy))
        .no_undo("the copy stays, as the plan says")
        .keeps_copies()
}
