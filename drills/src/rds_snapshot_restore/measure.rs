//! What this drill's record measures beyond every restore: the snapshot's age.

use lifeboat_model::{DrillFacts, Figure, Measured, Measurements, Rpo};
use lifeboat_targets::rds::SnapshotView;

use crate::restore::canaries::DisasterTime;
use crate::restore::measure::{self as of_restore, Sampled, window};

/// All figures of the drill.
pub fn measure(facts: &DrillFacts) -> Measurements {
    let mut measured = of_restore::measure(facts, rpo(facts));
    if let Some(snapshot) = facts.observed::<SnapshotView>("snapshot") {
        measured.figures.insert(0, Figure::new("restored from", snapshot.identifier, ""));
    }
    measured
}

fn rpo(facts: &DrillFacts) -> Measured<Rpo> {
    let Some(disaster) = facts.observed::<DisasterTime>("disaster") else {
        return Measured::not("the drill ended before the disaster");
    };
    if facts.observed("snapshot-is-fresh") == Some(true) {
        return Measured::not("the snapshot was made by the drill itself, so its age says nothing");
    }
    match facts.observed::<SnapshotView>("snapshot").and_then(|snapshot| snapshot.taken) {
        Some(taken) => {
            let held = Sampled { before: taken, after: taken };
            Measured::Value(window(&disaster, &held, "the snapshot was so old at the disaster"))
        }
        None => Measured::not("no snapshot was found"),
    }
}
