//! A badge for a README or a dashboard: the verdict, and the recovery time of the run's slowest drill.

use askama::Template;
use lifeboat_model::{Measured, RunRecord, Verdict};

use crate::words::{self, SIMULATED};

/// White text on each has a contrast of 4.5:1 or more.
const COLOURS: [(&str, &str); 4] =
    [("good", "#1a6b30"), ("bad", "#a5231b"), ("doubt", "#7a4b00"), ("idle", "#4d5763")];

const LABEL_WIDTH: usize = 62;

#[derive(Template)]
#[template(path = "badge.svg")]
struct Badge {
    width: usize,
    label_width: usize,
    colour: &'static str,
    words: String,
    title: String,
}

/// The badge of a record, as SVG.
///
/// # Errors
/// If the template cannot be filled, which no record causes.
pub fn badge(record: &RunRecord) -> Result<String, String> {
    let status = words::of_drill(record.verdict, record.restoration);
    let rto = |drill: &lifeboat_model::DrillRecord| match &drill.measurements.rto {
        Measured::Value(rto) => Some(rto.upper_s.unwrap_or(f64::INFINITY)),
        Measured::Not { .. } => None,
    };
    // Of a run that did not pass, the worst of the others' would look like that of the drill that failed.
    let passed = record.drills.iter().filter(|_| record.verdict == Verdict::Passed);
    let worst = passed.filter_map(rto).max_by(f64::total_cmp);
    let worst = worst.map(|upper| match upper.is_finite() {
        true => format!(", RTO ≤ {}", words::at_most(upper)),
        false => ", no recovery seen".to_owned(),
    });
    let worst = worst.unwrap_or_default();
    let simulated = if record.environment.simulated { ", simulated" } else { "" };
    let words = format!("{}{worst}{simulated}", status.word);
    let aside = if record.environment.simulated { format!(" ({SIMULATED})") } else { String::new() };
    let title = format!("Lifeboat recovery drills: {}{worst}{aside}", status.word);
    let colour =
        COLOURS.iter().find(|(tone, _)| *tone == status.tone).map_or("#4d5763", |(_, colour)| colour);
    let width = LABEL_WIDTH + words.chars().count() * 13 / 2 + 14;
    let badge = Badge { width, label_width: LABEL_WIDTH, colour, words, title };
    badge.render().map_err(|error| error.to_string())
}
