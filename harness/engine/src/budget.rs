//! What a run makes that is billed until it is deleted, and whether that is within the plan's budget. Pure: it follows
//! from the plans of the drills.
//!
//! A life is counted from the step that makes a thing to the end of the drill's last step, each with its whole limit. It
//! does not count the deletion itself, nor what a run leaves that is killed: that has a tag with its expiry.

use std::collections::BTreeMap;
use std::time::Duration;

use lifeboat_model::Safety;

use crate::{OptionsError, Params, Plan};

/// What a step makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Makes {
    /// What it is, and what is billed for it, in words.
    pub what: &'static str,
    /// Whether it is a restored instance or table, which `max_restored` counts.
    pub restored: bool,
}

/// What a drill makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Making {
    /// What.
    pub made: Makes,
    /// How long it exists at most.
    pub life: Duration,
    /// Whether the plan keeps it.
    pub kept: bool,
}

impl Making {
    fn restored(&self) -> bool {
        self.made.restored
    }
}

impl Plan {
    /// What its steps make, in their order.
    pub fn making(&self) -> Vec<Making> {
        let steps = self.steps();
        let keeps = self.keeps_copies();
        let made = steps.iter().enumerate().filter_map(|(place, step)| {
            let made = step.makes.clone()?;
            let life = steps[place..].iter().map(|step| step.limit).sum();
            let kept = keeps && made.restored;
            Some(Making { made, life, kept })
        });
        made.collect()
    }

    /// How many restored copies it makes.
    pub fn copies(&self) -> u32 {
        self.making().iter().filter(|making| making.restored()).count() as u32
    }
}

/// Refuses a drill that goes beyond the budget by itself.
///
/// # Errors
/// A sentence.
pub fn check_drill(plan: &Plan, params: &Params) -> Result<(), OptionsError> {
    let safety = &params.safety;
    if let Some(most) = safety.max_restored.filter(|most| plan.copies() > *most) {
        let copies = plan.copies();
        return Err(params.wrong(format!(
            "it restores {copies} and [safety] max_restored = {most}: drop the drill or raise the limit"
        )));
    }
    let Some(longest) = safety.longest_life.map(|text| text.0) else { return Ok(()) };
    for making in plan.making() {
        if making.kept {
            return Err(params.wrong(
                "it keeps its copy (keep = true), for which [safety] longest_life has no end: drop one of the two",
            ));
        }
        if making.life > longest {
            return Err(params.wrong(format!(
                "{} may exist for {} and [safety] longest_life is {}: lower give_up (and validate_within, where it has it), or raise the limit",
                making.made.what,
                in_words(making.life),
                in_words(longest)
            )));
        }
    }
    Ok(())
}

/// What all drills of a run make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Estimate {
    /// How many copies are restored in all.
    pub restored: u32,
    /// How many exist at once, at most.
    pub at_once: u32,
    /// By drill, what it makes.
    pub drills: Vec<(String, Vec<Making>)>,
}

/// Estimates what drills make of which those on one resource run one after the other, as (drill, resource, what it makes).
///
/// # Errors
/// If the copies that the plan keeps would leave no room for the others.
pub fn estimate(drills: Vec<(String, String, Vec<Making>)>, safety: &Safety) -> Result<Estimate, String> {
    let copies = |making: &[Making], kept: bool| {
        making.iter().filter(|one| one.restored() && one.kept == kept).count() as u32
    };
    let kept: u32 = drills.iter().map(|(_, _, making)| copies(making, true)).sum();
    let mut passing: BTreeMap<&str, u32> = BTreeMap::new();
    for (_, resource, making) in &drills {
        let most = passing.entry(resource).or_default();
        *most = (*most).max(copies(making, false));
    }
    let one_passing = passing.values().max().copied().unwrap_or_default();
    if let Some(most) = safety.max_restored.filter(|most| kept + one_passing > *most) {
        return Err(format!(
            "[safety] max_restored = {most}: {kept} copies are kept (keep = true) and {one_passing} more have to be \
             there beside them; raise the limit or keep fewer"
        ));
    }
    let at_once = kept + passing.values().sum::<u32>();
    let restored = drills.iter().map(|(_, _, making)| copies(making, true) + copies(making, false)).sum();
    let at_once = safety.max_restored.map_or(at_once, |most| at_once.min(most));
    let drills = drills.into_iter().map(|(drill, _, making)| (drill, making));
    Ok(Estimate { restored, at_once, drills: drills.filter(|(_, making)| !making.is_empty()).collect() })
}

/// A span in hours and minutes, rounded up to a minute.
pub fn in_words(span: Duration) -> String {
    let minutes = span.as_secs().div_ceil(60);
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Step;
    use lifeboat_model::Phase;

    fn step(minutes: u64) -> Step {
        Step::build("s", Phase::Recover, "s", Duration::from_secs(minutes * 60), |_| async { Ok(()) })
            .no_undo("a test")
    }

    fn copy() -> Makes {
        Makes { what: "a copy", restored: true }
    }

    fn making(kept: bool) -> Vec<Making> {
        vec![Making { made: copy(), life: Duration::from_secs(60), kept }]
    }

    #[test]
    fn a_life_is_all_that_follows() {
        let snapshot = Makes { what: "a snapshot", restored: false };
        let plan = Plan::new()
            .then(step(1))
            .then(step(2).makes(snapshot.clone()))
            .then(step(4).makes(copy()))
            .then(step(8));
        let minutes = |n: u64| Duration::from_secs(n * 60);
        let expected = [
            Making { made: snapshot, life: minutes(14), kept: false },
            Making { made: copy(), life: minutes(12), kept: false },
        ];
        assert_eq!(plan.making(), expected);
        assert_eq!(plan.copies(), 1);
        let kept: Vec<bool> =
            plan.then(step(1).keeps_copies()).making().iter().map(|making| making.kept).collect();
        assert_eq!(kept, [false, true], "only copies are kept");
    }

    #[test]
    fn what_exists_at_once_follows_from_the_resources() {
        let drill = |name: &str, resource: &str, kept| (name.to_owned(), resource.to_owned(), making(kept));
        let three = vec![drill("a", "x", false), drill("b", "x", false), drill("c", "y", false)];
        let free = estimate(three.clone(), &Safety::default()).unwrap();
        assert_eq!((free.restored, free.at_once), (3, 2));
        let one = Safety { max_restored: Some(1), ..Safety::default() };
        assert_eq!(estimate(three, &one).unwrap().at_once, 1);
        let kept = vec![drill("a", "x", true), drill("b", "x", false)];
        assert_eq!(estimate(kept.clone(), &Safety::default()).unwrap().at_once, 2);
        let refused = estimate(kept, &one).unwrap_err();
        assert!(refused.contains("1 copies are kept") && refused.contains("max_restored = 1"), "{refused}");
    }

    #[test]
    fn spans_in_words() {
        let words = [(1, "1 min"), (3600, "1 h"), (3661, "1 h 2 min"), (7200, "2 h")];
        for (seconds, text) in words {
            assert_eq!(in_words(Duration::from_secs(seconds)), text);
        }
    }
}
