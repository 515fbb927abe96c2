//! The recovery times of like runs against the objective, as a drawing: the runs in order of time, each with the interval in
//! which its recovery time lies.
//!
//! Runs stand side by side at one distance, whatever the time between them. Like are runs of the drill on the same target in the
//! same environment; a simulated one is never beside a real one.

use lifeboat_model::{HistoryDrill, HistoryLine, Verdict};
use time::macros::format_description;

use super::axis::{Axis, Px};
use crate::words::{self, at_most, interval, objective};

const LEFT: f64 = 90.0;
const WIDTH: f64 = 880.0;
const TOP: f64 = 24.0;
const HEIGHT: f64 = 190.0;
/// So many runs are drawn, the last ones, and so many of them have room for their dates.
const RUNS: usize = 24;
const DATES: usize = 12;
/// An objective so many times above all that was measured would leave no room for what was measured.
const FAR: f64 = 4.0;

/// One run of the drawing.
pub struct Point {
    pub x: Px,
    /// The interval, as the data of an SVG path; empty where nothing was measured.
    pub bar: String,
    /// The sign at its upper end.
    pub sign: String,
    pub class: &'static str,
    /// Empty where it has no room.
    pub date: String,
    pub time: String,
}

/// A place on the upright axis.
pub struct Tick {
    pub y: Px,
    pub text_y: Px,
    pub text: String,
}

/// The drawing, in its own units.
pub struct Trend {
    pub id: String,
    pub heading: String,
    pub width: Px,
    pub height: Px,
    pub left: Px,
    pub right: Px,
    pub top: Px,
    pub bottom: Px,
    pub date_y: Px,
    pub time_y: Px,
    pub title_y: Px,
    pub points: Vec<Point>,
    pub ticks: Vec<Tick>,
    /// Where the objective was, run by run; empty where it is not drawn.
    pub objective: String,
    /// What is said of it at its end, and where.
    pub objective_label: Option<(Px, String)>,
    pub title: String,
    pub note: Option<String>,
}

/// What a run is in the drawing.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    pub line: &'a HistoryLine,
    pub drill: &'a HistoryDrill,
}

/// The trend of these runs, the oldest first and this one last; absent where there is no other or none was measured.
pub fn trend(runs: &[Run<'_>], id: String) -> Option<Trend> {
    let shown = &runs[runs.len().saturating_sub(RUNS)..];
    let last = shown.last()?;
    let ends = shown.iter().filter_map(|run| run.drill.rto).map(|rto| rto.upper_s.unwrap_or(rto.lower_s));
    // A year: beyond it lies nothing that is a recovery.
    let highest = ends.fold(0.0, f64::max).min(31_536_000.0);
    if shown.len() < 2 || highest <= 0.0 {
        return None;
    }
    let drawn = |run: &Run<'_>| run.drill.rto_objective_s.filter(|seconds| *seconds <= FAR * highest);
    let top = shown.iter().filter_map(drawn).fold(highest, f64::max);
    let upright = Axis::new(0.0, 1.08 * top, 0.0, HEIGHT);
    let bottom = TOP + HEIGHT;
    let y = |seconds: f64| bottom - upright.x(seconds);
    let room = WIDTH / shown.len() as f64;
    let every = shown.len().div_ceil(DATES);
    let mut objective_path = String::new();
    let mut points = Vec::new();
    for (place, run) in shown.iter().enumerate() {
        let (left, middle) = (LEFT + place as f64 * room, LEFT + (place as f64 + 0.5) * room);
        if let Some(seconds) = drawn(run) {
            objective_path.push_str(&format!("M{} {}h{}", Px(left), Px(y(seconds)), Px(room)));
        }
        let dated = (shown.len() - 1 - place).is_multiple_of(every);
        points.push(point(run, middle, &y, dated));
    }
    let (places, decimals) = upright.ticks(6);
    let ticks = places.into_iter().map(|at| Tick {
        y: Px(y(at)),
        text_y: Px(y(at) + 4.0),
        text: if at < 1e5 { format!("{at:.decimals$} s") } else { words::duration(at) },
    });
    let simulated = if last.line.simulated { "simulated runs" } else { "real runs" };
    let heading = format!("RTO of the last {} {simulated}", shown.len());
    let label =
        drawn(last).map(|seconds| (Px(y(seconds) - 5.0), format!("objective {}", objective(Some(seconds)))));
    let note = last.drill.rto_objective_s.filter(|_| label.is_none()).map(|seconds| {
        format!("The objective of this run, {}, is far above what is drawn.", objective(Some(seconds)))
    });
    Some(Trend {
        id,
        width: Px(LEFT + WIDTH + 20.0),
        height: Px(bottom + 58.0),
        left: Px(LEFT),
        right: Px(LEFT + WIDTH),
        top: Px(TOP),
        bottom: Px(bottom),
        date_y: Px(bottom + 18.0),
        time_y: Px(bottom + 32.0),
        title_y: Px(bottom + 52.0),
        points,
        ticks: ticks.collect(),
        objective: objective_path,
        objective_label: label,
        title: "runs in order of time, at their beginning in UTC; upright the RTO in seconds".into(),
        note,
        heading,
    })
}

fn point(run: &Run<'_>, x: f64, y: &dyn Fn(f64) -> f64, dated: bool) -> Point {
    let at = words::utc(run.line.started_at);
    let text = |shown: Result<String, _>| shown.ok().filter(|_| dated).unwrap_or_default();
    let (mut bar, end) = match run.drill.rto {
        Some(rto) => {
            let (from, to) = (y(rto.lower_s), y(rto.upper_s.unwrap_or(rto.lower_s)));
            let height = (from - to).max(1.5);
            (format!("M{} {}h6v{}h-6z", Px(x - 3.0), Px(to), Px(height)), to)
        }
        // Never where zero is.
        None => (String::new(), TOP - 10.0),
    };
    if run.drill.rto.is_some_and(|rto| rto.upper_s.is_none()) {
        // No end was seen: an arrow to the top.
        bar = format!("M{} {}h2V{}h4l-5 -9l-5 9h4z", Px(x - 1.0), Px(end), Px(TOP + 9.0));
    }
    let (class, sign) = match run.drill.verdict {
        Verdict::Passed => ("up", format!("M{} {}a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z", Px(x - 5.0), Px(end))),
        Verdict::Failed | Verdict::Errored => {
            ("down", format!("M{} {}l6 6l-6 6l-6 -6z", Px(x), Px(end - 6.0)))
        }
        _ => ("doubtful", format!("M{} {}h9v9h-9z", Px(x - 4.5), Px(end - 4.5))),
    };
    Point {
        x: Px(x),
        bar,
        sign,
        class,
        date: text(at.format(format_description!("[year]-[month]-[day]"))),
        time: text(at.format(format_description!("[hour]:[minute]"))),
    }
}

/// The recovery time as the history has it.
pub fn rto(drill: &HistoryDrill) -> String {
    drill.rto.map_or("not measured".into(), |rto| interval(rto.lower_s, rto.upper_s))
}

/// What was lost, as the history has it.
pub fn loss(drill: &HistoryDrill) -> String {
    match (drill.lost_writes, drill.rpo) {
        (Some(0), _) => "no acknowledged write lost".into(),
        (Some(lost), Some(rpo)) => {
            format!("{lost} acknowledged writes lost, {}", interval(rpo.lower_s, rpo.upper_s))
        }
        (Some(lost), None) => format!("{lost} acknowledged writes lost"),
        (None, Some(rpo)) => rpo.upper_s.map_or_else(|| interval(rpo.lower_s, None), at_most),
        (None, None) => "not measured".into(),
    }
}
