//! What a restore's record measures: from the disaster to the verified copy, with its parts, and what would be lost.

use lifeboat_model::{
    DrillFacts, Elapsed, Figure, Measured, Measurements, RecoveryWindow, Rpo, Rto, Stage, seconds,
};
use lifeboat_targets::postgres::validate::{DataOutcome, Validation};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::canaries::DisasterTime;
use super::copy::PASSWORD_STAGE;
use super::moment::Gap;

/// A moment of the control plane's clock, sampled before and after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sampled {
    /// The earlier value.
    #[serde(with = "time::serde::rfc3339")]
    pub before: OffsetDateTime,
    /// The later one.
    #[serde(with = "time::serde::rfc3339")]
    pub after: OffsetDateTime,
}

/// The figures of every restore; the recovery point is the drill's own.
pub fn measure(facts: &DrillFacts, rpo: Measured<Rpo>) -> Measurements {
    let mut figures = parts(facts);
    if let Some(gap) = facts.observed::<Gap>("moment") {
        figures.insert(0, Figure::new("restored to", text(gap.at), ""));
        let bracket = format!("{} … {}", text(gap.after), text(gap.before));
        figures.insert(1, Figure::new("precision: between the canaries at", bracket, ""));
    }
    if let Some(validation) = facts.observed::<Validation>("validation") {
        figures.push(Figure::new("tables compared", validation.tables.len() as u64, ""));
    }
    if let Some(stage) = facts.observed::<Stage>(PASSWORD_STAGE) {
        figures.push(Figure::new("copy opened with the password", stage.label(), ""));
    }
    if let Some(kept) = facts.observed::<String>("kept") {
        figures.push(Figure::new("copy kept as", kept, ""));
    }
    let rto = rto(facts);
    let fault_to_recovery_s = match &rto {
        Measured::Value(Rto { upper_s: Some(upper), .. }) => Measured::Value(*upper),
        _ => Measured::not("no verified copy was seen"),
    };
    Measurements { rto, rpo, fault_to_recovery_s, figures, ..Measurements::default() }
}

fn text(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).unwrap_or_default()
}

fn rto(facts: &DrillFacts) -> Measured<Rto> {
    let (Some(begun), Some(done)) = (facts.mark("disaster-begun"), facts.mark("disaster-done")) else {
        return Measured::not("the drill ended before the disaster");
    };
    let every: f64 = facts.observed("api-interval-s").unwrap_or_default();
    let last = facts.marks.iter().filter(|mark| mark.name == "observed-until").map(|mark| mark.at).max();
    let (lower, upper) = match (facts.mark("verified"), last) {
        // Two waits end with a look at the control plane, each up to one interval late.
        (Some(verified), _) => {
            let lower = (seconds(verified.since(done)) - 2.0 * every).max(0.0);
            (lower, Some(seconds(verified.since(begun))))
        }
        // How long it took is not known of a copy that answered in time and could not be judged.
        (None, Some(_)) if facts.observations.contains_key("validation-error") => {
            return Measured::not("the data of the copy was not compared");
        }
        (None, Some(_)) if could_not_tell(facts) => {
            return Measured::not("the comparison of the data could not tell");
        }
        (None, Some(last)) => (seconds(last.since(done)), None),
        (None, None) => return Measured::not("the drill ended before a copy was looked for"),
    };
    Measured::Value(Rto {
        lower_s: lower,
        upper_s: upper,
        probe_interval_s: every,
        probe_gap_p99_s: None,
        failures: 0,
        definition: "from the disaster to a copy that answers and whose data is verified; looks at the control plane are \
                     this far apart"
            .into(),
    })
}

fn could_not_tell(facts: &DrillFacts) -> bool {
    let validation = facts.observed::<Validation>("validation");
    validation.is_some_and(|validation| validation.outcome() == DataOutcome::CannotTell)
}

/// The parts of the recovery time.
fn parts(facts: &DrillFacts) -> Vec<Figure> {
    let last = |name: &str| facts.marks.iter().rfind(|mark| mark.name == name).map(|mark| mark.at);
    let part = |name: &str, from: Option<Elapsed>, to: Option<Elapsed>| match (from, to) {
        (Some(from), Some(to)) => Some(Figure::new(name, seconds(to.since(from)), "s")),
        (Some(_), None) => Some(Figure::not_measured(name, "its end was not seen")),
        (None, _) => None,
    };
    // A snapshot that was there needs no wait.
    let waited = last("restorable").is_some() || facts.observations.contains_key("restorable-error");
    [
        waited.then(|| part("disaster to restorable", last("disaster-done"), last("restorable"))).flatten(),
        part("restore call to available", last("restore-requested"), last("copy-available")),
        part("available to first query", last("copy-available"), last("first-query")),
        part("first query to verified", last("first-query"), last("verified")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The span up to the disaster that is later than what can be restored.
pub fn window(disaster: &DisasterTime, held: &Sampled, definition: &str) -> Rpo {
    let span = |from: OffsetDateTime, to: OffsetDateTime| (to - from).as_seconds_f64().max(0.0);
    Rpo::Window(RecoveryWindow {
        lower_s: span(held.after, disaster.from),
        upper_s: span(held.before, disaster.to),
        definition: definition.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use lifeboat_model::Mark;
    use serde_json::json;
    use time::macros::datetime;

    fn facts(marks: &[(&str, u64)]) -> DrillFacts {
        DrillFacts {
            marks: marks
                .iter()
                .map(|(name, at)| Mark { name: (*name).into(), at: Elapsed(at * 1_000_000) })
                .collect(),
            observations: [("api-interval-s".to_owned(), json!(0.5))].into(),
            ..DrillFacts::default()
        }
    }

    #[test]
    fn the_recovery_time_ends_with_the_verified_copy() {
        let marks = [
            ("disaster-begun", 10),
            ("disaster-done", 11),
            ("restorable", 15),
            ("restore-requested", 16),
            ("copy-available", 30),
            ("first-query", 31),
            ("verified", 40),
        ];
        let measured = measure(&facts(&marks), Measured::not("not here"));
        let rto = measured.rto.value().unwrap();
        assert_eq!((rto.lower_s, rto.upper_s), (28.0, Some(30.0)));
        let parts: Vec<_> = measured.figures.iter().map(|figure| figure.value.value().cloned()).collect();
        assert_eq!(parts, [4.0, 14.0, 1.0, 9.0].map(|part| Some(json!(part))));
    }

    #[test]
    fn without_a_verified_copy_there_is_no_upper_bound() {
        let marks = [("disaster-begun", 10), ("disaster-done", 11), ("observed-until", 41)];
        let measured = measure(&facts(&marks), Measured::not("not here"));
        let rto = measured.rto.value().unwrap();
        assert_eq!((rto.lower_s, rto.upper_s), (30.0, None));
        assert!(measure(&facts(&[]), Measured::not("")).rto.value().is_none());
    }

    #[test]
    fn the_window_holds_the_disaster_and_both_samples() {
        let disaster =
            DisasterTime { from: datetime!(2026-11-21 10:00:10 UTC), to: datetime!(2026-11-21 10:00:11 UTC) };
        let held =
            Sampled { before: datetime!(2026-11-21 09:58:00 UTC), after: datetime!(2026-11-21 10:00:00 UTC) };
        let Rpo::Window(window) = window(&disaster, &held, "d") else { panic!("a window") };
        assert_eq!((window.lower_s, window.upper_s), (10.0, 131.0));
    }
}
