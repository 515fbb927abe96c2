//! The incident timeline as a drawing: phases as bands, a lane for each probe stream with its failures, the fault, and rows
//! of what happened.

use lifeboat_model::{DrillRecord, Phase};
use time::{Duration, OffsetDateTime};

use super::axis::{Axis, Px};
use super::moments::{ControlPlaneEvent, WATCHING};
use super::pixels::marks;
use super::rows::{Label, place};
use crate::words::{after, clock};

/// What is left of the lanes, for their names, and the width of the lanes.
const LEFT: f64 = 110.0;
const WIDTH: f64 = 850.0;
/// How much of a lane's height each lane takes.
const LANE: f64 = 24.0;
/// As `LANE`, for a row of labels.
const ROW: f64 = 17.0;

/// Seconds since the run's start, and what happened then.
pub type Moment = (f64, String);

/// A phase over the span of its steps.
pub struct Band {
    pub x: Px,
    pub width: Px,
    pub middle: Px,
    /// Empty where it has no room.
    pub label: &'static str,
    pub odd: bool,
}

/// A probe stream.
pub struct LaneRow {
    pub y: Px,
    pub name: &'static str,
    pub acknowledged: String,
    pub failed: String,
}

/// Rows of one kind of events.
pub struct EventRows {
    pub y: Px,
    pub name: &'static str,
    pub class: &'static str,
    pub labels: Vec<Label>,
}

/// A place on the axis.
pub struct Tick {
    pub x: Px,
    pub seconds: String,
    pub utc: String,
}

/// The drawing, in its own units.
pub struct Timeline {
    pub id: String,
    pub heading: String,
    pub description: String,
    pub width: Px,
    pub height: Px,
    pub left: Px,
    pub right: Px,
    pub bands: Vec<Band>,
    pub lanes: Vec<LaneRow>,
    pub events: Vec<EventRows>,
    pub fault: Option<Px>,
    /// Where the axis is.
    pub bottom: Px,
    pub seconds_y: Px,
    pub utc_y: Px,
    pub title_y: Px,
    pub ticks: Vec<Tick>,
    pub title: String,
}

/// The drawing of a drill from one moment to another, seconds since the run's start, which was at `zero`.
pub fn timeline(
    drill: &DrillRecord,
    (from_s, to_s): (f64, f64),
    fault_s: Option<f64>,
    zero: OffsetDateTime,
    id: String,
    heading: &str,
) -> Timeline {
    let axis = Axis::new(from_s, to_s, LEFT, WIDTH);
    let mut y = 34.0;
    let mut lanes = Vec::new();
    for lane in &drill.lanes {
        let drawn = marks(&lane.spans, &axis, y + LANE / 2.0);
        let name = lane.stream.name();
        lanes.push(LaneRow {
            y: Px(y + LANE / 2.0),
            name,
            acknowledged: drawn.acknowledged,
            failed: drawn.failed,
        });
        y += LANE;
    }
    let mut events = Vec::new();
    for (name, class, found) in happened(drill, &axis, zero) {
        if found.is_empty() {
            continue;
        }
        y += 6.0;
        let (labels, rows) = place(&found, &axis, y, ROW);
        events.push(EventRows { y: Px(y + ROW / 2.0), name, class, labels });
        y += ROW * rows as f64;
    }
    y += 8.0;
    let (ticks, title) = scale(&axis, zero);
    Timeline {
        id,
        heading: heading.into(),
        description: describe(drill, &axis, fault_s),
        width: Px(LEFT + WIDTH + 20.0),
        height: Px(y + 58.0),
        left: Px(LEFT),
        right: Px(axis.right()),
        bands: bands(drill, &axis),
        lanes,
        events,
        fault: fault_s.filter(|at| axis.holds(*at)).map(|at| Px(axis.x(at))),
        bottom: Px(y),
        seconds_y: Px(y + 18.0),
        utc_y: Px(y + 34.0),
        title_y: Px(y + 52.0),
        ticks,
        title,
    }
}

