//! `lifeboat report`, and the reports that a run writes: from the record alone, and what is wrong with it is named.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::history_in_s3::kept_run;
use crate::support::{
    Ended, External, Lab, PLAIN_SEED, Process, Run, exhaustion_plan, failover_plan, repository,
};

const MINUTE: Duration = Duration::from_secs(60);

const FILES: [(&str, &str); 5] = [
    ("html", "report.html"),
    ("markdown", "report.md"),
    ("openmetrics", "metrics.prom"),
    ("badge", "badge.svg"),
    ("junit", "junit.xml"),
];

fn report(lab: &Lab, dir: &Path, arguments: &[&str]) -> Ended {
    Process::start(lab, lab.lifeboat().arg("report").arg(dir).args(arguments)).wait(MINUTE)
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn a_run_writes_them_and_its_record_alone_gives_the_same() {
    let lab = Lab::new();
    let sandbox = External::start(&lab, PLAIN_SEED);
    let plan = lab.write("plan.toml", &exhaustion_plan("hold = '500ms'\nstable_for = '500ms'"));
    let summary = lab.write("summary.md", "before\n");
    let mut command = lab.lifeboat();
    command.envs(&sandbox.exports).env("GITHUB_STEP_SUMMARY", &summary).arg("run").arg(plan);
    command.args(["--confirm", &sandbox.plain_address()]);
    let run = Run::of(&lab, command, "run");
    let dir = run.dir.clone();
    run.finish(MINUTE).0.expect_code(0);
    sandbox.stop(&lab);
    let alone = lab.path("alone");
    std::fs::create_dir(&alone).expect("a folder");
    std::fs::copy(dir.join("record.json"), alone.join("record.json")).expect("copied");
    for (format, name) in FILES {
        let out = lab.path(name);
        let ended = report(&lab, &alone, &["--format", format, "--out", out.to_str().expect("UTF-8")]);
        assert_eq!(ended.expect_code(0).stdout, "", "{format}");
        assert_eq!(read(&out), read(&dir.join(name)), "{format}");
        assert_eq!(report(&lab, &alone, &["--format", format]).expect_code(0).stdout, read(&out), "{format}");
    }
    assert_eq!(report(&lab, &alone, &["--format", "json"]).stdout, read(&dir.join("record.json")));
    assert!(report(&lab, &alone, &["--format", "summary"]).stdout.contains("PASSED"));
    assert_eq!(read(&summary), format!("before\n{}\n", read(&dir.join("report.md"))));
}

#[test]
fn what_is_wrong_with_a_record_is_named() {
    let lab = Lab::new();
    let dir = lab.path("run");
    std::fs::create_dir(&dir).expect("a folder");
    let refused = |parts: &[&str]| {
        let ended = report(&lab, &dir, &["--format", "html"]);
        ended.expect_code(2).expect_stderr(parts);
        assert_eq!(ended.stdout, "");
    };
    refused(&["record.json", "No such file", "give the folder of a run"]);
    let kept = read(&repository().join("reports/tests/old/record-1.json"));
    let of = |text: &str| std::fs::write(dir.join("record.json"), text).expect("written");
    of("{");
    refused(&["EOF while parsing", "lifeboat judge"]);
    of("{}");
    refused(&["does not say its format"]);
    of(&kept.replace("lifeboat.record/1", "lifeboat.record/2"));
    refused(&["its format is `lifeboat.record/2`", "use the lifeboat that wrote it"]);
    of(&kept.replacen("\"exit_code\": 0", "\"exit_code\": \"x\"", 1));
    refused(&["invalid type: string", "it was changed"]);
    std::fs::remove_file(dir.join("record.json")).expect("removed");
    std::fs::create_dir(dir.join("record.json")).expect("a folder");
    refused(&["not a file"]);
    std::fs::remove_dir(dir.join("record.json")).expect("removed");
    of(&kept);
    report(&lab, &dir, &["--format", "html"]).expect_code(0);
    let nowhere = report(&lab, &dir, &["--format", "html", "--out", "/proc/lifeboat/report.html"]);
    nowhere.expect_code(2).expect_stderr(&["cannot write", "/proc/lifeboat/report.html"]);
}

/// A disk that is full where stdout goes is no success; a reader that has gone is none of its business.
#[test]
fn what_cannot_be_written_to_stdout_is_said() {
    let lab = Lab::new();
    kept_run(&lab, "run", "20261122-011126-000001", &[]);
    let plan = lab.write("plan.toml", &failover_plan("controls = ['soc2:A1.2']"));
    let plan = plan.to_str().expect("UTF-8");
    let lifeboat = |arguments: &[&str], stdout| {
        Process::start_into(&lab, lab.lifeboat().args(arguments), stdout).wait(MINUTE)
    };
    lifeboat(&["keygen", "--out", "drill.key"], None).expect_code(0);
    let judge = ["judge", "run", "--history", "h.jsonl", "--sign-key", "drill.key"];
    lifeboat(&judge, None).expect_code(0);
    // One that names a control.
    let old = read(&repository().join("reports/tests/old/record-1.json"));
    let mut record: Value = serde_json::from_str(&old).expect("JSON");
    record["drills"][0]["controls"] = json!(["soc2:A1.2"]);
    std::fs::create_dir(lab.path("named")).expect("a folder");
    lab.write("named/record.json", &record.to_string());
    for (code, arguments) in [
        (2, &["schema", "plan"][..]),
        (2, &["report", "run", "--format", "summary"]),
        (2, &["controls", "named"]),
        (1, &["judge", "run"]),
        (1, &["list"]),
        (1, &["plan", plan]),
        (1, &["iam-policy", plan, "--account", "123456789012"]),
        (1, &["history", "h.jsonl"]),
        (1, &["diff", "run", "run"]),
        (1, &["verify", "run", "--key", "drill.pub", "--history", "h.jsonl"]),
    ] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("a full disk");
        let unwritten = lifeboat(arguments, Some(full.into()));
        unwritten.expect_code(code).expect_stderr(&["cannot write to standard output", "No space left"]);
        assert_eq!(unwritten.stderr.matches("cannot write").count(), 1, "{unwritten}");
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let unread = lifeboat(arguments, Some(writer.into()));
        assert!(!unread.expect_code(0).stderr.contains("cannot write"), "{unread}");
    }
}
