//! The words of the reports: what a verdict is called, how seconds and times of day are written, and the sentence that says
//! what a run came to.

use askama::Template;
use lifeboat_model::{
    DrillRecord, Judgement, Measured, Restoration, Rpo, RunRecord, StepEnd, UndoEnd, Verdict,
};
use time::macros::{datetime, format_description};
use time::{Duration, OffsetDateTime};

/// What a simulated run says of itself, wherever it says anything.
pub const SIMULATED: &str = "simulated: no evidence about a real system";

/// How something is shown: a word, never a colour alone. As HTML, with its icon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Template)]
#[template(path = "status.html")]
pub struct Status {
    /// `good`, `bad`, `doubt` or `idle`: which icon and which colour.
    pub tone: &'static str,
    /// The word.
    pub word: &'static str,
}

impl Status {
    /// The icon as a character, for where no picture can be.
    pub fn sign(self) -> &'static str {
        match self.tone {
            "good" => "✓",
            "bad" => "✗",
            "doubt" => "?",
            _ => "–",
        }
    }
}

/// How a verdict is shown.
pub fn of_verdict(verdict: Verdict) -> Status {
    let tone = match verdict {
        Verdict::Passed => "good",
        Verdict::Failed | Verdict::Errored => "bad",
        Verdict::Invalid | Verdict::Inconclusive | Verdict::Aborted => "doubt",
        Verdict::Skipped => "idle",
    };
    Status { tone, word: verdict.name() }
}

/// How a drill is shown: one that passed and left something behind is not green.
pub fn of_drill(verdict: Verdict, restoration: Restoration) -> Status {
    match (verdict, restoration) {
        (Verdict::Passed, Restoration::Residue) => Status { tone: "bad", word: "passed, with residue" },
        (Verdict::Skipped, Restoration::Residue) => Status { tone: "bad", word: "skipped, with residue" },
        _ => of_verdict(verdict),
    }
}

/// How a check's answer is shown.
pub fn of_judgement(judgement: Judgement) -> Status {
    match judgement {
        Judgement::Passed => Status { tone: "good", word: "met" },
        Judgement::Failed => Status { tone: "bad", word: "missed" },
        Judgement::Invalid => Status { tone: "doubt", word: "not proved" },
        Judgement::Inconclusive => Status { tone: "doubt", word: "cannot tell" },
        Judgement::Unasked => Status { tone: "idle", word: "not asked" },
    }
}

/// How a step's end is shown.
pub fn of_step(outcome: Option<StepEnd>) -> Status {
    match outcome {
        Some(StepEnd::Done) => Status { tone: "good", word: "done" },
        Some(StepEnd::Failed) => Status { tone: "bad", word: "failed" },
        Some(StepEnd::Indeterminate) => Status { tone: "doubt", word: "indeterminate" },
        Some(StepEnd::Unmet) => Status { tone: "idle", word: "precondition unmet" },
        Some(StepEnd::Unsupported) => Status { tone: "idle", word: "unsupported" },
        None => Status { tone: "doubt", word: "never ended" },
    }
}

/// How an undo's end is shown.
pub fn of_undo(outcome: Option<UndoEnd>) -> Status {
    match outcome {
        Some(UndoEnd::Undone) => Status { tone: "good", word: "undone" },
        Some(UndoEnd::NotNeeded) => Status { tone: "good", word: "not needed" },
        Some(UndoEnd::Failed) => Status { tone: "bad", word: "failed" },
        None => Status { tone: "bad", word: "not run" },
    }
}

/// What the run came to, as a sentence for somebody who knows nothing of it.
pub fn sentence(record: &RunRecord) -> String {
    let all = record.drills.len();
    let of = |verdict: Verdict| -> Vec<&str> {
        let found = record.drills.iter().filter(|drill| drill.verdict == verdict);
        found.map(|drill| drill.name.as_str()).collect()
    };
    let some = of(record.verdict);
    let which = match some.as_slice() {
        [only] if all == 1 => format!("The drill {only}"),
        _ => format!("{} of {all} drills ({})", some.len(), some.join(", ")),
    };
    let mut text = match record.verdict {
        _ if all == 0 => "No drill was run.".to_owned(),
        Verdict::Passed if some.len() == all && all == 1 => {
            "The drill met its objectives and every check.".to_owned()
        }
        Verdict::Passed if some.len() == all => {
            format!("All {all} drills met their objectives and every check.")
        }
        Verdict::Passed => format!("{which} met their objectives and every check; the rest were skipped."),
        Verdict::Failed => format!("{which} missed an objective or a check."),
        Verdict::Errored if !record.complete => {
            "The run did not come to its end, so it proves nothing.".to_owned()
        }
        Verdict::Errored => format!("{which} could not run."),
        Verdict::Aborted if some.is_empty() => "The run was interrupted.".to_owned(),
        Verdict::Aborted => format!("{which} ended early, so nothing is known of the recovery."),
        Verdict::Invalid => {
            format!("{which} did not prove that the fault happened or that the recovery is real.")
        }
        Verdict::Inconclusive => format!("{which} could not tell whether the recovery is what it should be."),
        Verdict::Skipped => {
            "Every drill was skipped: a precondition was not met, and nothing was tested.".to_owned()
        }
    };
    match record.restoration {
        Restoration::Residue => {
            text.push_str(" Something was left behind, and somebody has to take it away.")
        }
        Restoration::Clean if record.drills.iter().any(|drill| !drill.undos.is_empty()) => {
            text.push_str(" Everything was put back.");
        }
        Restoration::Clean => {}
    }
    text
}

