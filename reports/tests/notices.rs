//! What a notice says for every verdict, as it is sent.

mod support;

use lifeboat_model::{ClockStep, NoticeRecord, RunRecord, Verdict};
use lifeboat_reports::{
    is_failure, notice_document, notice_slack, notice_subject, notice_text, pushgateway_path,
};

use support::{kept, one_of, one_of_each};

const FOLDER: &str = "lifeboat-runs/20261120-110203-a1b2c3";

fn each() -> impl Iterator<Item = RunRecord> {
    one_of_each().drills.into_iter().map(one_of)
}

/// The single runs tell what is to be done after each, and the one of all of them what comes first.
#[test]
fn text_of_every_verdict() {
    let mut all = vec![notice_text(&one_of_each(), FOLDER)];
    all.extend(each().map(|record| notice_text(&record, FOLDER)));
    insta::assert_snapshot!(all.join("\n=====\n"));
}

#[test]
fn subject_of_every_verdict() {
    let subjects: Vec<String> = each().map(|record| notice_subject(&record)).collect();
    insta::assert_snapshot!(subjects.join("\n"));
}

#[test]
fn document_of_every_verdict() {
    insta::assert_json_snapshot!(notice_document(&one_of_each(), FOLDER));
}

#[test]
fn only_what_passed_whole_and_was_put_back_is_no_failure() {
    let no_failure: Vec<String> =
        each().filter(|record| !is_failure(record)).map(|record| record.drills[0].name.clone()).collect();
    assert_eq!(no_failure, ["passed"]);
    let mut passed = each().next().expect("the one that passed");
    passed.complete = false;
    assert!(is_failure(&passed), "what it says of its end holds nothing");
}

