//! The HTML report as a browser and an accessibility checker see it, and the metrics as their parser does.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use lifeboat_model::{Judgement, Measured, Restoration, RunRecord, Stream, Verdict};

use support::{kept, python, with, with_history};

/// What a Python script says, and whether it ended well.
fn run(command: &mut Command) -> String {
    let output = command.output().expect("Python runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// What is wrong with some pages, in a browser.
fn problems(folder: &Path, how: &[&str], pages: &[PathBuf]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser.py");
    run(Command::new(python()).arg(script).args(how).arg(folder).args(pages))
}

/// A real run of these drills.
fn of(drills: &[usize]) -> RunRecord {
    let mut record = kept();
    record.drills = drills.iter().map(|place| record.drills[*place].clone()).collect();
    record
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// A real run whose first drill missed its objectives, lost a write and left something behind.
fn failed() -> RunRecord {
    let mut record = of(&[0]);
    let drill = &mut record.drills[0];
    (drill.verdict, drill.restoration) = (Verdict::Failed, Restoration::Residue);
    drill.reason = "recovered within 2.31 s (at least 2.20 s), objective 0.5 s".into();
    drill.objectives.rto_s = Some(0.5);
    if let Measured::Value(rto) = &mut drill.measurements.rto {
        (rto.lower_s, rto.upper_s) = (2.2, Some(2.31));
    }
    drill.residue = vec!["not done: drop schema `lifeboat_x` on `orders` (connection refused)".into()];
    for check in drill.checks.iter_mut().take(2) {
        check.outcome = Judgement::Failed;
    }
    for span in drill.lanes.iter_mut().flat_map(|lane| &mut lane.spans).filter(|span| !span.ok) {
        span.to_s += 1.9;
    }
    with(record)
}

fn invalid() -> RunRecord {
    let mut record = of(&[0]);
    let drill = &mut record.drills[0];
    drill.verdict = Verdict::Invalid;
    drill.reason = "the control plane said yes, and the same server answers in the same zone".into();
    drill.checks[2].outcome = Judgement::Invalid;
    drill.measurements.rto = Measured::not("the fault is not proved");
    drill.lanes.retain(|lane| lane.stream != Stream::Write);
    with(record)
}

#[test]
fn a_browser_has_nothing_to_say_against_them() {
    let folder = folder("pages");
    let pages = [
        ("passed", of(&[0, 2])),
        ("failed", failed()),
        ("invalid", invalid()),
        ("trend", with_history(of(&[0]))),
    ]
    .map(|(name, record)| {
        let path = folder.join(format!("{name}.html"));
        std::fs::write(&path, lifeboat_reports::html(&record).expect("a page")).expect("written");
        path
    });
    println!("screenshots are in {}", folder.display());
    assert_eq!(problems(&folder, &[], &pages), "");
}

/// The looks themselves find what they look for.
#[test]
fn a_browser_finds_what_is_wrong_with_a_page() {
    let folder = folder("wrong-pages");
    let page = String::from_utf8(lifeboat_reports::html(&of(&[0])).expect("a page")).expect("UTF-8");
    let wrong = page
        .replace("<html lang=\"en\">", "<html>")
        .replace("<main>", "<main><p style=\"color:red\">x</p>")
        .replace(">connect</text>", ">connect</text><text x=\"960\" y=\"70\">a text</text>")
        .replace(
            ">read</text>",
            ">read</text><text x=\"20\" y=\"70\">a text</text><text x=\"30\" y=\"72\">another</text>",
        );
    // Without the policy, what the policy would keep from being asked for.
    let open = page
        .replace("http-equiv=\"Content-Security-Policy\"", "name=\"policy\"")
        .replace("<main>", "<main><img src=\"http://127.0.0.1:9/x.png\" alt=\"x\">");
    let pages = [("wrong", wrong), ("open", open)].map(|(name, page)| {
        let path = folder.join(format!("{name}.html"));
        std::fs::write(&path, page).expect("written");
        path
    });
    let found = problems(&folder, &["--once"], &pages);
    let parts = [
        "html-has-lang",
        "request: http://127.0.0.1:9/x.png",
        "Content Security Policy",
        "lie on each other",
        "hangs out of its drawing",
    ];
    for part in parts {
        assert!(found.contains(part), "`{part}` is not in {found}");
    }
}

const PARSE: &str = "
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus
text = sys.stdin.read()
for parse in (openmetrics, prometheus):
    samples = [sample for family in parse(text) for sample in family.samples]
    drills = {sample.labels['drill'] for sample in samples if 'drill' in sample.labels}
    print(len(samples), len(drills))
";

#[test]
fn both_parsers_read_the_metrics() {
    let mut record = kept();
    record.drills[0].name = "\"a\\b\n{}\u{1b},=é\\".into();
    let path = folder("metrics").join("metrics.prom");
    let text = lifeboat_reports::openmetrics(&record);
    std::fs::write(&path, &text).expect("written");
    let file = || std::fs::File::open(&path).expect("the file");
    let said = run(Command::new(python()).args(["-c", PARSE]).stdin(file()));
    let lines = text.lines().filter(|line| !line.starts_with('#')).count();
    let drills = record.drills.len();
    assert_eq!(said, format!("{lines} {drills}\n{lines} {drills}"));
    // Not every text is one.
    std::fs::write(&path, text.replace("# EOF\n", "")).expect("written");
    let output = Command::new(python()).args(["-c", PARSE]).stdin(file()).output().expect("Python runs");
    assert!(!output.status.success());
}
