//! The steps of a restore, in the order in which both kinds take them.

use std::time::Duration;

use lifeboat_engine::{Makes, Step};
use lifeboat_model::Phase;

use super::state::{CANARY_TABLE, Shared, Way};
use super::{canaries, compare, guard, own_table, restore, settings};
use crate::access::{act, needed_for};
use crate::lock;

const MINUTE: Duration = Duration::from_secs(60);

/// All steps.
pub fn steps(s: &Shared) -> Vec<Step> {
    let mut steps = before(s);
    steps.extend(match s.way {
        Way::PointInTime => point_in_time(s),
        Way::Backup => backup(s),
    });
    steps.extend(copy_and_proof(s));
    steps
}

fn before(s: &Shared) -> Vec<Step> {
    let table = &s.target.table;
    let what = match (s.options.canary_table, s.way) {
        (true, _) => format!("look up table `{table}`"),
        (false, Way::PointInTime) => format!(
            "look up table `{table}`: it must be ACTIVE, released for drills, without a stream, with point-in-time recovery"
        ),
        (false, Way::Backup) => {
            format!("look up table `{table}`: it must be ACTIVE, released for drills, without a stream")
        }
    };
    let mut steps = vec![
        Step::build("identify-target", Phase::Guard, what, MINUTE, act(s, guard::identify_target))
            .no_undo("it only reads"),
    ];
    // With a table of the drill's own nothing is done to the target.
    if !s.options.canary_table {
        let needed_for = needed_for(s.options.give_up(&s.params), compare::COMPARE_LIMIT);
        steps.push(lock::step(s, &s.params.run_id, table, needed_for));
    }
    steps.push(
        Step::build(
            "measure-clock",
            Phase::Steady,
            "hold the times of the control plane's answers against the run's clock",
            MINUTE,
            act(s, guard::measure_clock),
        )
        .no_undo("it only reads"),
    );
    if s.options.canary_table {
        let of_undo = s.clone();
        steps.push(
            Step::build(
                "create-canary-table",
                Phase::Load,
                format!(
                    "create table `{}` and wait until it is active and recoverable",
                    s.own_name(CANARY_TABLE)
                ),
                own_table::READY_LIMIT * 2 + MINUTE,
                act(s, own_table::create),
            )
            .undo("delete the table, known by the run's id and its age", move || {
                of_undo.undo_table(CANARY_TABLE)
            })
            .makes(Makes {
                what: "a DynamoDB table of some twenty items, with its backups",
                restored: false,
            }),
        );
    }
    let of_undo = s.clone();
    steps.push(
        Step::build(
            "put-canaries",
            Phase::Load,
            "put three canary items where no item is, marked with the run's id",
            MINUTE,
            act(s, canaries::put_before),
        )
        .undo("delete every canary item of the run, these and later ones", move || of_undo.undo_canaries()),
    );
    steps
}

fn point_in_time(s: &Shared) -> Vec<Step> {
    let give_up = s.options.give_up(&s.params);
    vec![
        Step::build(
            "choose-moment",
            Phase::Load,
            "choose the moment to restore, and put a canary item after it",
            MINUTE * 2,
            act(s, canaries::choose_moment),
        )
        .no_undo("its item is among those that the undo of put-canaries deletes"),
        disaster(s),
        Step::build(
            "await-restorable",
            Phase::Recover,
            format!("wait until the moment can be restored, at most {} s", give_up.as_secs_f64()),
            give_up + MINUTE,
            act(s, restore::await_restorable),
        )
        .no_undo("it only waits"),
    ]
}

fn backup(s: &Shared) -> Vec<Step> {
    let of_undo = s.clone();
    vec![
        Step::build(
            "make-backup",
            Phase::Load,
            format!("CreateBackup `{}`, and wait until it is available", s.own_name("backup")),
            restore::BACKUP_LIMIT + MINUTE,
            act(s, restore::make_backup),
        )
        .undo("delete the backup, known by its name", move || of_undo.undo_backup())
        .makes(Makes { what: "a DynamoDB backup, with the storage that it takes", restored: false }),
        Step::build(
            "put-canary-after",
            Phase::Load,
            "put a canary item that the backup does not hold",
            MINUTE,
            act(s, canaries::put_after),
        )
        .no_undo("its item is among those that the undo of put-canaries deletes"),
        disaster(s),
    ]
}

fn disaster(s: &Shared) -> Step {
    Step::build(
        "destroy-canaries",
        Phase::Fault,
        "overwrite one canary item and delete another",
        MINUTE,
        act(s, canaries::destroy),
    )
    .no_undo("only canary items are destroyed, and the undo of put-canaries deletes them")
}

fn copy_and_proof(s: &Shared) -> Vec<Step> {
    let give_up = s.options.give_up(&s.params);
    let of_undo = s.clone();
    let mut steps = vec![
        Step::build(
            "restore-table",
            Phase::Recover,
            format!("restore into the new table `{}`", s.own_name("copy")),
            MINUTE * 2,
            act(s, restore::request),
        )
        .undo("delete the copy, known by the run's id and its age", move || of_undo.undo_table("copy"))
        .makes(Makes {
            what: "a DynamoDB table with the source's items (the restored data once, its storage, the reads of a \
                   comparison)",
            restored: true,
        }),
        Step::build(
            "await-copy",
            Phase::Recover,
            format!("wait until the copy is active, at most {} s", give_up.as_secs_f64()),
            give_up + MINUTE,
            act(s, restore::await_copy),
        )
        .no_undo("it only waits"),
        Step::build(
            "prove-moment",
            Phase::Verify,
            "read the canary items of both tables",
            MINUTE * 2,
            act(s, compare::prove_moment),
        )
        .no_undo("it only reads"),
        Step::build(
            "compare-items",
            Phase::Verify,
            "compare all other items of both tables",
            compare::COMPARE_LIMIT + MINUTE,
            act(s, compare::compare_items),
        )
        .no_undo("it only reads"),
        Step::build(
            "compare-settings",
            Phase::Verify,
            "compare what a restore does not carry over",
            MINUTE,
            act(s, settings::look),
        )
        .no_undo("it only reads"),
    ];
    if s.options.put_back {
        steps.push(
            Step::build(
                "put-settings-back",
                Phase::Restore,
                "put time to live, stream, tags and point-in-time recovery back on the copy",
                settings::SETTINGS_LIMIT + MINUTE,
                act(s, settings::put_back),
            )
            .no_undo("only the copy is changed, and the undo of restore-table deletes it"),
        );
    }
    steps
}
