//! What this drill's record measures beyond every restore: the restorable window, the outages of a name that was swapped.

use lifeboat_model::{Attempt, DrillFacts, Figure, Measured, Measurements, Rpo, Stream, outages, seconds};

use super::swap::STABLE_FOR;
use crate::restore::canaries::DisasterTime;
use crate::restore::measure::{self as of_restore, Sampled, window};

/// All figures of the drill.
pub fn measure(facts: &DrillFacts) -> Measurements {
    let mut measured = of_restore::measure(facts, rpo(facts));
    let swaps = [
        ("outage of the name at the promotion", "swap-begun", "promotion-observed"),
        ("outage of the name on the way back", "swap-back-begun", "observed-until-swapped-back"),
    ];
    measured.figures.extend(swaps.into_iter().filter_map(|(name, from, to)| outage(facts, name, from, to)));
    measured
}

fn rpo(facts: &DrillFacts) -> Measured<Rpo> {
    let disaster: Option<DisasterTime> = facts.observed("disaster");
    match (disaster, facts.observed::<Sampled>("restorable-at-the-disaster")) {
        (Some(disaster), Some(held)) => Measured::Value(window(
            &disaster,
            &held,
            "the disaster was so much later than LatestRestorableTime just before and after it",
        )),
        (Some(_), None) => Measured::not("LatestRestorableTime was not seen at the disaster"),
        (None, _) => Measured::not("the drill ended before the disaster"),
    }
}

/// The longest outage that clients of the name saw between two marks.
fn outage(facts: &DrillFacts, name: &str, from: &str, to: &str) -> Option<Figure> {
    let begun = facts.mark(from).filter(|_| facts.of(Stream::Connect).next().is_some())?;
    let Some(end) = facts.mark(to) else {
        return Some(Figure::not_measured(name, "its end was not seen"));
    };
    // What was acknowledged before is needed as well.
    let within = |a: &&Attempt| a.end <= end && a.end >= begun.before(STABLE_FOR);
    let attempts: Vec<Attempt> = facts.of(Stream::Connect).filter(within).cloned().collect();
    let seen = outages(&attempts, begun, STABLE_FOR / 2, end);
    let worst = seen.iter().filter(|o| o.failures > 0).max_by_key(|o| (o.upper.is_none(), o.upper));
    Some(match worst {
        None => Figure::new(name, "none was seen", ""),
        Some(worst) => Figure::new(name, span(worst.lower, worst.upper), "s"),
    })
}

fn span(lower: std::time::Duration, upper: Option<std::time::Duration>) -> String {
    let upper = upper.map_or_else(|| "no end seen".into(), |upper| format!("{:.3}", seconds(upper)));
    format!("{:.3} … {upper}", seconds(lower))
}
