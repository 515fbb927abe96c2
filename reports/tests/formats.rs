//! The formats of a record for every verdict, as they are read.

use lifeboat_model::{
    CheckRecord, DrillRecord, EnvironmentRecord, Judgement, Measured, Measurements, Objectives,
    PlanReference, Restoration, Rto, RunRecord, Tool, Verdict,
};
use time::macros::datetime;

fn drill(name: &str, verdict: Verdict, judgement: Judgement) -> DrillRecord {
    DrillRecord {
        name: name.into(),
        scenario: "rds-failover".into(),
        target: "orders".into(),
        verdict,
        reason: format!("because it is {}", verdict.name()),
        restoration: Restoration::Clean,
        residue: Vec::new(),
        identity: None,
        hypothesis: String::new(),
        objectives: Objectives { rto_s: Some(120.0), rpo_s: None },
        options: serde_json::Value::Null,
        measurements: Measurements {
            rto: Measured::Value(Rto {
                lower_s: 0.311_234_9,
                upper_s: Some(0.330_456_7),
                probe_interval_s: 0.01,
                probe_gap_p99_s: None,
                failures: 31,
                definition: "the time without acknowledged inserts".into(),
            }),
            ..Measurements::default()
        },
        streams: Default::default(),
        proof: Vec::new(),
        checks: vec![
            CheckRecord { name: "rto".into(), outcome: judgement, message: "a message about the RTO".into() },
            CheckRecord {
                name: "rpo".into(),
                outcome: Judgement::Unasked,
                message: "the plan sets none".into(),
            },
        ],
        steps: Vec::new(),
        undos: Vec::new(),
        created: Vec::new(),
        observations: Default::default(),
        timeline: Vec::new(),
        lanes: Vec::new(),
    }
}

fn run(drills: Vec<DrillRecord>) -> RunRecord {
    RunRecord {
        schema: "lifeboat.record/1".into(),
        run_id: "20261120-110203-a1b2c3".into(),
        tool: Tool { name: "lifeboat".into(), version: "0.0.0".into(), sha256: None },
        plan: PlanReference { source: "plan.toml".into(), sha256: "00".into(), variables: Vec::new() },
        clock: "monotonic".into(),
        started_at: datetime!(2026-11-20 11:02:03 UTC),
        ended_at: datetime!(2026-11-20 11:02:10 UTC),
        duration_s: 7.0,
        complete: true,
        operator: None,
        interrupted_by: None,
        stopped_by: None,
        clock_steps: Vec::new(),
        environment: EnvironmentRecord {
            name: "sandbox".into(),
            provider: "sandbox".into(),
            region: "us-east-1".into(),
            account: None,
            endpoint: None,
            runtime: Some("native".into()),
            simulated: true,
            production: false,
            change_ticket: None,
        },
        verdict: Verdict::of_run(drills.iter().map(|drill| drill.verdict)),
        restoration: drills.iter().map(|drill| drill.restoration).max().unwrap_or(Restoration::Clean),
        drills,
        files: Vec::new(),
        exit_code: 0,
    }
}

/// One drill of each verdict, and one that left something behind.
fn one_of_each() -> RunRecord {
    let mut aborted = drill("aborted", Verdict::Aborted, Judgement::Inconclusive);
    aborted.measurements.rto = Measured::not("the drill ended before it");
    let mut skipped = drill("skipped", Verdict::Skipped, Judgement::Passed);
    skipped.checks.clear();
    let mut residue = drill("residue", Verdict::Passed, Judgement::Passed);
    residue.restoration = Restoration::Residue;
    residue.residue = vec!["not done: drop schema `lifeboat_x` on `orders` (connection refused)".into()];
    run(vec![
        drill("passed", Verdict::Passed, Judgement::Passed),
        drill("failed", Verdict::Failed, Judgement::Failed),
        drill("errored", Verdict::Errored, Judgement::Inconclusive),
        drill("invalid", Verdict::Invalid, Judgement::Invalid),
        drill("inconclusive", Verdict::Inconclusive, Judgement::Inconclusive),
        aborted,
        skipped,
        residue,
    ])
}

fn junit_text(record: &RunRecord) -> String {
    String::from_utf8(lifeboat_reports::junit(record).expect("XML")).expect("UTF-8")
}

#[test]
fn junit_of_every_verdict() {
    insta::assert_snapshot!(junit_text(&one_of_each()));
}

#[test]
fn summary_of_every_verdict() {
    insta::assert_snapshot!(lifeboat_reports::summary(&one_of_each()));
}

#[test]
fn verdict_document_of_every_verdict() {
    insta::assert_json_snapshot!(lifeboat_reports::verdict(&one_of_each()));
}

trait CountCdata {
    /// How many CDATA sections hold this text.
    fn count_cdata(self, text: &str) -> usize;
}

impl CountCdata for quick_xml::Reader<&[u8]> {
    fn count_cdata(mut self, text: &str) -> usize {
        let mut found = 0;
        loop {
            match self.read_event().expect("well-formed") {
                quick_xml::events::Event::Eof => return found,
                quick_xml::events::Event::CData(data) => {
                    found += usize::from(String::from_utf8_lossy(&data).contains(text));
                }
                _ => {}
            }
        }
    }
}

/// Names and messages that would break XML or a terminal.
#[test]
fn hostile_text_stays_inert() {
    let hostile = "a\u{1b}[31m\0]]>\u{ffff}<script>&\"'🚀\nb";
    let mut record = one_of_each();
    for drill in &mut record.drills {
        drill.name.push_str(hostile);
        drill.reason.push_str(hostile);
        for check in &mut drill.checks {
            check.message.push_str(hostile);
        }
        for left in &mut drill.residue {
            left.push_str(hostile);
        }
    }
    let xml = junit_text(&record);
    let mut reader = quick_xml::Reader::from_str(&xml);
    let mut messages = 0;
    loop {
        match reader.read_event().expect("well-formed") {
            quick_xml::events::Event::Eof => break,
            quick_xml::events::Event::Start(tag) | quick_xml::events::Event::Empty(tag) => {
                for attribute in tag.attributes() {
                    let attribute = attribute.expect("a well-formed attribute");
                    let value = attribute
                        .normalized_value(quick_xml::XmlVersion::Implicit1_0)
                        .expect("no stray entity");
                    messages += u32::from(value.contains("🚀"));
                }
            }
            _ => {}
        }
    }
    assert!(messages > 8, "the text is there, {messages} times");
    let outputs = quick_xml::Reader::from_str(&xml).count_cdata("<script>");
    assert!(outputs > 8, "the output is there as text, {outputs} times");
    assert!(!xml.chars().any(|c| (c.is_control() && !"\t\r\n".contains(c)) || c == '\u{ffff}'));

    let text = lifeboat_reports::summary(&record);
    assert!(text.contains("🚀"));
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "no control character reaches the terminal");
    assert_eq!(text.lines().count(), lifeboat_reports::summary(&one_of_each()).lines().count());
}

#[test]
fn testcase_names_are_unique_and_times_have_three_decimals() {
    let xml = junit_text(&one_of_each());
    let names: Vec<&str> =
        xml.split("<testcase name=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let unique: std::collections::BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(names.len(), unique.len(), "{names:?}");
    assert!(
        xml.contains("name=\"passed/rto\" time=\"0.33\""),
        "the rto's time is the measured upper bound: {xml}"
    );
}