#[test]
fn a_run_that_was_not_whole_says_so_and_what_to_do() {
    let mut record = each().next().expect("the one that passed");
    (record.complete, record.verdict) = (false, Verdict::Errored);
    assert_eq!(notice_subject(&record), "lifeboat: ERRORED, incomplete, simulated: sandbox");
    let text = notice_text(&record, FOLDER);
    for part in
        ["did not come to its end", "proves nothing", "`lifeboat undo lifeboat-runs/20261120-110203-a1b2c3`"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
}

const HOSTILE: &str =
    "é\n\u{1b}[31m<!channel> <https://evil.example|x> @here https://evil.example [a](http://b) ![i](j)";

fn hostile() -> RunRecord {
    let mut record = one_of_each();
    record.environment.name.push_str(HOSTILE);
    record.run_id.push_str(HOSTILE);
    for drill in &mut record.drills {
        for text in [&mut drill.name, &mut drill.target, &mut drill.scenario, &mut drill.reason] {
            text.push_str(HOSTILE);
        }
        drill.residue.iter_mut().for_each(|left| left.push_str(HOSTILE));
    }
    record
}

#[test]
fn a_subject_is_what_sns_takes() {
    let mut record = hostile();
    record.environment.name = "é".repeat(300);
    for record in [record, hostile()] {
        let subject = notice_subject(&record);
        assert!(subject.len() < 100 && subject.starts_with("lifeboat: FAILED"), "{subject}");
        assert!(subject.chars().all(|c| c == ' ' || c.is_ascii_graphic()), "{subject:?}");
    }
}

#[test]
fn names_from_outside_call_nobody_and_move_no_cursor() {
    let folder = format!("runs/{HOSTILE}");
    let text = notice_text(&hostile(), &folder);
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
    assert_eq!(
        text.lines().count(),
        notice_text(&one_of_each(), FOLDER).lines().count(),
        "no line is made up"
    );
    let message: serde_json::Value = serde_json::from_str(&notice_slack(&hostile(), &folder)).expect("JSON");
    assert_eq!(message["mrkdwn"], false);
    let said = message["text"].as_str().expect("a text");
    assert!(said.contains("evil.example"), "it is there as text");
    for part in ["<", ">", "@h", "@c", "://", "]("] {
        assert!(!said.contains(part), "{part} in {said}");
    }
}

#[test]
fn it_is_short_whatever_a_server_says() {
    let mut record = one_of_each();
    let one = record.drills[1].clone();
    record.drills.extend((0..500).map(|_| one.clone()));
    assert!(notice_text(&record, FOLDER).ends_with("\nand 478 more: see report.html\n"));
    for drill in &mut record.drills {
        drill.reason = "why ".repeat(2_000);
        drill.residue = vec!["left ".repeat(200); 100];
    }
    record.clock_steps = vec![ClockStep { by_s: 3.0, at_s: 1.0 }; 500];
    let text = notice_text(&record, FOLDER);
    let slack: serde_json::Value = serde_json::from_str(&notice_slack(&record, FOLDER)).expect("JSON");
    for text in [&text, slack["text"].as_str().expect("a text")] {
        assert!((29_000..=30_000).contains(&text.len()), "{} bytes", text.len());
        assert!(text.contains("left behind: 95 more") && text.ends_with("… and more: see report.html\n"));
        // What somebody has to do is before all that may be cut.
        let next = text.find("takes back what was left behind").expect("what to do");
        assert!(next < text.find("(rds-failover").expect("a drill") && next < 5_000, "{text}");
    }
    // Of what is cut, that which passed is the first to go.
    assert!(
        text.contains("failed (rds-failover") && !text.contains("passed (rds-failover on orders): passed\n")
    );
}

#[test]
fn a_notice_that_failed_is_a_warning_in_every_report() {
    let mut record = each().next().expect("the one that passed");
    let notice = |name: &str, error: Option<&str>| NoticeRecord {
        name: name.into(),
        kind: "slack".into(),
        error: error.map(Into::into),
    };
    record.notices = vec![notice("well", None), notice("ops", Some("it answers 500 Internal Server Error"))];
    let html = String::from_utf8(lifeboat_reports::html(&record).expect("a page")).expect("UTF-8");
    for report in [lifeboat_reports::summary(&record), lifeboat_reports::markdown(&record), html] {
        let flat = report.replace(['\\', '`'], "").replace("&#96;", "");
        assert!(
            flat.contains("the notice ops (slack) was not sent: it answers 500 Internal Server Error"),
            "{flat}"
        );
        assert!(!flat.contains("well"), "one that was sent needs no words: {flat}");
    }
    // It changes nothing else.
    let mut before = record.clone();
    before.notices.clear();
    assert_eq!(lifeboat_reports::verdict(&record), lifeboat_reports::verdict(&before));
    assert_eq!(lifeboat_reports::openmetrics(&record), lifeboat_reports::openmetrics(&before));
}

#[test]
fn a_step_of_the_wall_clock_is_named_in_every_report() {
    let mut record = each().next().expect("the one that passed");
    record.clock_steps = vec![ClockStep { by_s: 30.0, at_s: 1.0 }, ClockStep { by_s: -20.0, at_s: 2.0 }];
    let html = String::from_utf8(lifeboat_reports::html(&record).expect("a page")).expect("UTF-8");
    let texts = [lifeboat_reports::summary(&record), notice_text(&record, FOLDER)];
    for report in texts.into_iter().chain([lifeboat_reports::markdown(&record), html]) {
        for said in ["set forward by 30", "or the machine slept", "set back by 20"] {
            assert!(report.contains(said), "`{said}` is not in {report}");
        }
    }
}

#[test]
fn a_group_of_a_pushgateway_has_any_name() {
    let mut record = kept();
    record.environment.name = "eu/prod ü".into();
    record.plan.source = "plans/daily.toml".into();
    assert_eq!(
        pushgateway_path(&record),
        "/metrics/job/lifeboat/environment@base64/ZXUvcHJvZCDDvA/plan@base64/ZGFpbHkudG9tbA"
    );
    record.environment.name.clear();
    assert!(pushgateway_path(&record).contains("/environment@base64/=/plan@base64/"));
}
