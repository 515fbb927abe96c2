//! The steps of a promotion.

use std::time::Duration;

use lifeboat_engine::{Plan, Step};
use lifeboat_model::Phase;

use super::swap;
use crate::access::{act, end_sessions_text};
use crate::restore::scene::Scene;

/// The plan with the promotion after it.
pub fn promoted(plan: Plan, s: &Scene) -> Plan {
    let id = &s.target.identifier;
    let (aside, copy) = (swap::name_aside(s), s.copy_name());
    let minute = Duration::from_secs(60);
    let wait = Duration::from_secs(s.patience_s()) + minute;
    let [of_sessions, of_guard, of_source, of_copy] = [s.clone(), s.clone(), s.clone(), s.clone()];
    plan.then(
        Step::build(
            "watch-name",
            Phase::Restore,
            format!("prove that nobody wrote since the moment; watch `{id}` with fresh connections"),
            minute * 2,
            act(s, swap::start_probes),
        )
        .undo(end_sessions_text(&s.params), move || swap::undo_sessions(&of_sessions)),
    )
    .then(
        Step::build(
            "guard-copy",
            Phase::Restore,
            format!("from here on delete `{copy}` only if nobody else has written to it"),
            minute,
            act(s, swap::guard_copy),
        )
        .undo(format!("delete `{copy}`, unless others have written to it"), move || {
            swap::undo_guard(&of_guard)
        }),
    )
    .then(
        Step::build(
            "rename-source",
            Phase::Restore,
            format!("rename `{id}` to `{aside}`; prove again that nobody wrote"),
            wait + minute,
            act(s, swap::rename_source),
        )
        .undo(format!("give it the name `{id}` back"), move || swap::undo_source_name(&of_source)),
    )
    .then(
        Step::build(
            "rename-copy",
            Phase::Restore,
            format!("rename `{copy}` to `{id}`"),
            wait,
            act(s, swap::rename_copy),
        )
        .undo(format!("give it the name `{copy}` back"), move || swap::undo_copy_name(&of_copy)),
    )
    .then(
        Step::build(
            "prove-promotion",
            Phase::Restore,
            format!("prove that `{id}` serves the copy"),
            wait,
            act(s, swap::prove_promotion),
        )
        .no_undo("it only reads"),
    )
    .then(
        Step::build(
            "swap-back",
            Phase::Restore,
            format!("rename the copy to `{copy}` and the source to `{id}`"),
            wait * 2,
            act(s, swap::swap_back),
        )
        .no_undo("it is what takes the renames back"),
    )
    .then(
        Step::build(
            "prove-source",
            Phase::Restore,
            format!("prove that `{id}` serves the source, with its rows"),
            wait,
            act(s, swap::prove_source),
        )
        .no_undo("it only reads"),
    )
    .then(
        Step::build(
            "prove-copy",
            Phase::Restore,
            format!("look whether anybody wrote to `{copy}` while it had the name"),
            wait,
            act(s, swap::prove_copy),
        )
        .no_undo("it only reads"),
    )
}