/// What is remarkable about the run beside its verdict, line by line.
pub fn remarks(record: &RunRecord) -> Vec<String> {
    let mut lines = Vec::new();
    if !record.complete {
        let text = "the run was killed, or its last lines could not be written: what it says of its end proves nothing";
        lines.push(text.to_owned());
    }
    if let Some(by) = &record.interrupted_by {
        lines.push(format!("{by} interrupted the run"));
    }
    if let Some(stop) = &record.stopped_by {
        let at = duration(stop.at_s);
        lines.push(format!("stop condition `{}` tripped at {at}: {}", stop.condition, stop.why));
    }
    lines.extend(unsent(record));
    for step in &record.clock_steps {
        let (way, perhaps) = match step.by_s < 0.0 {
            true => ("back", ""),
            false => ("forward", ", or the machine slept: what was measured over it is too short then"),
        };
        let (by, at) = (duration(step.by_s.abs()), duration(step.at_s));
        lines.push(format!("the wall clock was set {way} by {by} by {at} into the run{perhaps}"));
    }
    lines
}

/// The notices that were not sent, a line for each.
pub fn unsent(record: &RunRecord) -> impl Iterator<Item = String> {
    record.notices.iter().filter_map(|notice| {
        let error = notice.error.as_ref()?;
        Some(format!("the notice `{}` ({}) was not sent: {error}", notice.name, notice.kind))
    })
}

/// Seconds as people read them: as many digits as say something.
pub fn duration(seconds: f64) -> String {
    let (sign, size) = if seconds < 0.0 { ("−", -seconds) } else { ("", seconds) };
    let text = match size {
        0.0 => "0 s".to_owned(),
        s if s < 0.000_95 => format!("{:.3} ms", s * 1e3),
        s if s < 0.999_5 => format!("{:.0} ms", s * 1e3),
        s if s < 9.995 => format!("{s:.2} s"),
        s if s < 119.95 => format!("{s:.1} s"),
        s if s < 7_200.0 => format!("{} min {:02} s", s.round() as u64 / 60, s.round() as u64 % 60),
        s if s < 1e9 => format!("{} h {:02} min", s.round() as u64 / 3600, s.round() as u64 % 3600 / 60),
        s => format!("{s:.3e} s"),
    };
    format!("{sign}{text}")
}

/// An interval of seconds, never narrower than it was measured; one without an end says so.
pub fn interval(lower_s: f64, upper_s: Option<f64>) -> String {
    match upper_s {
        Some(upper) if upper == lower_s => duration(upper),
        Some(upper) => format!("{} … {}", bound(lower_s, f64::floor), at_most(upper)),
        None => format!("at least {}, no end was seen", bound(lower_s, f64::floor)),
    }
}

/// The upper end of an interval, rounded up.
pub fn at_most(seconds: f64) -> String {
    bound(seconds, f64::ceil)
}

/// An end of an interval, to the millisecond below 100 s.
fn bound(seconds: f64, round: fn(f64) -> f64) -> String {
    // What has so many digits already is not rounded for what is behind a float's last one.
    let to = |unit: f64| {
        let near = (seconds / unit).round();
        if (seconds / unit - near).abs() < 1e-6 { near } else { round(seconds / unit) }
    };
    match seconds {
        0.0 => "0 s".to_owned(),
        s if s < 0.001 => format!("{:.3} ms", to(1e-6) / 1e3),
        _ if to(1e-3) < 1e3 => format!("{} ms", to(1e-3)),
        s if s < 100.0 => format!("{:.3} s", to(1e-3) / 1e3),
        s if s < 7_200.0 => format!("{} min {:04.1} s", (to(0.1) / 600.0).floor(), to(0.1) % 600.0 / 10.0),
        s if s < 1e9 => format!("{} h {:02} min", (to(60.0) / 60.0).floor(), to(60.0) % 60.0),
        s => format!("{s:.3e} s"),
    }
}

/// The measured recovery time.
pub fn rto(drill: &DrillRecord) -> String {
    match &drill.measurements.rto {
        Measured::Value(rto) => interval(rto.lower_s, rto.upper_s),
        Measured::Not { not_measured } => format!("not measured: {not_measured}"),
    }
}

/// The measured recovery point.
pub fn rpo(drill: &DrillRecord) -> String {
    match &drill.measurements.rpo {
        Measured::Value(Rpo::Window(window)) => interval(window.lower_s, Some(window.upper_s)),
        Measured::Value(Rpo::Writes(loss)) => {
            let text = format!("{} of {} acknowledged writes lost", loss.lost, loss.acknowledged);
            match (loss.lost, loss.lost_span.upper_s) {
                (0, _) => text,
                (_, upper) => format!("{text}, {}", interval(loss.lost_span.lower_s, upper)),
            }
        }
        Measured::Not { not_measured } => format!("not measured: {not_measured}"),
    }
}

