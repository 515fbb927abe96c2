//! The drills of the matrix, each with the options that make it do all that it can.

use crate::support::{
    BACKED_UP_SEED, ORDERS_SEED, PLAIN_SEED, dynamodb_plan, exhaustion_plan, failover_plan, restore_plan,
};

/// What a sandbox is seeded with. Drills of one ground can share a sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ground {
    /// A Multi-AZ instance.
    MultiAz,
    /// An instance with automated backups.
    BackedUp,
    /// A server without a control plane.
    Plain,
    /// DynamoDB tables and no server.
    Tables,
}

impl Ground {
    pub fn seed(self) -> &'static str {
        match self {
            Self::MultiAz => ORDERS_SEED,
            Self::BackedUp => BACKED_UP_SEED,
            Self::Plain => PLAIN_SEED,
            Self::Tables => "",
        }
    }
}

/// A drill with its options.
#[derive(Debug)]
pub struct Set {
    pub name: &'static str,
    pub ground: Ground,
    pub plan: String,
    /// The steps at whose beginning a run is killed for an undo with as much to do as there can be, beside the moment
    /// before the run's own first undo: steps that take back themselves what others did.
    pub stops: &'static [&'static str],
    /// Whether the plan asks for the copy to stay.
    pub keeps: bool,
}

/// All of them, the longest first.
pub fn all() -> Vec<Set> {
    let set = |name, ground, plan| Set { name, ground, plan, stops: &[], keeps: false };
    let promoted = restore_plan("rds-pitr", "promote = true\nwrites_stopped = true\nkeep = true");
    vec![
        Set { stops: &["swap-back"], keeps: true, ..set("rds-pitr-promoted", Ground::BackedUp, promoted) },
        set("rds-pitr", Ground::BackedUp, restore_plan("rds-pitr", "")),
        set("rds-snapshot-latest", Ground::BackedUp, restore_plan("rds-snapshot-restore", "")),
        set(
            "rds-snapshot-fresh",
            Ground::BackedUp,
            restore_plan("rds-snapshot-restore", "snapshot = \"fresh\""),
        ),
        set("rds-failover", Ground::MultiAz, failover_plan("stable_for = '500ms'")),
        set("connection-exhaustion", Ground::Plain, exhaustion_plan("hold = '500ms'\nstable_for = '500ms'")),
        set(
            "dynamodb-pitr",
            Ground::Tables,
            dynamodb_plan(
                "dynamodb-pitr",
                "allow_streams = true\nput_back = true\nwrites_stopped = true\nrto = '120s'",
            ),
        ),
        set(
            "dynamodb-backup",
            Ground::Tables,
            dynamodb_plan("dynamodb-backup-restore", "canary_table = true\nrto = '120s'"),
        ),
        set(
            "dynamodb-indexes",
            Ground::Tables,
            dynamodb_plan(
                "dynamodb-indexes",
                "indexes = [{ name = 'by-status', partition_key = 'status', sort_key = 'created_at' }]",
            ),
        ),
    ]
}

/// The drills of the catalogue that are in no set.
pub fn missing(sets: &[Set]) -> Vec<&'static str> {
    let in_a_set = |name: &str| sets.iter().any(|set| set.plan.contains(&format!("scenario = \"{name}\"")));
    lifeboat_drills::catalogue().iter().map(|drill| drill.name()).filter(|name| !in_a_set(name)).collect()
}
