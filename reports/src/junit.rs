//! JUnit XML for CI servers.
//!
//! One suite for each drill, one testcase for each objective and check, and one for the clean-up. The time of the
//! testcase `…/rto` is the measured RTO, and of `…/rpo` the measured span of writes lost or out of a backup's reach, so that a CI server draws
//! their trend unasked. A drill that could not run, was aborted or proves nothing is an error, never a success, and so is a
//! run that did not come to its end, in a suite of its own.

use junit_report::{ReportBuilder, TestCase, TestCaseBuilder, TestSuiteBuilder};
use lifeboat_model::{DrillRecord, Judgement, Measured, Restoration, Rpo, RunRecord, Verdict};
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, Writer};

use crate::clean_xml;
use crate::controls::{controls_line, evidences};

/// What stands for a run that did not come to its end.
const INCOMPLETE: &str = "the run was killed, or its last lines could not be written: what it says of its end proves nothing; \
                          lifeboat undo makes sure that nothing is left of it";

/// The JUnit report of a record.
///
/// # Errors
/// If the XML cannot be written, which memory alone does not cause.
pub fn junit(record: &RunRecord) -> Result<Vec<u8>, String> {
    let mut report = ReportBuilder::new();
    for drill in &record.drills {
        let mut suite = TestSuiteBuilder::new(&clean_xml(&drill.name));
        suite.set_timestamp(record.started_at);
        for case in cases(record, drill) {
            suite.add_testcase(case);
        }
        report.add_testsuite(suite.build());
    }
    if !record.complete {
        let mut case = TestCaseBuilder::error("lifeboat/complete", span(0.0), "incomplete", INCOMPLETE);
        let case = case.set_classname("lifeboat").set_system_out(INCOMPLETE).build();
        report.add_testsuite(TestSuiteBuilder::new("lifeboat").add_testcase(case).build());
    }
    let mut xml = Vec::new();
    report.build().write_xml(&mut xml).map_err(|error| error.to_string())?;
    with_whole_milliseconds(&xml).map_err(|error| error.to_string())
}

/// The crate adds up the times of a suite's cases as floating-point numbers and writes every digit of the sum; the schema
/// has three after the point.
fn with_whole_milliseconds(xml: &[u8]) -> Result<Vec<u8>, quick_xml::Error> {
    let (mut reader, mut writer) = (Reader::from_reader(xml), Writer::new(Vec::new()));
    loop {
        let event = match reader.read_event()? {
            Event::Eof => return Ok(writer.into_inner()),
            Event::Start(suite) if suite.name().as_ref() == b"testsuite" => {
                let mut rounded = BytesStart::new("testsuite");
                for attribute in suite.attributes() {
                    let attribute = attribute.map_err(quick_xml::Error::from)?;
                    let seconds =
                        std::str::from_utf8(&attribute.value).ok().and_then(|text| text.parse::<f64>().ok());
                    match (attribute.key.as_ref(), seconds) {
                        (b"time", Some(seconds)) => {
                            let text = ((seconds * 1e3).round() / 1e3).to_string();
                            rounded.push_attribute(("time", text.as_str()));
                        }
                        _ => rounded.push_attribute(attribute),
                    }
                }
                Event::Start(rounded)
            }
            other => other,
        };
        writer.write_event(event)?;
    }
}

fn cases(record: &RunRecord, drill: &DrillRecord) -> Vec<TestCase> {
    let mut cases = Vec::new();
    if drill.verdict == Verdict::Skipped {
        cases.push(skipped(drill, "drill", &drill.reason));
    }
    if matches!(drill.verdict, Verdict::Errored | Verdict::Aborted) {
        cases.push(error(drill, "drill", drill.verdict.name(), &drill.reason));
    }
    for check in &drill.checks {
        let seconds = measured(drill, &check.name);
        let (name, message) = (check.name.as_str(), check.message.as_str());
        cases.push(match check.outcome {
            Judgement::Passed => {
                finish(drill, TestCaseBuilder::success(&label(drill, name), span(seconds)), message)
            }
            Judgement::Failed => {
                let message = clean_xml(message);
                let case = TestCaseBuilder::failure(&label(drill, name), span(seconds), "missed", &message);
                finish(drill, case, &message)
            }
            Judgement::Invalid => error(drill, name, "invalid", message),
            Judgement::Inconclusive => error(drill, name, "inconclusive", message),
            Judgement::Unasked => skipped(drill, name, message),
        });
    }
    cases.push(match drill.restoration {
        Restoration::Clean => {
            let text = format!("{} undo actions, nothing left behind", drill.undos.len());
            finish(drill, TestCaseBuilder::success(&label(drill, "clean-up"), span(0.0)), &text)
        }
        Restoration::Residue => error(drill, "clean-up", "residue", &drill.residue.join("; ")),
    });
    // What is evidenced is shown, and what is not is no failure of its own.
    if let Some(line) = controls_line(record, drill) {
        cases.push(match evidences(record, drill) {
            true => finish(drill, TestCaseBuilder::success(&label(drill, "controls"), span(0.0)), &line),
            false => skipped(drill, "controls", &line),
        });
    }
    cases
}

/// The name of a testcase, unique in the file.
fn label(drill: &DrillRecord, name: &str) -> String {
    clean_xml(&format!("{}/{name}", drill.name))
}

fn measured(drill: &DrillRecord, check: &str) -> f64 {
    let measurements = &drill.measurements;
    match (check, &measurements.rto, &measurements.rpo) {
        ("rto", Measured::Value(rto), _) => rto.upper_s.unwrap_or(rto.lower_s),
        ("rpo", _, Measured::Value(Rpo::Writes(loss))) => loss.lost_span_s.unwrap_or(loss.lost_span.lower_s),
        ("rpo", _, Measured::Value(Rpo::Window(window))) => window.upper_s,
        _ => 0.0,
    }
}

/// Whole milliseconds: more than three decimals break the schema that Jenkins reads by.
fn span(seconds: f64) -> junit_report::Duration {
    junit_report::Duration::milliseconds((seconds * 1e3).round() as i64)
}

fn error(drill: &DrillRecord, name: &str, kind: &str, message: &str) -> TestCase {
    let message = clean_xml(message);
    let case = TestCaseBuilder::error(&label(drill, name), span(measured(drill, name)), kind, &message);
    finish(drill, case, &message)
}

fn skipped(drill: &DrillRecord, name: &str, message: &str) -> TestCase {
    let message = clean_xml(message);
    finish(drill, TestCaseBuilder::skipped_with_cause(&label(drill, name), "skipped", &message), &message)
}

/// The message again as output: some readers drop the attribute that carries it.
fn finish(drill: &DrillRecord, mut case: TestCaseBuilder, message: &str) -> TestCase {
    // The crate writes output as one CDATA section and does not look for its end in it.
    let output = clean_xml(message).replace("]]>", "]]]]><![CDATA[>");
    case.set_classname(&clean_xml(&drill.name)).set_system_out(&output).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_suite_has_three_digits_after_its_point() {
        let xml = br#"<testsuites><testsuite name="a &amp; b" time="2.1390000000000002"><testcase time="1.464"/></testsuite></testsuites>"#;
        let rounded = String::from_utf8(with_whole_milliseconds(xml).expect("XML")).expect("UTF-8");
        let expected = r#"<testsuites><testsuite name="a &amp; b" time="2.139"><testcase time="1.464"/></testsuite></testsuites>"#;
        assert_eq!(rounded, expected);
    }
}
