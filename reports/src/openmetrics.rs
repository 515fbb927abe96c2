//! Metrics of a run, for a folder that node_exporter's textfile collector reads, or for a Pushgateway.
//!
//! The text is valid OpenMetrics and valid in Prometheus' own format, which that collector reads: all are gauges without
//! timestamps, no name ends as OpenMetrics keeps for other kinds (`_total`, `_created`, `_bucket`), and `# EOF`, which
//! OpenMetrics wants, is a comment to Prometheus. What was not measured has no line; an outage whose end was not seen has
//! the upper bound +Inf.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lifeboat_model::{DrillRecord, Measured, Restoration, Rpo, RunRecord, Verdict};

use crate::inert::inert_line;

const VERDICTS: [Verdict; 7] = [
    Verdict::Passed,
    Verdict::Failed,
    Verdict::Errored,
    Verdict::Aborted,
    Verdict::Invalid,
    Verdict::Inconclusive,
    Verdict::Skipped,
];

/// Labels and value of a line.
type Sample = (String, f64);

/// The metrics of a record.
pub fn openmetrics(record: &RunRecord) -> String {
    let mut text = String::new();
    let environment = &record.environment;
    let of_run = labels(&[
        ("environment", &environment.name),
        ("simulated", if environment.simulated { "true" } else { "false" }),
    ]);
    let info = labels(&[
        ("run_id", &record.run_id),
        ("version", &record.tool.version),
        ("provider", &environment.provider),
        ("region", &environment.region),
        ("plan_sha256", &record.plan.sha256),
    ]);
    let verdicts = |of: &str, verdict: Verdict| -> Vec<Sample> {
        let one = |name: Verdict| {
            (format!("{of},verdict=\"{}\"", name.name()), f64::from(u8::from(name == verdict)))
        };
        VERDICTS.map(one).into()
    };
    let mut family = |name: &str, help: &str, samples: Vec<Sample>| {
        if samples.is_empty() {
            return;
        }
        let _ = writeln!(text, "# HELP lifeboat_{name} {help}\n# TYPE lifeboat_{name} gauge");
        for (labels, value) in samples {
            let value = if value == f64::INFINITY { "+Inf".into() } else { value.to_string() };
            let _ = writeln!(text, "lifeboat_{name}{{{labels}}} {value}");
        }
    };

    family("run_info", "What made the last run.", vec![(format!("{of_run},{info}"), 1.0)]);
    let ended = record.ended_at.unix_timestamp_nanos() / 1_000_000;
    family(
        "run_timestamp_seconds",
        "When the last run ended, seconds since 1970.",
        vec![(of_run.clone(), ended as f64 / 1e3)],
    );
    family("run_duration_seconds", "How long the run took.", vec![(of_run.clone(), record.duration_s)]);
    family("run_verdict", "1 for what the run came to, 0 for the rest.", verdicts(&of_run, record.verdict));
    let residue = f64::from(u8::from(record.restoration == Restoration::Residue));
    family("run_residue", "1 if something was left behind.", vec![(of_run, residue)]);

    let drills: Vec<(&DrillRecord, String)> =
        record.drills.iter().map(|drill| (drill, of_drill(record, drill))).collect();
    let each = |sample: &dyn Fn(&DrillRecord, &str) -> Vec<Sample>| -> Vec<Sample> {
        drills.iter().flat_map(|(drill, labels)| sample(drill, labels)).collect()
    };
    let one = |value: Option<f64>, labels: &str| {
        value.map(|value| (labels.to_owned(), value)).into_iter().collect()
    };
    family(
        "drill_verdict",
        "1 for what the drill came to, 0 for the rest.",
        each(&|drill, labels| verdicts(labels, drill.verdict)),
    );
    family(
        "drill_rto_seconds",
        "The measured recovery time: an interval that holds the truth.",
        each(&|drill, labels| match &drill.measurements.rto {
            Measured::Value(rto) => bounds(labels, rto.lower_s, rto.upper_s),
            Measured::Not { .. } => Vec::new(),
        }),
    );
    family(
        "drill_rto_objective_seconds",
        "The recovery time objective.",
        each(&|drill, labels| one(drill.objectives.rto_s, labels)),
    );
    family(
        "drill_rpo_seconds",
        "The measured recovery point: an interval that holds the truth.",
        each(&|drill, labels| match &drill.measurements.rpo {
            Measured::Value(Rpo::Window(window)) => bounds(labels, window.lower_s, Some(window.upper_s)),
            Measured::Value(Rpo::Writes(loss)) => {
                bounds(labels, loss.lost_span.lower_s, loss.lost_span.upper_s)
            }
            Measured::Not { .. } => Vec::new(),
        }),
    );
    family(
        "drill_rpo_objective_seconds",
        "The recovery point objective.",
        each(&|drill, labels| one(drill.objectives.rpo_s, labels)),
    );
    let writes = |of: fn(&lifeboat_model::WriteLoss) -> u64| {
        each(&|drill, labels| match &drill.measurements.rpo {
            Measured::Value(Rpo::Writes(loss)) => vec![(labels.to_owned(), of(loss) as f64)],
            _ => Vec::new(),
        })
    };
    family(
        "drill_acknowledged_writes",
        "The drill's own writes that were acknowledged.",
        writes(|loss| loss.acknowledged),
    );
    family(
        "drill_lost_writes",
        "Of those, the ones that were not there afterwards.",
        writes(|loss| loss.lost),
    );
    family(
        "drill_residue",
        "How much was left behind.",
        each(&|drill, labels| vec![(labels.to_owned(), drill.residue.len() as f64)]),
    );
    text.push_str("# EOF\n");
    text
}

/// Where a Pushgateway keeps the metrics of a record: what is put there takes the place of what was there. A group is a plan's
/// file in an environment, so that the drills of one plan do not take away those of another.
///
/// The values are in base64 (RFC 4648, for addresses): names may hold a `/`, which a path cannot.
pub fn pushgateway_path(record: &RunRecord) -> String {
    let plan = record.plan.source.rsplit('/').next().unwrap_or_default();
    let part = |name: &str, value: &str| match inert_line(value) {
        // A Pushgateway's word for nothing.
        empty if empty.is_empty() => format!("/{name}@base64/="),
        value => format!("/{name}@base64/{}", URL_SAFE_NO_PAD.encode(value)),
    };
    format!("/metrics/job/lifeboat{}{}", part("environment", &record.environment.name), part("plan", plan))
}

fn of_drill(record: &RunRecord, drill: &DrillRecord) -> String {
    labels(&[
        ("drill", &drill.name),
        ("target", &drill.target),
        ("environment", &record.environment.name),
        ("simulated", if record.environment.simulated { "true" } else { "false" }),
    ])
}

fn bounds(labels: &str, lower: f64, upper: Option<f64>) -> Vec<Sample> {
    let of = |bound: &str| format!("{labels},bound=\"{bound}\"");
    vec![(of("lower"), lower), (of("upper"), upper.unwrap_or(f64::INFINITY))]
}

fn labels(pairs: &[(&str, &str)]) -> String {
    let one = |(name, value): &(&str, &str)| {
        let value = inert_line(value).replace('\\', "\\\\").replace('"', "\\\"");
        format!("{name}=\"{value}\"")
    };
    pairs.iter().map(one).collect::<Vec<_>>().join(",")
}
