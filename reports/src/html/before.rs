//! A drill against its earlier runs: what differs from the last one, and the trend.
//!
//! What is known of an earlier run is its line in the history, as it was when this run began. Like runs only are held against
//! each other; what differs is named, and not judged.

use lifeboat_model::{DrillRecord, HistoryDrill, HistoryLine, Restoration, RunRecord};

use super::table::{Cell, Table};
use super::trend::{Run, Trend, loss, rto, trend};
use crate::words::{self, date, objective};

/// What is shown of a drill's earlier runs.
pub struct Before {
    /// Which run it is held against, as a sentence; absent where there is none.
    pub last: Option<String>,
    pub differences: Option<Table>,
    pub trend: Option<Trend>,
    /// The runs; absent where there is no other.
    pub runs: Option<Table>,
}

/// The earlier runs of a drill of this run.
pub fn before(run: &RunRecord, drill: &DrillRecord, id: String) -> Before {
    // The digest is of the file that this is made of, and nothing here shows it.
    let this = HistoryLine::of(run, String::new(), None);
    let now = HistoryDrill::of(drill);
    let in_place = run.earlier.iter().filter(|line| line.is_in(&this.environment, this.simulated));
    let mut runs: Vec<Run<'_>> = in_place
        .filter_map(|line| Some(Run { line, drill: line.drills.iter().find(|drill| drill.is_like(&now))? }))
        .collect();
    let last = runs.last().copied();
    runs.push(Run { line: &this, drill: &now });
    Before {
        last: last.map(|run| format!("{}, begun {}", run.line.run_id, date(run.line.started_at))),
        differences: last.and_then(|last| differences(&last, &Run { line: &this, drill: &now })),
        runs: last.map(|_| table(&runs)),
        trend: trend(&runs, id),
    }
}

/// All runs that are known, the last one first, as it is what people look for.
fn table(runs: &[Run<'_>]) -> Table {
    let row = |run: &Run<'_>| {
        vec![
            Cell::code(run.line.run_id.clone()),
            Cell::text(date(run.line.started_at)),
            Cell::Status(words::of_drill(run.drill.verdict, run.drill.restoration)),
            Cell::number(rto(run.drill)),
            Cell::number(objective(run.drill.rto_objective_s)),
            Cell::number(loss(run.drill)),
        ]
    };
    let rows = runs.iter().rev().map(row).collect();
    let caption = format!("This run and the {} before it", runs.len() - 1);
    Table::new(caption, &["Run", "Began", "Drill", "RTO", "RTO objective", "RPO"], rows)
}

/// What differs, and the figures also where they do not.
fn differences(before: &Run<'_>, now: &Run<'_>) -> Option<Table> {
    let both = |of: &dyn Fn(&Run<'_>) -> String| (of(before), of(now));
    let figures = [
        ("Verdict", both(&|run| run.drill.verdict.name().into())),
        ("RTO", both(&|run| rto(run.drill))),
        ("RPO", both(&|run| loss(run.drill))),
    ];
    let known = |value: &Option<String>| value.clone().unwrap_or_else(|| "not known".into());
    let others = [
        ("RTO objective", both(&|run| objective(run.drill.rto_objective_s))),
        ("RPO objective", both(&|run| objective(run.drill.rpo_objective_s))),
        ("Checks not met", both(&|run| or_none(&run.drill.missed))),
        ("Clean-up", both(&|run| clean_up(run.drill.restoration).into())),
        ("Engine", both(&|run| known(&run.drill.engine))),
        ("Class", both(&|run| known(&run.drill.class))),
        ("Plan, SHA-256", both(&|run| run.line.plan_sha256.clone())),
        ("Lifeboat", both(&|run| run.line.tool_version.clone())),
    ];
    let others = others.into_iter().filter(|(_, (before, now))| before != now);
    let row = |(what, (before, now)): (&str, (String, String))| {
        vec![Cell::text(what), Cell::text(before), Cell::text(now)]
    };
    let rows = figures.into_iter().chain(others).map(row).collect();
    Table::new("Against the run before", &["What", "The run before", "This run"], rows).unless_empty()
}

fn or_none(names: &[String]) -> String {
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

fn clean_up(restoration: Restoration) -> &'static str {
    match restoration {
        Restoration::Clean => "all put back",
        Restoration::Residue => "something left behind",
    }
}
