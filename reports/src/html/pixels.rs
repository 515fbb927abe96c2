//! A lane's runs of attempts, brought down to what a drawing can show.
//!
//! A column of the drawing in which any attempt failed shows a failure, however many were acknowledged in it, so that no edge
//! of an outage is lost; how many there were is not to be seen, and the table under the drawing says it.

use std::fmt::Write as _;

use lifeboat_model::LaneSpan;

use super::axis::{Axis, Px};

/// Columns in a drawing: half of its units are as fine as a screen shows.
const COLUMNS: usize = 1_700;

/// What is drawn of a lane: the data of two SVG paths.
pub struct Marks {
    pub acknowledged: String,
    pub failed: String,
}

/// The marks of a lane whose middle is at `y`. It takes as long as there are spans, whatever they cover.
pub fn marks(spans: &[LaneSpan], axis: &Axis, y: f64) -> Marks {
    let (mut acknowledged, mut failed) = (Cover::default(), Cover::default());
    for span in spans.iter().filter(|span| span.to_s >= axis.from_s && span.from_s <= axis.to_s) {
        let cover = if span.ok { &mut acknowledged } else { &mut failed };
        cover.add(axis.part(span.from_s), axis.part(span.to_s));
    }
    Marks { acknowledged: acknowledged.path(axis, y - 2.0, 4.0), failed: failed.path(axis, y - 8.0, 16.0) }
}

/// How many spans begin and end in each column.
struct Cover(Vec<i64>);

impl Default for Cover {
    fn default() -> Self {
        Self(vec![0; COLUMNS + 1])
    }
}

impl Cover {
    fn add(&mut self, from: f64, to: f64) {
        let column = |part: f64| ((part * COLUMNS as f64) as usize).min(COLUMNS - 1);
        let (first, last) = (column(from), column(to).max(column(from)));
        self.0[first] += 1;
        self.0[last + 1] -= 1;
    }

    /// One rectangle for every row of columns that are covered.
    fn path(&self, axis: &Axis, top: f64, height: f64) -> String {
        let unit = axis.width / COLUMNS as f64;
        let mut path = String::new();
        let (mut open, mut covered) = (None, 0);
        for (column, change) in self.0.iter().enumerate() {
            covered += change;
            match (open, covered > 0) {
                (None, true) => open = Some(column),
                (Some(first), false) => {
                    let (x, width) = (axis.left + first as f64 * unit, (column - first) as f64 * unit);
                    // Nothing is thinner than what can be seen.
                    let (x, width, height) = (Px(x), Px(width.max(1.0)), Px(height));
                    let _ = write!(path, "M{x} {}h{width}v{height}h-{width}z", Px(top));
                    open = None;
                }
                _ => {}
            }
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(ok: bool, from_s: f64, to_s: f64) -> LaneSpan {
        LaneSpan { ok, from_s, to_s, attempts: 1, slowest_ms: 0.1, error: None, last_error: None }
    }

    #[test]
    fn one_failure_among_a_million_is_to_be_seen() {
        let axis = Axis::new(0.0, 1_000.0, 100.0, 850.0);
        let mut spans = vec![span(true, 0.0, 500.0), span(true, 500.001, 1_000.0)];
        let without = marks(&spans, &axis, 20.0);
        assert_eq!((without.acknowledged.matches('M').count(), without.failed.as_str()), (1, ""));
        spans.insert(1, span(false, 500.0, 500.000_1));
        let with = marks(&spans, &axis, 20.0);
        assert_eq!(with.failed, "M525 12h1v16h-1z");
    }

    #[test]
    fn a_lane_is_short_whatever_it_holds() {
        let axis = Axis::new(0.0, 1_000.0, 100.0, 850.0);
        let at = |n: usize| n as f64 / 100.0;
        let spans: Vec<LaneSpan> = (0..100_000).map(|n| span(n % 2 == 0, at(n), at(n) + 0.005)).collect();
        let seen = marks(&spans, &axis, 20.0);
        assert!(seen.failed.matches('M').count() <= COLUMNS / 2 && seen.failed.len() < 30_000);
        // Spans that all cover everything, as no run makes them, take no longer.
        let spans: Vec<LaneSpan> = (0..100_000).map(|_| span(false, -1.0, 1e9)).collect();
        assert_eq!(marks(&spans, &axis, 20.0).failed, "M100 12h850v16h-850z");
    }
}
