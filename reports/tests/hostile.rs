//! Records that mean harm, or are too much: names that would be markup, and a million attempts.

mod support;

use std::time::{Duration, Instant};

use lifeboat_model::{Lane, LaneSpan, RunRecord, Stream};

use support::kept;

const HOSTILE: &str =
    "<script>alert(1)</script>|=cmd()|`x`\n]]>\u{1b}[31m\u{202e}\u{7}\u{200f}@all #1 [a](http://b) \"'&$x$";

/// Every text of the record that a person, a server or a file may have had a hand in.
fn hostile() -> RunRecord {
    let mut value = serde_json::to_value(kept()).expect("JSON");
    let kept_as_they_are = [
        "phase",
        "verdict",
        "restoration",
        "outcome",
        "stream",
        "at",
        "kind",
        "schema",
        "started_at",
        "ended_at",
        "created_at",
        "events",
    ];
    spoil(&mut value, &kept_as_they_are);
    serde_json::from_value(value).expect("a record")
}

fn spoil(value: &mut serde_json::Value, but: &[&str]) {
    match value {
        serde_json::Value::String(text) => text.push_str(HOSTILE),
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| spoil(item, but)),
        // A mark's name is the drill's own, and tells the fault.
        serde_json::Value::Object(fields) if fields.get("kind").is_some_and(|kind| kind == "mark") => {}
        serde_json::Value::Object(fields) => {
            fields
                .iter_mut()
                .filter(|(name, _)| !but.contains(&name.as_str()))
                .for_each(|(_, value)| spoil(value, but));
        }
        _ => {}
    }
}

/// What no report may hold as a character of its own.
fn misleads(text: &str) -> Option<char> {
    text.chars().find(|c| (c.is_control() && !"\n\t".contains(*c)) || matches!(c, '\u{202e}' | '\u{200f}'))
}

#[test]
fn a_page_is_text_whatever_the_names_are() {
    let page = String::from_utf8(lifeboat_reports::html(&hostile()).expect("a page")).expect("UTF-8");
    let usual = String::from_utf8(lifeboat_reports::html(&kept()).expect("a page")).expect("UTF-8");
    assert!(
        page.contains("&#60;script&#62;alert(1)") && !page.contains("<script"),
        "as text and not as a tag"
    );
    assert_eq!(misleads(&page), None);
    // As many tags of each kind as without them, but for what the data decides.
    for tag in [
        "<a ", "<svg ", "<table", "<style", "<meta", "<article", "<img", "<iframe", "<link", " style=", " on",
    ] {
        let counts = [&page, &usual].map(|page| page.matches(tag).count());
        if tag == " on" {
            assert!(!page.contains(" onload=") && !page.contains(" onerror="));
        } else {
            assert_eq!(counts[0], counts[1], "{tag}");
        }
    }
    let badge = lifeboat_reports::badge(&hostile()).expect("a badge");
    assert_eq!((misleads(&badge), badge.contains("<script")), (None, false));
    let mut reader = quick_xml::Reader::from_str(&badge);
    while reader.read_event().expect("well-formed") != quick_xml::events::Event::Eof {}
}

#[test]
fn markdown_is_text_whatever_the_names_are() {
    let mut record = hostile();
    record.drills[0].verdict = lifeboat_model::Verdict::Failed;
    record.drills[0].checks[0].outcome = lifeboat_model::Judgement::Failed;
    let text = lifeboat_reports::markdown(&record);
    assert_eq!(misleads(&text), None);
    // Outside of code, where nothing is markup.
    let outside: String = text.lines().map(|line| without_code(line) + "\n").collect();
    for part in ["<script", "@all", " #1", "[a](", "http://", "|=cmd"] {
        assert!(!outside.contains(part), "`{part}` is in {outside}");
    }
    assert!(outside.contains("&lt;script&gt;"), "{outside}");
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| ")).collect();
    assert_eq!(rows.len(), record.drills.len() + 1, "a name with a line feed makes no row");
    for row in rows {
        assert_eq!(row.replace("\\|", "").matches('|').count(), 7, "{row}");
    }
}

/// A line without its code spans; the fence of each is as long as at its beginning.
fn without_code(line: &str) -> String {
    let (mut out, mut rest) = (String::new(), line);
    while let Some(place) = rest.find('`') {
        let escaped = rest[..place].ends_with('\\');
        let fence: String = rest[place..].chars().take_while(|c| *c == '`').collect();
        out.push_str(&rest[..place]);
        rest = &rest[place + fence.len()..];
        if !escaped {
            let end = rest
                .match_indices(&fence)
                .find(|(at, _)| !rest[..*at].ends_with('`') && !rest[at + fence.len()..].starts_with('`'));
            rest = end.map_or(rest, |(at, _)| &rest[at + fence.len()..]);
        }
    }
    out + rest
}

#[test]
fn metrics_are_lines_whatever_the_names_are() {
    let (text, usual) = (lifeboat_reports::openmetrics(&hostile()), lifeboat_reports::openmetrics(&kept()));
    assert_eq!(misleads(&text), None);
    assert_eq!(text.lines().count(), usual.lines().count());
}

/// Where attempts fail and succeed by turns, each is a run of its own.
#[test]
fn a_million_attempts_are_a_page_of_less_than_a_megabyte() {
    let mut record = kept();
    let drill = &mut record.drills[0];
    let at = |n: u32| 0.5 + f64::from(n) * 3e-6;
    let spans = (0..1_000_000).map(|n| LaneSpan {
        ok: n % 2 == 0,
        from_s: at(n),
        to_s: at(n) + 2e-6,
        attempts: 1,
        slowest_ms: 0.002,
        error: (n % 2 == 1).then(|| format!("the failure of attempt {n}")),
        last_error: None,
    });
    drill.lanes = vec![Lane { stream: Stream::Write, spans: spans.collect() }];
    let began = Instant::now();
    let page = String::from_utf8(lifeboat_reports::html(&record).expect("a page")).expect("UTF-8");
    let took = began.elapsed();
    println!("{} bytes in {took:?}", page.len());
    assert!(page.len() < 1_000_000, "{} bytes", page.len());
    assert!(took < Duration::from_secs(10), "{took:?}");
    for text in ["the failure of attempt 1<", "the failure of attempt 999999<", "500000 failed attempts"] {
        assert!(page.contains(text), "{text}");
    }
}
