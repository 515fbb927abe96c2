//! The formats of a record for every verdict, as they are read.

mod support;

use lifeboat_model::{Measured, RunRecord, Span, Verdict};
use time::macros::datetime;

use support::{one_of, one_of_each, with_history};

fn junit_text(record: &RunRecord) -> String {
    String::from_utf8(lifeboat_reports::junit(record).expect("XML")).expect("UTF-8")
}

#[test]
fn junit_of_every_verdict() {
    insta::assert_snapshot!(junit_text(&one_of_each()));
}

#[test]
fn markdown_of_every_verdict() {
    insta::assert_snapshot!(lifeboat_reports::markdown(&one_of_each()));
}

#[test]
fn openmetrics_of_every_verdict() {
    insta::assert_snapshot!(lifeboat_reports::openmetrics(&one_of_each()));
}

/// The pages without their style, which is the same in all, and each of one drill, to be short.
#[test]
fn html_of_every_verdict() {
    for drill in one_of_each().drills {
        let name = drill.name.clone();
        let page = String::from_utf8(lifeboat_reports::html(&one_of(drill)).expect("a page")).expect("UTF-8");
        let (before, rest) = page.split_once("<style>").expect("a style");
        let (_, after) = rest.split_once("</style>").expect("its end");
        let (policy, _) = before.split_once("'sha256-").expect("a digest");
        let (_, more) = before.split_once("'; base-uri").expect("more of the policy");
        insta::assert_snapshot!(
            format!("html_{name}"),
            format!("{policy}'sha256-…'; base-uri{more}<style>…</style>{after}")
        );
    }
}

/// Runs that are not like it are not beside it.
#[test]
fn html_of_a_drill_with_earlier_runs() {
    let record = with_history(one_of(one_of_each().drills.swap_remove(0)));
    let page = String::from_utf8(lifeboat_reports::html(&record).expect("a page")).expect("UTF-8");
    let (_, rest) = page.split_once("<h3>Against earlier runs</h3>").expect("the section");
    let (section, _) = rest.split_once("<h3>").expect("its end");
    assert!(!section.contains("unlike"));
    insta::assert_snapshot!(section);
}

/// Whatever an earlier run says, the page of this one can be made, and says no less of it.
#[test]
fn html_of_a_drill_with_strange_earlier_runs() {
    let mut record = with_history(one_of(one_of_each().drills.swap_remove(0)));
    let strange = [(-5.0, Some(1.7e308)), (9.0, Some(1.0)), (0.0, Some(0.0)), (1e300, None)];
    for (line, (lower_s, upper_s)) in record.earlier.iter_mut().zip(strange) {
        line.drills[0].rto = Some(Span { lower_s, upper_s });
        line.drills[0].rto_objective_s = upper_s;
        line.started_at = datetime!(9999-12-31 23:59:59 -23:59);
    }
    let page = |record: &RunRecord| {
        String::from_utf8(lifeboat_reports::html(record).expect("a page")).expect("UTF-8")
    };
    let text = page(&record);
    assert!(!text.contains("NaN") && !text.contains("inf ") && text.contains("RTO of the last 12"));
    assert!(!text.contains("000000000000"), "labels are short");
    for drill in record.earlier.iter_mut().flat_map(|line| &mut line.drills) {
        drill.rto = None;
    }
    record.drills[0].measurements.rto = Measured::not("the drill ended before it");
    let text = page(&record);
    assert!(!text.contains("RTO of the last") && text.contains("This run and the 11 before it"));
}

#[test]
fn badge_of_every_verdict() {
    let badges = one_of_each()
        .drills
        .into_iter()
        .map(|drill| lifeboat_reports::badge(&one_of(drill)).expect("a badge"));
    insta::assert_snapshot!(badges.collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_run_that_was_not_whole_says_so_in_all_formats() {
    let mut record = one_of_each();
    record.drills.truncate(1);
    (record.complete, record.verdict) = (false, Verdict::Errored);
    let html = String::from_utf8(lifeboat_reports::html(&record).expect("a page")).expect("UTF-8");
    for text in [html, lifeboat_reports::markdown(&record)] {
        assert!(text.contains("did not come to its end") && text.contains("proves nothing"), "{text}");
    }
    let metrics = lifeboat_reports::openmetrics(&record);
    assert!(
        metrics.contains(
            "lifeboat_run_verdict{environment=\"sandbox\",simulated=\"true\",verdict=\"errored\"} 1"
        )
    );
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