/// What happened, by kind: its row's name, its class, and the moments with their texts.
fn happened(
    drill: &DrillRecord,
    axis: &Axis,
    zero: OffsetDateTime,
) -> [(&'static str, &'static str, Vec<Moment>); 4] {
    let of = |wanted: &dyn Fn(&str) -> bool| -> Vec<Moment> {
        let found = drill.timeline.iter().filter(|entry| wanted(&entry.kind) && entry.text != WATCHING);
        found.map(|entry| (entry.at_s, entry.text.clone())).filter(|(at, _)| axis.holds(*at)).collect()
    };
    let mut told = of(&|kind| kind == "control-plane");
    told.extend(control_plane(drill, zero).into_iter().filter(|(at, _)| axis.holds(*at)));
    told.sort_by(|a, b| a.0.total_cmp(&b.0));
    [
        ("marks", "mark", of(&|kind| kind == "mark")),
        ("control plane", "control", told),
        ("undo", "undo", of(&|kind| kind == "undo")),
        ("other", "other", of(&|kind| !["mark", "control-plane", "undo", "step"].contains(&kind))),
    ]
}

/// What the control plane told of itself, with its moment by its own clock, as seconds since the run's start.
pub fn control_plane(drill: &DrillRecord, zero: OffsetDateTime) -> Vec<Moment> {
    let told: Vec<ControlPlaneEvent> = drill.observed("events").unwrap_or_default();
    told.into_iter().map(|event| ((event.at - zero).as_seconds_f64(), event.message)).collect()
}

/// Phases, each over its steps that follow one another.
fn bands(drill: &DrillRecord, axis: &Axis) -> Vec<Band> {
    let mut spans: Vec<(Phase, f64, f64)> = Vec::new();
    for step in &drill.steps {
        let end = step.end_s.unwrap_or(axis.to_s);
        match spans.last_mut() {
            Some((phase, _, until)) if *phase == step.phase => *until = until.max(end),
            _ => spans.push((step.phase, step.start_s, end)),
        }
    }
    let seen =
        spans.into_iter().enumerate().filter(|(_, (_, from, to))| *to > axis.from_s && *from < axis.to_s);
    seen.map(|(number, (phase, from, to))| {
        let (x, end) = (axis.x(from), axis.x(to));
        let label = phase.name();
        let fits = label.len() as f64 * 7.0 + 6.0 < end - x;
        Band {
            x: Px(x),
            width: Px((end - x).max(0.5)),
            middle: Px((x + end) / 2.0),
            label: if fits { label } else { "" },
            odd: number % 2 == 1,
        }
    })
    .collect()
}

/// The places on the axis, each with its seconds and its time of day, and what they count.
fn scale(axis: &Axis, zero: OffsetDateTime) -> (Vec<Tick>, String) {
    let (places, decimals) = axis.ticks(8);
    let ticks = places.into_iter().map(|at| {
        // To the millisecond, as it is written.
        let utc = after(zero, at).saturating_add(Duration::microseconds(500));
        Tick { x: Px(axis.x(at)), seconds: format!("{at:.decimals$} s"), utc: clock(utc) }
    });
    let title = format!("seconds since the run's start at {} UTC, and time of day (UTC)", clock(zero));
    (ticks.collect(), title)
}

/// The drawing in words, for who does not see it.
fn describe(drill: &DrillRecord, axis: &Axis, fault_s: Option<f64>) -> String {
    let mut text = format!("From {:.3} s to {:.3} s after the run's start.", axis.from_s, axis.to_s);
    if let Some(fault) = fault_s {
        text.push_str(&format!(" The fault is at {fault:.3} s."));
    }
    for lane in &drill.lanes {
        let failed = lane.spans.iter().filter(|span| !span.ok);
        let (count, first, last) = failed
            .fold((0, f64::INFINITY, f64::NEG_INFINITY), |(n, first, last), span| {
                (n + span.attempts, span.from_s.min(first), span.to_s.max(last))
            });
        text.push_str(&match count {
            0 => format!(" Stream {}: no failure.", lane.stream.name()),
            _ => format!(
                " Stream {}: {count} failed attempts between {first:.3} s and {last:.3} s.",
                lane.stream.name()
            ),
        });
    }
    text.push_str(" The tables below have all of it.");
    text
}
