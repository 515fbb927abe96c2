//! A drill's article of the page.

use lifeboat_model::{DrillRecord, Measured, RunRecord, TargetIdentity};
use serde_json::Value;
use time::OffsetDateTime;

use super::before::{Before, before};
use super::data::{Data, data};
use super::moments::Moments;
use super::settings::{Settings, settings};
use super::table::{Cell, Table};
use super::tables;
use super::timeline::{Timeline, timeline};
use super::waterfall::{Waterfall, waterfall};
use crate::controls::controls_line;
use crate::words::{self, Status};

/// So much of an observation is shown, and of all of a drill's, in bytes: record.json has the whole.
const RAW: usize = 2_000;
const RAW_OF_ALL: usize = 60_000;

/// What the drill saw, as it stands in the record.
pub struct Raw {
    pub name: String,
    pub json: String,
}

/// All that the template shows of a drill.
pub struct Article {
    pub id: String,
    pub name: String,
    pub status: Status,
    pub reason: String,
    pub hypothesis: String,
    /// What is said of the controls that the plan names for it.
    pub controls: Option<String>,
    /// Names and values.
    pub identity: Vec<(&'static str, String)>,
    pub checks: Table,
    pub timelines: Vec<Timeline>,
    pub events: Option<Table>,
    pub streams: Option<Table>,
    pub spans: Vec<Table>,
    pub waterfall: Option<Waterfall>,
    pub before: Before,
    pub rto_definition: Option<String>,
    pub rpo_definition: Option<String>,
    pub proof: Option<Table>,
    pub data: Data,
    pub figures: Option<Table>,
    pub settings: Settings,
    pub residue: Vec<String>,
    pub undos: Option<Table>,
    pub created: Vec<String>,
    pub steps: Option<Table>,
    pub raw: Vec<Raw>,
    /// How many observations were not shown, or not whole.
    pub raw_left_out: usize,
}

/// The article of a run's drill with that number, from 1; the run's clock began at `zero`.
pub fn article(record: &RunRecord, drill: &DrillRecord, number: usize, zero: OffsetDateTime) -> Article {
    let id = format!("drill-{number}");
    let moments = Moments::of(drill);
    let mut timelines = Vec::new();
    if let Some(moments) = &moments {
        let whole = (moments.begin_s, moments.end_s);
        let of = |span, id: String, heading| timeline(drill, span, moments.fault_s, zero, id, heading);
        timelines.push(of(whole, format!("{id}-whole"), "The whole drill"));
        if let Some(outage) = moments.outage {
            timelines.push(of(outage, format!("{id}-outage"), "From the fault to the recovery"));
        }
    }
    let (raw, raw_left_out) = raw(drill);
    Article {
        name: drill.name.clone(),
        status: words::of_drill(drill.verdict, drill.restoration),
        reason: drill.reason.clone(),
        hypothesis: drill.hypothesis.clone(),
        controls: controls_line(record, drill),
        identity: identity(drill),
        checks: tables::checks(drill),
        timelines,
        events: tables::events(drill, zero, moments.as_ref()).unless_empty(),
        streams: tables::streams(drill).unless_empty(),
        spans: drill.lanes.iter().filter_map(|lane| tables::spans(lane, zero).unless_empty()).collect(),
        waterfall: waterfall(drill, format!("{id}-parts")),
        before: before(record, drill, format!("{id}-trend")),
        rto_definition: drill.measurements.rto.value().map(|rto| rto.definition.clone()),
        rpo_definition: rpo_definition(drill),
        proof: tables::proof(drill).unless_empty(),
        data: data(drill),
        figures: tables::figures(drill).unless_empty(),
        settings: settings(drill),
        residue: drill.residue.clone(),
        undos: tables::undos(drill).unless_empty(),
        created: drill.created.clone(),
        steps: tables::steps(drill, zero).unless_empty(),
        raw,
        raw_left_out,
        id,
    }
}

fn identity(drill: &DrillRecord) -> Vec<(&'static str, String)> {
    let mut facts = vec![("Scenario", drill.scenario.clone()), ("Target in the plan", drill.target.clone())];
    let TargetIdentity { identifier, resource_id, arn, engine, class, endpoint } =
        drill.identity.clone().unwrap_or_default();
    let identifier = if identifier.is_empty() { "not looked up".into() } else { identifier };
    facts.push(("Identifier", identifier));
    let more = [
        ("Resource id", resource_id),
        ("ARN", arn),
        ("Engine", engine),
        ("Class", class),
        ("Endpoint", endpoint),
    ];
    facts.extend(more.into_iter().filter_map(|(name, value)| Some((name, value?))));
    match &drill.options {
        Value::Null => {}
        Value::Object(fields) if fields.is_empty() => {}
        options => facts.push(("Options", shortened(options.to_string()).0)),
    }
    facts
}

fn rpo_definition(drill: &DrillRecord) -> Option<String> {
    match drill.measurements.rpo.value()? {
        lifeboat_model::Rpo::Window(window) => Some(window.definition.clone()),
        lifeboat_model::Rpo::Writes(loss) => Some(format!(
            "the drill's own writes, read back: {} acknowledged, {} lost, {} recovered though not acknowledged, {} \
             unexpected, {} there twice",
            loss.acknowledged, loss.lost, loss.recovered, loss.unexpected, loss.duplicated
        )),
    }
}

fn raw(drill: &DrillRecord) -> (Vec<Raw>, usize) {
    let (mut shown, mut left_out, mut room) = (Vec::new(), 0, RAW_OF_ALL);
    for (name, value) in &drill.observations {
        let (json, cut) = shortened(serde_json::to_string_pretty(value).unwrap_or_default());
        if json.len() > room {
            left_out += 1;
            continue;
        }
        room -= json.len();
        left_out += usize::from(cut);
        shown.push(Raw { name: name.clone(), json });
    }
    (shown, left_out)
}

/// Text that may be of any length, and whether it had to be cut.
fn shortened(text: String) -> (String, bool) {
    if text.len() <= RAW {
        return (text, false);
    }
    let end = text.floor_char_boundary(RAW);
    (format!("{}… ({} bytes more in record.json)", &text[..end], text.len() - end), true)
}

/// What the objective was held against, row by row: for the page's first table.
pub fn overview(drill: &DrillRecord) -> [Vec<Cell>; 2] {
    let of_check = |name: &str| match drill.checks.iter().find(|check| check.name == name) {
        Some(check) => Cell::Status(words::of_judgement(check.outcome)),
        None => Cell::Status(Status { tone: "idle", word: "not judged" }),
    };
    let (interval, gap) = match &drill.measurements.rto {
        Measured::Value(rto) => (words::duration(rto.probe_interval_s), rto.probe_gap_p99_s),
        Measured::Not { .. } => ("–".into(), None),
    };
    let resolution = match gap {
        Some(gap) => format!("an attempt every {interval}, 99 % of the gaps ≤ {}", words::at_most(gap)),
        None if interval == "–" => interval,
        None => format!("a look every {interval}"),
    };
    let of_writes = match &drill.measurements.rpo {
        Measured::Value(lifeboat_model::Rpo::Writes(_)) => "every write is read back",
        Measured::Value(lifeboat_model::Rpo::Window(_)) => "asked just before and after the disaster",
        Measured::Not { .. } => "–",
    };
    let row = |what: &str, objective: Option<f64>, measured: String, resolution: &str, check: &str| {
        vec![
            Cell::text(format!("{} {what}", drill.name)),
            Cell::number(words::objective(objective)),
            Cell::number(measured),
            Cell::text(resolution),
            of_check(check),
            Cell::Status(words::of_drill(drill.verdict, drill.restoration)),
        ]
    };
    [
        row("RTO", drill.objectives.rto_s, words::rto(drill), &resolution, "rto"),
        row("RPO", drill.objectives.rpo_s, words::rpo(drill), of_writes, "rpo"),
    ]
}
