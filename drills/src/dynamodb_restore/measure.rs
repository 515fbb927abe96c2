//! What the record of a restore measures: the recovery time with its parts, and the recovery point of the continuous
//! backups.

use lifeboat_model::{
    DrillFacts, Elapsed, Figure, Measured, Measurements, RecoveryWindow, Rpo, Rto, seconds,
};
use time::OffsetDateTime;

use super::canaries::{Chosen, RecoveryPoint};
use super::proof::{Moment, moment};

/// All figures of a restore to a point in time.
pub fn point_in_time(facts: &DrillFacts) -> Measurements {
    Measurements { rpo: window(facts), ..common(facts) }
}

/// All figures of a restore from a backup that the drill made.
pub fn backup(facts: &DrillFacts) -> Measurements {
    let why = "the backup was made by the drill itself, so its age says nothing";
    Measurements { rpo: Measured::not(why), ..common(facts) }
}

fn common(facts: &DrillFacts) -> Measurements {
    let rto = rto(facts);
    let fault_to_recovery_s = match &rto {
        Measured::Value(Rto { upper_s: Some(upper), .. }) => Measured::Value(*upper),
        _ => Measured::not("no recovery was seen"),
    };
    Measurements { rto, fault_to_recovery_s, figures: figures(facts), ..Measurements::default() }
}

/// From the disaster to the end of the verification. The disaster is two writes: the recovery took at most as long as from
/// the sending of the first, at least as from the acknowledgement of the last.
fn rto(facts: &DrillFacts) -> Measured<Rto> {
    let (Some(began), Some(done)) = (facts.mark("disaster-requested"), facts.mark("disaster-done")) else {
        return Measured::not("there was no disaster to recover from");
    };
    let every: f64 = facts.observed("poll-interval-s").unwrap_or_default();
    let of = |end: Elapsed, over: bool| {
        // Two waits end with a look at the control plane, each up to one interval late.
        let late = if over { 2.0 * every } else { 0.0 };
        Measured::Value(Rto {
            lower_s: (seconds(end.since(done)) - late).max(0.0),
            upper_s: over.then(|| seconds(end.since(began))),
            probe_interval_s: every,
            probe_gap_p99_s: None,
            failures: 0,
            definition: "from the disaster to the end of the copy's verification, with the waits for the moment to be \
                         restorable and for the copy to be active, each looked for at the probe interval"
                .into(),
        })
    };
    if let Some(gave_up) = facts.mark("gave-up") {
        return of(gave_up, false);
    }
    if let Some(refused) = facts.observed::<String>("restore-refused") {
        return Measured::not(format!("the restore was refused: {refused}"));
    }
    match (facts.mark("compared"), moment(&facts.observations)) {
        (Some(verified), Moment::AsAsked) => of(verified, true),
        (Some(_), _) => Measured::not("the copy is not what was to be restored"),
        (None, _) => Measured::not("the drill ended before the copy was verified"),
    }
}

fn window(facts: &DrillFacts) -> Measured<Rpo> {
    let Some(point) = facts.observed::<RecoveryPoint>("recovery-point") else {
        return Measured::not("the restorable window was not seen at the disaster");
    };
    let Some(before) = point.before else {
        return Measured::not("the control plane says no LatestRestorableDateTime");
    };
    // A window that moves on between the two looks may have held more at the disaster itself.
    let after = point.after.unwrap_or(before).max(before);
    let own = facts.options["canary_table"] == true;
    let of = if own { " of the drill's own table" } else { "" };
    let span = |from: OffsetDateTime, to: OffsetDateTime| (to - from).as_seconds_f64().max(0.0);
    Measured::Value(Rpo::Window(RecoveryWindow {
        lower_s: span(after, point.disaster.earliest),
        upper_s: span(before, point.disaster.latest),
        definition: format!(
            "from LatestRestorableDateTime{of}, asked just before and just after the disaster, to the disaster"
        ),
    }))
}

