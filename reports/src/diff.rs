//! What differs between two runs: verdicts, figures, checks, and what was drilled how.
//!
//! It names differences and judges none: whether a figure changed by more than chance is for the history to say.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use lifeboat_model::{DrillRecord, Restoration, RunRecord};
use serde_json::Value;

use crate::{clean_line, words};

/// One difference; what one of the runs does not have is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The drill, or nothing of the run as a whole.
    pub drill: Option<String>,
    /// What differs.
    pub what: String,
    /// How it was in the first.
    pub before: Option<String>,
    /// How it was in the second.
    pub after: Option<String>,
}

/// All differences of two runs but for those that no two runs share: times of day, ids, digests of journals.
pub fn differences(before: &RunRecord, after: &RunRecord) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut whole = Found { drill: None, all: &mut found };
    whole.compare("verdict", Some(before.verdict.name()), Some(after.verdict.name()));
    let environment = |run: &RunRecord| {
        let simulated = if run.environment.simulated { " (simulated)" } else { "" };
        let account = run.environment.account.as_deref().map(|account| format!(", account {account}"));
        let (name, provider, region) =
            (&run.environment.name, &run.environment.provider, &run.environment.region);
        format!("{name} on {provider} in {region}{}{simulated}", account.unwrap_or_default())
    };
    let clean_up = |run: &RunRecord| match run.restoration {
        Restoration::Clean => "all put back",
        Restoration::Residue => "something left behind",
    };
    whole.compare("clean-up", Some(clean_up(before)), Some(clean_up(after)));
    whole.compare("environment", Some(environment(before)), Some(environment(after)));
    whole.compare("plan, SHA-256", Some(&before.plan.sha256), Some(&after.plan.sha256));
    whole.compare("lifeboat", Some(&before.tool.version), Some(&after.tool.version));
    let names: BTreeSet<&str> =
        before.drills.iter().chain(&after.drills).map(|drill| drill.name.as_str()).collect();
    for name in names {
        let of = |run: &'_ RunRecord| run.drills.iter().position(|drill| drill.name == name);
        let mut found = Found { drill: Some(name), all: &mut found };
        match (of(before), of(after)) {
            (Some(old), Some(new)) => found.drills(&before.drills[old], &after.drills[new]),
            (old, new) => {
                found.compare("drill", old.map(|_| "is there"), new.map(|_| "is there"));
            }
        }
    }
    found
}

/// The same for a terminal.
pub fn diff_text(before: &RunRecord, after: &RunRecord) -> String {
    let mut text = format!("{} → {}\n", clean_line(&before.run_id), clean_line(&after.run_id));
    let found = differences(before, after);
    if found.is_empty() {
        text.push_str("no difference\n");
    }
    let mut of: Option<&Option<String>> = None;
    for difference in &found {
        if of != Some(&difference.drill) {
            let _ = writeln!(text, "{}", difference.drill.as_deref().map_or("the run".into(), clean_line));
            of = Some(&difference.drill);
        }
        let side = |side: &Option<String>| side.as_deref().map_or("—".into(), clean_line);
        let _ = writeln!(
            text,
            "  {}: {} → {}",
            clean_line(&difference.what),
            side(&difference.before),
            side(&difference.after)
        );
    }
    text
}

struct Found<'a> {
    drill: Option<&'a str>,
    all: &'a mut Vec<Difference>,
}

impl Found<'_> {
    fn compare<T: ToString>(&mut self, what: &str, before: Option<T>, after: Option<T>) {
        let (before, after) = (before.map(|side| side.to_string()), after.map(|side| side.to_string()));
        if before != after {
            self.all.push(Difference {
                drill: self.drill.map(str::to_owned),
                what: what.into(),
                before,
                after,
            });
        }
    }

    fn drills(&mut self, old: &DrillRecord, new: &DrillRecord) {
        self.compare("verdict", Some(old.verdict.name()), Some(new.verdict.name()));
        self.compare("scenario", Some(&old.scenario), Some(&new.scenario));
        self.compare("target", Some(&old.target), Some(&new.target));
        let seconds = |value: Option<f64>| value.map(|value| format!("{value} s"));
        self.compare("RTO objective", seconds(old.objectives.rto_s), seconds(new.objectives.rto_s));
        self.compare("RPO objective", seconds(old.objectives.rpo_s), seconds(new.objectives.rpo_s));
        self.compare("RTO", Some(words::rto(old)), Some(words::rto(new)));
        self.compare("RPO", Some(words::rpo(old)), Some(words::rpo(new)));
        for (what, of) in [
            ("target's id", (|drill| drill.identity.as_ref()?.resource_id.clone()) as Of),
            ("engine", |drill| drill.identity.as_ref()?.engine.clone()),
            ("class", |drill| drill.identity.as_ref()?.class.clone()),
        ] {
            self.compare(what, of(old), of(new));
        }
        let empty = serde_json::Map::new();
        let options = |drill: &'_ DrillRecord| drill.options.as_object().cloned().unwrap_or(empty.clone());
        let (of_old, of_new) = (options(old), options(new));
        for key in of_old.keys().chain(of_new.keys()).collect::<BTreeSet<_>>() {
            self.compare(&format!("option {key}"), of_old.get(key).map(text), of_new.get(key).map(text));
        }
        let check = |drill: &DrillRecord, name: &str| -> Option<&'static str> {
            drill
                .checks
                .iter()
                .find(|check| check.name == name)
                .map(|check| words::of_judgement(check.outcome).word)
        };
        let names: BTreeSet<&str> =
            old.checks.iter().chain(&new.checks).map(|check| check.name.as_str()).collect();
        for name in names {
            self.compare(&format!("check {name}"), check(old, name), check(new, name));
        }
        let clean_up = |drill: &DrillRecord| match drill.restoration {
            Restoration::Clean => "all put back".to_owned(),
            Restoration::Residue => format!("left behind: {}", drill.residue.join("; ")),
        };
        self.compare("clean-up", Some(clean_up(old)), Some(clean_up(new)));
    }
}

type Of = fn(&DrillRecord) -> Option<String>;

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
