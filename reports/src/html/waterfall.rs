//! The breakdown of a recovery time: what was seen when, each part from the one before it.

use lifeboat_model::DrillRecord;

use super::axis::{Axis, Px};
use super::moments::{WATCHING, fault};
use super::table::{Cell, Table};
use crate::words::duration;

const LEFT: f64 = 220.0;
const WIDTH: f64 = 640.0;
const ROW: f64 = 24.0;

/// A part of the time.
pub struct Bar {
    pub y: Px,
    pub text_y: Px,
    pub name: String,
    pub x: Px,
    pub width: Px,
    pub label_x: Px,
    pub anchor: &'static str,
    pub label: String,
}

/// A place on the axis.
pub struct Tick {
    pub x: Px,
    pub text: String,
}

/// The drawing, in its own units.
pub struct Waterfall {
    pub id: String,
    pub width: Px,
    pub height: Px,
    pub left: Px,
    pub bottom: Px,
    pub tick_y: Px,
    pub title_y: Px,
    pub bars: Vec<Bar>,
    pub ticks: Vec<Tick>,
    pub table: Table,
}

/// What was seen, in the order of time, seconds after the fault call.
fn parts(drill: &DrillRecord) -> Vec<(String, f64)> {
    let seen = &drill.measurements.milestones;
    let milestones = [
        ("first error", seen.first_error_s),
        ("name resolves to another address", seen.dns_change_s),
        ("first fresh connection", seen.first_connect_s),
        ("first read", seen.first_read_s),
        ("first write", seen.first_write_s),
        ("held connection is back", seen.pinned_back_s),
        ("application is back", seen.application_back_s),
        ("control plane says available", seen.api_available_s),
    ];
    let mut parts: Vec<(String, f64)> =
        milestones.into_iter().filter_map(|(name, at)| Some((name.to_owned(), at?))).collect();
    if parts.is_empty()
        && let Some(fault) = fault(drill)
    {
        let marks = drill.timeline.iter().filter(|entry| entry.kind == "mark" && entry.text != WATCHING);
        let marks = marks.filter(|entry| entry.at_s > fault).take(30);
        parts = marks.map(|entry| (entry.text.clone(), entry.at_s - fault)).collect();
    }
    parts.sort_by(|a, b| a.1.total_cmp(&b.1));
    parts
}

/// The breakdown of a drill's recovery; absent where nothing was seen.
pub fn waterfall(drill: &DrillRecord, id: String) -> Option<Waterfall> {
    let parts = parts(drill);
    let longest = parts.last()?.1;
    let axis = Axis::new(0.0, longest, LEFT, WIDTH);
    let mut before = 0.0;
    let (mut bars, mut rows) = (Vec::new(), Vec::new());
    for (number, (name, at)) in parts.into_iter().enumerate() {
        let (y, from, to) = (6.0 + ROW * number as f64, axis.x(before), axis.x(at));
        let label = format!("{} (+{})", duration(at), duration(at - before));
        let room = label.chars().count() as f64 * 6.7 + 8.0;
        let inside = to + room > LEFT + WIDTH + 110.0;
        rows.push(vec![
            Cell::text(name.clone()),
            Cell::number(format!("{at:.6}")),
            Cell::number(format!("{:.6}", at - before)),
        ]);
        bars.push(Bar {
            y: Px(y),
            text_y: Px(y + 13.0),
            name: shortened(&name),
            x: Px(from),
            width: Px((to - from).max(1.5)),
            label_x: Px(if inside { from - 6.0 } else { to + 6.0 }),
            anchor: if inside { "end" } else { "start" },
            label,
        });
        before = at;
    }
    let bottom = 10.0 + ROW * bars.len() as f64;
    let (places, decimals) = axis.ticks(6);
    let ticks = places.into_iter().map(|at| Tick { x: Px(axis.x(at)), text: format!("{at:.decimals$} s") });
    let head = ["What was seen", "Seconds after the fault call", "Seconds after the one before"];
    Some(Waterfall {
        id,
        width: Px(LEFT + WIDTH + 110.0),
        height: Px(bottom + 44.0),
        left: Px(LEFT),
        bottom: Px(bottom),
        tick_y: Px(bottom + 18.0),
        title_y: Px(bottom + 36.0),
        bars,
        ticks: ticks.collect(),
        table: Table::new("Parts of the recovery", &head, rows),
    })
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= 32 { name.to_owned() } else { name.chars().take(31).chain(['…']).collect() }
}
