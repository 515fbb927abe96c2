//! Controls against runs: what each run is to each control that its plan names, and where evidence is missing.

use std::collections::{BTreeMap, BTreeSet};

use lifeboat_model::{DrillRecord, RunRecord};
use time::OffsetDateTime;

use super::gaps::{Gap, gaps};
use super::periods::Periods;
use super::standing::{run_why_not, why_not};

/// What is known of the signature of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signature {
    /// Nobody looked: there was no key to verify it with.
    NotLookedAt,
    /// The run is as it was signed.
    Verified,
    /// It is not, or was not signed: then it evidences nothing. Why, as a sentence.
    NotVerified(String),
}

/// A run that was looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenRun {
    /// Its record.
    pub record: RunRecord,
    /// Whether it is as it was signed.
    pub signature: Signature,
}

/// What a run is to a control that its plan names.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry<'a> {
    /// The run.
    pub run: &'a SeenRun,
    /// The drill that names it; absent where none that does was run.
    pub drill: Option<&'a DrillRecord>,
    /// Why it evidences nothing; empty where it evidences the control.
    pub why_not: Vec<String>,
}

impl Entry<'_> {
    /// Whether it evidences the control.
    pub fn evidences(&self) -> bool {
        self.why_not.is_empty()
    }
}

/// A control and all that the runs show of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ControlRow<'a> {
    /// The control.
    pub id: &'a str,
    /// Within how many days of 24 hours a run is wanted at the moment that was asked for, where a plan says so. A gap has its own.
    pub period_days: Option<u16>,
    /// What each run is to it, the earliest first.
    pub entries: Vec<Entry<'a>>,
    /// Where evidence is missing, the earliest first.
    pub gaps: Vec<Gap>,
}

impl<'a> ControlRow<'a> {
    /// The last run that evidences it.
    pub fn last(&self) -> Option<&'a RunRecord> {
        self.entries.iter().rfind(|entry| entry.evidences()).map(|entry| &entry.run.record)
    }
}

/// Controls against runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix<'a> {
    /// The moment that was asked for, UTC: what ended then or later does not count.
    pub until: OffsetDateTime,
    /// The runs that ended before it, in order of when they began.
    pub runs: Vec<&'a SeenRun>,
    /// How many ended later.
    pub later: usize,
    /// The controls that the plans of these runs name, in order of their ids.
    pub rows: Vec<ControlRow<'a>>,
}

impl Matrix<'_> {
    /// Whether signatures were looked at.
    pub fn looked_at_signatures(&self) -> bool {
        self.runs.iter().any(|run| run.signature != Signature::NotLookedAt)
    }

    /// The controls for which evidence is missing.
    pub fn with_gaps(&self) -> impl Iterator<Item = &ControlRow<'_>> {
        self.rows.iter().filter(|row| !row.gaps.is_empty())
    }
}

/// What these runs show of the controls that their plans name, up to a moment. Each run is to be there once.
pub fn matrix(seen: &[SeenRun], until: OffsetDateTime) -> Matrix<'_> {
    let mut runs: Vec<&SeenRun> =
        seen.iter().filter(|run| run.record.started_at.max(run.record.ended_at) < until).collect();
    runs.sort_by_key(|run| (run.record.started_at, &run.record.run_id));
    let mut rows: BTreeMap<&str, ControlRow<'_>> = BTreeMap::new();
    let mut periods: BTreeMap<&str, Periods> = BTreeMap::new();
    for run in &runs {
        let of_drills = run
            .record
            .drills
            .iter()
            .flat_map(|drill| named(drill).into_iter().map(move |control| (control, Some(drill))));
        let not_run =
            run.record.controls.iter().filter(|control| {
                !run.record.drills.iter().any(|drill| drill.controls.contains(&control.id))
            });
        for (id, drill) in of_drills.chain(not_run.map(|control| (control.id.as_str(), None))) {
            let row = rows.entry(id).or_insert_with(|| ControlRow {
                id,
                period_days: None,
                entries: Vec::new(),
                gaps: Vec::new(),
            });
            row.entries.push(Entry { run, drill, why_not: reasons(run, drill) });
        }
        let counts = can_be_evidence(run);
        for control in &run.record.controls {
            let of_control = periods.entry(&control.id).or_default();
            of_control.add(run.record.started_at, control.period_days, counts);
        }
    }
    for row in rows.values_mut() {
        let first = row.entries.iter().map(|entry| entry.run.record.started_at).min().unwrap_or(until);
        let evidence: Vec<(OffsetDateTime, &str)> = row
            .entries
            .iter()
            .filter(|entry| entry.evidences())
            .map(|entry| (entry.run.record.started_at, entry.run.record.run_id.as_str()))
            .collect();
        let periods = periods.remove(row.id).unwrap_or_default();
        row.period_days = periods.at(until);
        row.gaps = gaps(first, &evidence, |from, to| periods.between(from, to), until);
    }
    Matrix { until, later: seen.len() - runs.len(), runs, rows: rows.into_values().collect() }
}

/// The controls that the plan names for a drill, each once.
fn named(drill: &DrillRecord) -> BTreeSet<&str> {
    drill.controls.iter().map(String::as_str).collect()
}

/// Whether its drills can evidence anything.
fn can_be_evidence(run: &SeenRun) -> bool {
    run_why_not(&run.record).is_empty() && !matches!(run.signature, Signature::NotVerified(_))
}

fn reasons(run: &SeenRun, drill: Option<&DrillRecord>) -> Vec<String> {
    let mut reasons = match drill {
        Some(drill) => why_not(&run.record, drill),
        None => vec!["no drill that names it was run".to_owned()],
    };
    if let Signature::NotVerified(why) = &run.signature {
        reasons.push(format!("its signature was not verified: {why}"));
    }
    reasons
}
