//! A history for a terminal.

use std::fmt::Write as _;

use lifeboat_model::Verdict;
use time::macros::format_description;

use super::series::{Change, Series, quantile};
use crate::clean_line;
use crate::words::{at_most, duration, interval, utc};

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// What is said of like runs, and whether the last one is slower than is allowed.
pub fn history_text(series: &Series<'_>, most: usize, allowed: Option<f64>) -> (String, bool) {
    let shown = series.tail(most);
    let (last_line, last) = shown.runs[shown.runs.len() - 1];
    let passed = shown.runs.iter().filter(|(_, drill)| drill.verdict == Verdict::Passed).count();
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{} ({} on {}, {}{})",
        clean_line(&last.name),
        clean_line(&last.scenario),
        clean_line(&last.target),
        clean_line(series.environment),
        if series.simulated { ", simulated" } else { "" }
    );
    let runs = if shown.runs.len() == 1 { "run" } else { "runs" };
    let flaky = if shown.is_flaky() { ", flaky: it came out now so, now so" } else { "" };
    let _ = writeln!(text, "  {} {runs}, {passed} passed{flaky}", shown.runs.len());
    let times = shown.recovery_times();
    if let (Some(median), Some(p95), Some(most)) =
        (quantile(&times, 0.5), quantile(&times, 0.95), quantile(&times, 1.0))
    {
        let objective = last.rto_objective_s.map(|s| format!(", objective {s} s")).unwrap_or_default();
        let _ = writeln!(
            text,
            "  RTO   median {}, 95 % {}, longest {}{objective}  {}",
            shown_s(median),
            shown_s(p95),
            shown_s(most),
            bars(&times)
        );
    }
    let form = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    let when = utc(last_line.started_at).format(form).unwrap_or_default();
    let span = last.rto.map(|rto| format!(", RTO {}", interval(rto.lower_s, rto.upper_s)));
    let _ = writeln!(
        text,
        "  last  {when}, {}{} ({})",
        last.verdict.name(),
        span.unwrap_or_default(),
        clean_line(&last_line.run_id)
    );
    let Some(allowed) = allowed else { return (text, false) };
    let change = series.change(most, allowed);
    let percent = allowed * 100.0;
    let _ = match &change {
        Change::Slower { median_s, lower_s } => writeln!(
            text,
            "  ! slower: at least {}, and {percent} % above the median of those before, {}, is allowed",
            duration(*lower_s),
            shown_s(*median_s)
        ),
        Change::Within { median_s } => {
            writeln!(
                text,
                "  not slower than {percent} % above the median of those before, {}",
                shown_s(*median_s)
            )
        }
        Change::CannotTell(why) => writeln!(text, "  slower or not cannot be told: {why}"),
    };
    (text, matches!(change, Change::Slower { .. }))
}

/// An upper end, or that there is none.
fn shown_s(seconds: f64) -> String {
    if seconds.is_finite() { at_most(seconds) } else { "without an end".into() }
}

/// One mark a value, as high as it is against the greatest that has an end.
fn bars(values: &[f64]) -> String {
    let most = values.iter().copied().filter(|value| value.is_finite()).fold(0.0, f64::max);
    let mark = |value: &f64| {
        let share = if most > 0.0 { (value / most).clamp(0.0, 1.0) } else { 0.0 };
        BARS[(share * (BARS.len() - 1) as f64).round() as usize]
    };
    values.iter().map(mark).collect()
}
