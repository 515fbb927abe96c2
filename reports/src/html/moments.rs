//! The moments of a drill that its drawings are about: when it began and ended, the fault, and the end of the outage.

use lifeboat_model::{DrillRecord, Measured, Milestones};
use serde::Deserialize;
use time::OffsetDateTime;

/// The marks that drills set as they do their harm.
const FAULTS: [&str; 4] = ["fault-requested", "disaster-begun", "disaster-requested", "climb-started"];

/// A mark that says how far the watching went: it is no event.
pub const WATCHING: &str = "observed-until";

/// What the control plane told of itself, by its own clock.
#[derive(Deserialize)]
pub struct ControlPlaneEvent {
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    pub message: String,
}

/// Seconds since the run's start.
pub struct Moments {
    pub begin_s: f64,
    pub end_s: f64,
    pub fault_s: Option<f64>,
    /// From shortly before the fault until shortly after the recovery; absent without a fault.
    pub outage: Option<(f64, f64)>,
}

impl Moments {
    /// Those of a drill; absent where its record holds no time at all.
    pub fn of(drill: &DrillRecord) -> Option<Self> {
        let steps = drill.steps.iter().flat_map(|step| [Some(step.start_s), step.end_s]).flatten();
        let entries = drill.timeline.iter().map(|entry| entry.at_s);
        let spans = drill.lanes.iter().flat_map(|lane| &lane.spans).flat_map(|span| [span.from_s, span.to_s]);
        let (begin_s, end_s) = steps
            .chain(entries)
            .chain(spans)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), at| (least.min(at), most.max(at)));
        if begin_s > end_s {
            return None;
        }
        let fault_s = fault(drill);
        let outage = fault_s.map(|fault| {
            let back = recovered(drill, fault).clamp(fault, end_s.max(fault));
            let margin = ((back - fault) * 0.15).max(0.02);
            ((fault - margin).max(begin_s), (back + margin).min(end_s))
        });
        Some(Self { begin_s, end_s, fault_s, outage })
    }
}

/// When the fault was asked for.
pub fn fault(drill: &DrillRecord) -> Option<f64> {
    let marks = drill.timeline.iter().filter(|entry| entry.kind == "mark");
    marks.filter(|entry| FAULTS.contains(&entry.text.as_str())).map(|entry| entry.at_s).next()
}

/// By when all that recovered had: the last of what was measured and of the failures.
fn recovered(drill: &DrillRecord, fault: f64) -> f64 {
    let measured = match &drill.measurements.fault_to_recovery_s {
        Measured::Value(seconds) => Some(*seconds),
        Measured::Not { .. } => None,
    };
    let Milestones { first_connect_s, first_read_s, first_write_s, pinned_back_s, api_available_s, .. } =
        drill.measurements.milestones;
    let seen = [measured, first_connect_s, first_read_s, first_write_s, pinned_back_s, api_available_s];
    let failures = drill.lanes.iter().flat_map(|lane| &lane.spans).filter(|span| !span.ok);
    let failures = failures.map(|span| span.to_s).filter(|end| *end > fault);
    let last =
        seen.into_iter().flatten().map(|seconds| fault + seconds).chain(failures).fold(fault, f64::max);
    if last > fault {
        return last;
    }
    // Nothing came back: up to the last that was looked for.
    drill.timeline.iter().filter(|entry| entry.kind == "mark").map(|entry| entry.at_s).fold(fault, f64::max)
}
