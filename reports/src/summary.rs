//! The one-screen summary for a terminal, without colours of its own.

use std::fmt::Write as _;

use lifeboat_model::{DrillRecord, Judgement, Measured, Restoration, Rpo, RunRecord, Verdict};

use crate::clean_line;
use crate::words::{interval, unsent};

/// The summary of a record, line by line.
pub fn summary(record: &RunRecord) -> String {
    let mut text = String::new();
    for drill in &record.drills {
        drill_lines(&mut text, drill);
    }
    let environment = &record.environment;
    let simulated = if environment.simulated { ", simulated: no evidence about a real system" } else { "" };
    let runtime =
        environment.runtime.as_ref().map(|runtime| format!(", {}", clean_line(runtime))).unwrap_or_default();
    let _ = writeln!(
        text,
        "{} {} on {} ({}{runtime}{simulated}) in {:.1} s",
        mark(record.verdict == Verdict::Passed && record.restoration == Restoration::Clean),
        record.verdict.name().to_uppercase(),
        clean_line(&environment.name),
        clean_line(&environment.provider),
        record.duration_s
    );
    if let Some(stop) = &record.stopped_by {
        let (condition, why) = (clean_line(&stop.condition), clean_line(&stop.why));
        let _ = writeln!(text, "  stop condition `{condition}` tripped at {:.1} s: {why}", stop.at_s);
    }
    for step in &record.clock_steps {
        // Sleep looks like a clock that is set forward, and the clock of the figures stands still in it.
        let (way, perhaps) = match step.by_s < 0.0 {
            true => ("back", ""),
            false => ("forward", ", or the machine slept: what was measured over it is too short then"),
        };
        let (by, at) = (step.by_s.abs(), step.at_s);
        let _ =
            writeln!(text, "  the wall clock was set {way} by {by:.1} s by {at:.1} s into the run{perhaps}");
    }
    for line in unsent(record) {
        let _ = writeln!(text, "  {}", clean_line(&line));
    }
    if record.restoration == Restoration::Residue {
        let _ = writeln!(
            text,
            "  something was left behind; `lifeboat undo` on the run's folder finishes the clean-up"
        );
    }
    text
}

fn drill_lines(text: &mut String, drill: &DrillRecord) {
    let good = drill.verdict == Verdict::Passed && drill.restoration == Restoration::Clean;
    let _ = writeln!(
        text,
        "{} {} ({}): {}",
        mark(good),
        clean_line(&drill.name),
        clean_line(&drill.scenario),
        drill.verdict.name()
    );
    if !good {
        let _ = writeln!(text, "    {}", clean_line(&drill.reason));
    }
    let objective = |value: Option<f64>| {
        value.map_or_else(|| "no objective".into(), |seconds| format!("objective {seconds} s"))
    };
    match &drill.measurements.rto {
        Measured::Value(rto) => {
            let _ = writeln!(
                text,
                "    RTO  {}, {}, probed every {:.0} ms",
                interval(rto.lower_s, rto.upper_s),
                objective(drill.objectives.rto_s),
                rto.probe_interval_s * 1e3
            );
        }
        Measured::Not { not_measured } => {
            let _ = writeln!(text, "    RTO  not measured: {}", clean_line(not_measured));
        }
    }
    match &drill.measurements.rpo {
        Measured::Value(Rpo::Window(window)) => {
            let _ = writeln!(
                text,
                "    RPO  {}, {}: {}",
                interval(window.lower_s, Some(window.upper_s)),
                objective(drill.objectives.rpo_s),
                clean_line(&window.definition)
            );
        }
        Measured::Value(Rpo::Writes(rpo)) => {
            let _ = writeln!(
                text,
                "    RPO  {} of {} acknowledged writes lost, {}",
                rpo.lost,
                rpo.acknowledged,
                objective(drill.objectives.rpo_s)
            );
        }
        Measured::Not { not_measured } => {
            let _ = writeln!(text, "    RPO  not measured: {}", clean_line(not_measured));
        }
    }
    // Refusals are counted by text there, and a check below lists them.
    for figure in drill.measurements.figures.iter().filter(|figure| !figure.name.starts_with("refusal: ")) {
        let value = match &figure.value {
            Measured::Value(serde_json::Value::String(text)) => clean_line(text),
            Measured::Value(value) => clean_line(&format!("{value} {}", figure.unit)),
            Measured::Not { not_measured } => format!("not measured: {}", clean_line(not_measured)),
        };
        let _ = writeln!(text, "    · {}: {}", clean_line(&figure.name), value.trim_end());
    }
    for check in drill.checks.iter().filter(|check| check.name != "rto" && check.name != "rpo") {
        let sign = match check.outcome {
            Judgement::Passed => "+",
            Judgement::Unasked => " ",
            Judgement::Failed | Judgement::Invalid | Judgement::Inconclusive => "!",
        };
        let _ = writeln!(text, "    {sign} {}: {}", clean_line(&check.name), clean_line(&check.message));
    }
    if let Some(word) = drill.observed::<String>("lock-taken-over") {
        let _ = writeln!(text, "    · lock: {}", clean_line(&word));
    }
    for left in &drill.residue {
        let _ = writeln!(text, "    ! {}", clean_line(left));
    }
    text.push('\n');
}

fn mark(good: bool) -> &'static str {
    if good { "✓" } else { "✗" }
}