/// An objective as the plan has it, or that there is none.
pub fn objective(seconds: Option<f64>) -> String {
    let Some(seconds) = seconds else { return "none".into() };
    let whole = seconds.fract() == 0.0 && (seconds < 7_200.0 || seconds % 60.0 == 0.0);
    let text = if (whole && seconds >= 120.0) || seconds >= 1e9 {
        duration(seconds)
    } else {
        format!("{seconds} s")
    };
    format!("≤ {text}")
}

/// The same moment, UTC; what no calendar has there is the first or the last moment that can be written.
pub fn utc(at: OffsetDateTime) -> OffsetDateTime {
    let late = at.year() > 5_000;
    at.checked_to_offset(time::UtcOffset::UTC)
        .filter(|at| (0..=9_999).contains(&at.year()))
        .unwrap_or(if late { datetime!(9999-12-31 23:59:59 UTC) } else { datetime!(0000-01-01 0:00 UTC) })
}

/// A moment of the day, UTC, to the millisecond.
pub fn clock(at: OffsetDateTime) -> String {
    let format = format_description!("[hour]:[minute]:[second].[subsecond digits:3]");
    utc(at).format(&format).unwrap_or_default()
}

/// A date and a moment of the day, UTC.
pub fn date(at: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
    utc(at).format(&format).unwrap_or_default()
}

/// So many seconds after a moment; what no calendar has is the last or the first that there is.
pub fn after(moment: OffsetDateTime, seconds: f64) -> OffsetDateTime {
    moment.saturating_add(Duration::saturating_seconds_f64(seconds))
}

/// When the run's monotonic clock began: times in the record are seconds since then.
pub fn zero(record: &RunRecord) -> OffsetDateTime {
    let first =
        record.drills.iter().flat_map(|drill| &drill.timeline).min_by(|a, b| a.at_s.total_cmp(&b.at_s));
    first.map_or(record.started_at, |entry| after(entry.at, -entry.at_s))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_have_the_digits_that_say_something() {
        let texts: Vec<String> =
            [0.0, 0.000_123, 0.112_188, 1.0, 12.34, 125.0, 7_260.0, -0.5, 1e300].map(duration).into();
        let expected = [
            "0 s",
            "0.123 ms",
            "112 ms",
            "1.00 s",
            "12.3 s",
            "2 min 05 s",
            "2 h 01 min",
            "−500 ms",
            "1.000e300 s",
        ];
        assert_eq!(texts, expected);
    }

    #[test]
    fn an_outage_without_an_end_is_no_point() {
        assert_eq!(interval(1.0, None), "at least 1.000 s, no end was seen");
        assert_eq!(interval(0.1, Some(0.2)), "100 ms … 200 ms");
        assert_eq!(interval(2.0, Some(2.0)), "2.00 s");
    }

    #[test]
    fn an_interval_is_never_shown_narrower_than_it_is() {
        assert_eq!(interval(0.112_9, Some(0.112_91)), "112 ms … 113 ms");
        assert_eq!(interval(0.999_9, Some(0.999_91)), "999 ms … 1.000 s");
        assert_eq!(interval(1.677_4, Some(1.683_1)), "1.677 s … 1.684 s");
        assert_eq!(interval(0.112, Some(9.999_000_000_1)), "112 ms … 9.999 s");
        assert_eq!(interval(99.999_1, Some(125.01)), "99.999 s … 2 min 05.1 s");
        assert_eq!(interval(119.99, Some(7_200.0)), "1 min 59.9 s … 2 h 00 min");
        assert_eq!(interval(0.000_001_5, Some(7_201.0)), "0.001 ms … 2 h 01 min");
    }

    #[test]
    fn an_objective_is_what_the_plan_says() {
        let texts = [0.0, 0.5, 5.004, 60.0, 120.0, 3_600.0, 7_261.0].map(|s| objective(Some(s)));
        assert_eq!(
            texts,
            ["≤ 0 s", "≤ 0.5 s", "≤ 5.004 s", "≤ 60 s", "≤ 2 min 00 s", "≤ 60 min 00 s", "≤ 7261 s"]
        );
        assert_eq!(objective(None), "none");
    }

    #[test]
    fn moments_that_utc_does_not_have_are_its_first_and_last() {
        assert_eq!(date(datetime!(9999-12-31 23:59:59 -23:59)), "9999-12-31 23:59:59 UTC");
        assert_eq!(date(datetime!(0000-01-01 0:00 +23:59)), "0000-01-01 00:00:00 UTC");
        assert_eq!(date(datetime!(2026-11-20 1:00 +2:00)), "2026-11-19 23:00:00 UTC");
    }

    #[test]
    fn no_record_has_a_time_that_cannot_be_written() {
        let late = after(time::macros::datetime!(2026-11-20 11:02:03 UTC), 1e300);
        assert!(clock(late).starts_with("23:59:59"));
    }
}
