//! The page itself: the verdict, the table of targets and measurements, then drill by drill.

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lifeboat_model::{RunRecord, Verdict};
use sha2::{Digest as _, Sha256};

use super::article::{Article, article, overview};
use super::table::{Cell, Table};
use super::verify;
use crate::words::{self, SIMULATED, Status, date, duration};

/// The only style of the page: the policy names its digest, and nothing else of any kind is let in.
const STYLE: &str = include_str!("../../templates/report.css");

#[derive(Template)]
#[template(path = "report.html")]
struct Page {
    style: &'static str,
    style_digest: String,
    title: String,
    status: Status,
    verdict: Verdict,
    sentence: String,
    /// What it says where the run is no evidence.
    simulated: Option<&'static str>,
    remarks: Vec<String>,
    facts: Vec<(&'static str, String)>,
    overview: Table,
    articles: Vec<Article>,
    files: Option<Table>,
    verify: Option<String>,
    tool: String,
}

/// The HTML report of a record.
///
/// # Errors
/// If the template cannot be filled, which no record causes.
pub fn html(record: &RunRecord) -> Result<Vec<u8>, String> {
    let zero = words::zero(record);
    let head = ["Objective", "Target", "Measured", "Resolution", "Objective is", "Drill"];
    let rows = record.drills.iter().flat_map(overview).collect();
    let files = record.files.iter().map(|file| {
        vec![Cell::code(file.name.clone()), Cell::code(file.sha256.clone()), Cell::number(file.bytes)]
    });
    let files =
        Table::new("Files that the record was made from", &["File", "SHA-256", "Bytes"], files.collect());
    let articles = record.drills.iter().zip(1..).map(|(drill, number)| article(record, drill, number, zero));
    let page = Page {
        style: STYLE,
        style_digest: STANDARD.encode(Sha256::digest(STYLE.as_bytes())),
        title: format!("Recovery drills on {}: {}", record.environment.name, record.verdict.name()),
        status: words::of_drill(record.verdict, record.restoration),
        verdict: record.verdict,
        sentence: words::sentence(record),
        simulated: record.environment.simulated.then_some(SIMULATED),
        remarks: words::remarks(record),
        facts: facts(record),
        overview: Table::new("Target against measured", &head, rows),
        articles: articles.collect(),
        files: files.unless_empty(),
        verify: verify::command(&record.files),
        tool: tool(record),
    };
    page.render().map(String::into_bytes).map_err(|error| error.to_string())
}

fn tool(record: &RunRecord) -> String {
    let digest = record.tool.sha256.as_ref().map(|sha256| format!(", SHA-256 {sha256}")).unwrap_or_default();
    format!("{} {}{digest}", record.tool.name, record.tool.version)
}

fn facts(record: &RunRecord) -> Vec<(&'static str, String)> {
    let environment = &record.environment;
    let mut facts = vec![
        ("Run", record.run_id.clone()),
        ("Started", date(record.started_at)),
        ("Ended", date(record.ended_at)),
        ("Took", duration(record.duration_s)),
        ("Environment", environment.name.clone()),
        ("Production", if environment.production { "yes" } else { "no" }.into()),
        ("Control plane", environment.provider.clone()),
        ("Region", environment.region.clone()),
    ];
    let more = [
        ("Account", environment.account.clone()),
        ("Endpoint", environment.endpoint.clone()),
        ("Servers run as", environment.runtime.clone()),
        ("Operator", record.operator.clone()),
        ("Change ticket", environment.change_ticket.clone()),
    ];
    facts.extend(more.into_iter().filter_map(|(name, value)| Some((name, value?))));
    facts.push(("Plan", record.plan.source.clone()));
    facts.push(("Plan, SHA-256", record.plan.sha256.clone()));
    if !record.plan.variables.is_empty() {
        facts.push(("Variables of the plan", record.plan.variables.join(", ")));
    }
    facts.push(("Clock", record.clock.clone()));
    facts.push(("Made by", tool(record)));
    facts
}