fn figures(facts: &DrillFacts) -> Vec<Figure> {
    let mut figures = Vec::new();
    let until_asked = if facts.observations.contains_key("backup") {
        ("disaster until the restore was asked for", "disaster-done", "restore-requested")
    } else {
        ("wait until the moment could be restored", "disaster-done", "restorable")
    };
    for (name, from, to) in [
        until_asked,
        ("restore until the copy was active", "restore-requested", "copy-active"),
        ("active until the first read", "copy-active", "first-read"),
        ("first read until verified", "first-read", "compared"),
    ] {
        match (facts.mark(from), facts.mark(to)) {
            (Some(from), Some(to)) => figures.push(Figure::new(name, seconds(to.since(from)), "s")),
            _ => figures.push(Figure::not_measured(name, "the drill did not come so far")),
        }
    }
    if let Some(chosen) = facts.observed::<Chosen>("chosen") {
        let bracket = (chosen.bracket.latest - chosen.bracket.earliest).as_seconds_f64();
        figures.push(Figure::new("canary items on either side of the moment: distance", bracket, "s"));
        figures.push(Figure::new("server clock: uncertainty", chosen.clock_uncertainty_s, "s"));
    }
    if let Some(comparison) = facts.observed::<serde_json::Value>("comparison") {
        for (name, key, unit) in [
            ("items compared in the source", "items_source", "items"),
            ("items compared in the copy", "items_copy", "items"),
            ("items that differ", "differences", "items"),
        ] {
            figures.push(Figure::new(name, comparison[key].clone(), unit));
        }
    }
    figures
}

#[cfg(test)]
mod tests {
    use lifeboat_model::Mark;
    use serde_json::json;

    use super::super::proof::seen_of;
    use super::*;

    fn facts(marks: &[(&str, u64)]) -> DrillFacts {
        let now = [Some("v"), Some("destroyed"), None, Some("v"), Some("v")];
        let asked = [Some("v"), Some("v"), Some("v"), None, None];
        DrillFacts {
            marks: marks
                .iter()
                .map(|(name, at)| Mark { name: (*name).into(), at: Elapsed(at * 1_000) })
                .collect(),
            observations: seen_of(asked, now),
            ..DrillFacts::default()
        }
    }

    const WHOLE: [(&str, u64); 7] = [
        ("disaster-requested", 1000),
        ("disaster-done", 1010),
        ("restorable", 1500),
        ("restore-requested", 1510),
        ("copy-active", 2000),
        ("first-read", 2010),
        ("compared", 2110),
    ];

    #[test]
    fn the_recovery_time_is_from_the_disaster_to_the_verification() {
        let measured = point_in_time(&facts(&WHOLE));
        let rto = measured.rto.value().expect("measured");
        assert_eq!((rto.lower_s, rto.upper_s), (1.1, Some(1.11)));
        let part = |name: &str| {
            measured.figures.iter().find(|figure| figure.name == name).expect(name).value.clone()
        };
        assert_eq!(part("wait until the moment could be restored"), Measured::Value(json!(0.49)));
        assert_eq!(part("restore until the copy was active"), Measured::Value(json!(0.49)));
    }

    #[test]
    fn what_was_not_recovered_has_no_end() {
        let mut marks = WHOLE[..4].to_vec();
        marks.push(("gave-up", 9000));
        let measured = point_in_time(&facts(&marks));
        let rto = measured.rto.value().expect("measured");
        assert_eq!((rto.lower_s, rto.upper_s), (7.99, None));
        let part = measured.figures.iter().find(|figure| figure.name == "restore until the copy was active");
        assert_eq!(part.expect("the part").value.value(), None, "it is not zero");
    }

    #[test]
    fn a_copy_of_another_moment_is_no_recovery() {
        let mut facts = facts(&WHOLE);
        let now = [Some("v"), Some("destroyed"), None, Some("v"), Some("v")];
        facts.observations = seen_of(now, now);
        assert_eq!(point_in_time(&facts).rto.value(), None);
    }

    #[test]
    fn the_recovery_point_is_between_the_two_looks() {
        let mut facts = facts(&WHOLE);
        let point = json!({
            "before": "2026-11-21T12:00:00Z", "after": "2026-11-21T12:00:02Z",
            "disaster": { "earliest": "2026-11-21T12:00:03Z", "latest": "2026-11-21T12:00:03.5Z" },
        });
        facts.observations.insert("recovery-point".into(), point);
        let measured = point_in_time(&facts);
        let Some(Rpo::Window(window)) = measured.rpo.value() else { panic!("a window") };
        assert_eq!((window.lower_s, window.upper_s), (1.0, 3.5));
        assert_eq!(backup(&facts).rpo.value(), None, "a fresh backup has no recovery point");
    }
}
