//! `run --json`: the journal between a line with the version and one with the verdict, each by the committed schema.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use rstest::rstest;
use serde_json::{Value, json};

use crate::schemas::committed;
use crate::support::{
    External, Lab, PLAIN_SEED, Process, Run, Signal, eventually, exhaustion_plan, schema_problems,
};

const MINUTE: Duration = Duration::from_secs(60);

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

fn journal(dir: &Path) -> Vec<Value> {
    lines(&std::fs::read_to_string(dir.join("journal.jsonl")).expect("the journal"))
}

/// Holds a stream against the run's files: the version, the journal line by line, the verdict.
fn is_whole(stream: &[Value], dir: &Path, code: i32) {
    for (line, problem) in stream.iter().zip(schema_problems(&committed("events"), stream)) {
        assert_eq!(problem, None, "{line}");
    }
    let [head, events @ .., last] = stream else { panic!("too few lines: {stream:?}") };
    assert_eq!(*head, json!({ "schema": "lifeboat.events/1.0", "tool_version": env!("CARGO_PKG_VERSION") }));
    assert_eq!(events, journal(dir));
    assert_eq!(events.last().expect("events")["event"], "run-ended");
    assert_eq!((&last["event"], &last["exit_code"]), (&json!("run-judged"), &json!(code)));
    assert_eq!(last["folder"], dir.to_str().expect("UTF-8"));
    let verdict: Value =
        serde_json::from_slice(&std::fs::read(dir.join("verdict.json")).expect("the verdict")).expect("JSON");
    for key in ["run_id", "verdict", "restoration", "simulated", "drills"] {
        assert_eq!(last[key], verdict[key], "{key}");
    }
}

/// The schema takes events that it does not know, since a newer minor version may have them: those of this one it knows.
fn are_known(stream: &[Value]) {
    let schema: Value =
        serde_json::from_slice(&std::fs::read(committed("events")).expect("read")).expect("JSON");
    let event = &schema["$defs"]["Event"]["oneOf"];
    let known = event
        .as_array()
        .expect("events")
        .iter()
        .filter_map(|branch| branch["properties"]["event"]["const"].as_str());
    let known: BTreeSet<&str> = known.chain(["run-judged"]).collect();
    for line in &stream[1..] {
        let name = line["event"].as_str().expect("a name");
        assert!(known.contains(name), "{name} is not in {known:?}");
    }
}

/// Every way to spoil a line, and whether the schema then still takes it.
fn spoilt(stream: &[Value]) -> Vec<(&'static str, Value, bool)> {
    let of = |event: &str| {
        stream.iter().find(|line| line["event"] == event).unwrap_or_else(|| panic!("{event}")).clone()
    };
    let with = |mut line: Value, key: &str, value: Value| {
        line[key] = value;
        line
    };
    let without = |mut line: Value, key: &str| {
        assert!(line.as_object_mut().expect("an object").remove(key).is_some(), "{key}");
        line
    };
    let step = || of("step-started");
    vec![
        ("as it was", step(), true),
        ("a newer field", with(step(), "weather", json!("clear")), true),
        ("a newer event", with(step(), "event", json!("weather-observed")), true),
        ("a newer undo", with(of("undo-planned"), "action", json!("delete-cluster")), true),
        ("a newer minor version", with(stream[0].clone(), "schema", json!("lifeboat.events/1.7")), true),
        ("a newer major version", with(stream[0].clone(), "schema", json!("lifeboat.events/2.0")), false),
        ("no version of the tool", without(stream[0].clone(), "tool_version"), false),
        ("a newer journal", with(of("run-started"), "format", json!("lifeboat.journal/2")), false),
        ("no number", without(step(), "seq"), false),
        ("no event", without(step(), "event"), false),
        ("a field of the event is missing", without(step(), "phase"), false),
        ("another phase", with(step(), "phase", json!("lunch")), false),
        ("a number as a text", with(step(), "limit_ms", json!("5")), false),
        ("a negative time", with(step(), "elapsed", json!(-1)), false),
        ("no time", with(step(), "at", json!("yesterday")), false),
        ("an undo without what it takes back", without(of("undo-planned"), "server"), false),
        ("no verdict", without(of("run-judged"), "verdict"), false),
        ("another verdict", with(of("run-judged"), "verdict", json!("fine")), false),
        ("no exit code", without(of("run-judged"), "exit_code"), false),
        ("no object", json!("step-started"), false),
    ]
}

#[test]
fn each_line_is_by_the_schema_and_a_spoilt_one_is_not() {
    let lab = Lab::new();
    let sandbox = External::start(&lab, PLAIN_SEED);
    let address = sandbox.plain_address();
    let options = ["--confirm", &address, "--json"];
    let run = Run::start(&lab, &sandbox, &exhaustion_plan("hold = '500ms'\nstable_for = '500ms'"), &options);
    let dir = run.dir.clone();
    let (ended, record) = run.finish(MINUTE);
    ended.expect_code(0);
    let stream = lines(&ended.stdout);
    is_whole(&stream, &dir, 0);
    are_known(&stream);
    assert_eq!(schema_problems(&committed("record"), &[record.value]), [None]);
    let cases = spoilt(&stream);
    let values: Vec<Value> = cases.iter().map(|(_, line, _)| line.clone()).collect();
    for ((what, line, fits), problem) in cases.iter().zip(schema_problems(&committed("events"), &values)) {
        assert_eq!(problem.is_none(), *fits, "{what}: {line}: {problem:?}");
    }

    // An objective that is missed: the last line has the code that the command leaves with.
    let plan =
        exhaustion_plan("hold = '500ms'\nstable_for = '500ms'").replace("rto = \"60s\"", "rto = \"1ms\"");
    let run = Run::start_in(&lab, &sandbox, &plan, "missed", &options);
    let dir = run.dir.clone();
    let (ended, _) = run.finish(MINUTE);
    ended.expect_code(100);
    is_whole(&lines(&ended.stdout), &dir, 100);

    // The same where the run did well and its reports could not be written.
    let plan = exhaustion_plan("hold = '3s'\nstable_for = '500ms'");
    let mut run = Run::start_in(&lab, &sandbox, &plan, "unreported", &options);
    run.await_step("hold");
    std::fs::create_dir(run.dir.join("report.html")).expect("a folder in the way");
    let ended = run.process.wait(MINUTE);
    ended.expect_code(1);
    is_whole(&lines(&ended.stdout), &run.dir, 1);
    sandbox.stop(&lab);
}

/// Whoever does not read holds up no drill, also where the runtime has one thread only.
#[rstest]
#[case::until_it_reads(None)]
#[case::until_a_signal(Some(Signal::SIGTERM))]
#[case::until_the_other_signal(Some(Signal::SIGINT))]
fn a_reader_that_does_not_read_holds_nothing_up(#[case] signal: Option<Signal>) {
    let lab = Lab::new();
    let sandbox = External::start(&lab, PLAIN_SEED);
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    let size = fcntl(&writer, FcntlArg::F_SETPIPE_SZ(4096)).expect("a small one");
    let dir = lab.path("run");
    let mut command = lab.lifeboat();
    command.envs(&sandbox.exports).env("TOKIO_WORKER_THREADS", "1").args(["run", "--json", "--confirm"]);
    command.arg(sandbox.plain_address());
    command.arg(lab.write("plan.toml", &exhaustion_plan("hold = '500ms'\nstable_for = '500ms'")));
    command.arg("--out").arg(&dir);
    let process = Process::start_into(&lab, &mut command, Some(writer.into()));
    // It holds the pipe's other end as well.
    drop(command);
    let mut run = Run { process, dir: dir.clone() };
    run.await_event("its end", |event| event["event"] == "run-ended");
    if let Some(signal) = signal {
        eventually("the reports", MINUTE, || match dir.join("badge.svg").exists() {
            true => Ok(()),
            false => Err(run.process.said()),
        });
        assert!(!run.process.has_ended(), "it waits for its reader: {}", run.process.said());
        run.process.signal(signal);
        let ended = run.process.wait(MINUTE / 4);
        // The run did well, and its stream has no end.
        ended.expect_code(1).expect_stderr(&["not all of the event stream was read"]);
        assert_eq!(journal(&dir).last().expect("events")["event"], "run-ended", "no part of the run");
        sandbox.stop(&lab);
        return;
    }
    let written = std::fs::metadata(dir.join("journal.jsonl")).expect("the journal").len();
    assert!(written > u64::try_from(size).expect("a size"), "all of it is in the pipe");
    let mut said = String::new();
    reader.read_to_string(&mut said).expect("read");
    let ended = run.process.wait(MINUTE);
    ended.expect_code(0);
    is_whole(&lines(&said), &dir, 0);
    sandbox.stop(&lab);
}

#[test]
fn an_interrupted_run_says_so_at_the_end() {
    let lab = Lab::new();
    let sandbox = External::start(&lab, PLAIN_SEED);
    let options = ["--confirm", &sandbox.plain_address(), "--json"];
    let mut run = Run::start(&lab, &sandbox, &exhaustion_plan("hold = '30s'"), &options);
    run.await_step("hold");
    run.process.signal(Signal::SIGTERM);
    let dir = run.dir.clone();
    let (ended, _) = run.finish(MINUTE);
    ended.expect_code(130);
    is_whole(&lines(&ended.stdout), &dir, 130);
    sandbox.stop(&lab);
}

/// What is refused before it begins says nothing on stdout.
#[rstest]
#[case::by_the_plan("connections = 'all'", 2)]
#[case::by_the_environment("", 101)]
fn a_refused_run_says_nothing(#[case] option: &str, #[case] code: i32) {
    let lab = Lab::new();
    let plan = exhaustion_plan(option).replace("${AWS_ENDPOINT_URL}", "http://127.0.0.1:1");
    let plan = plan.replacen(
        "[[drills]]",
        "[[stop_conditions]]\nname = 'x'\nhttp = 'http://127.0.0.1:1/'\n[[drills]]",
        1,
    );
    let mut command = lab.lifeboat();
    command.args(["run", "--json", "--out", "run"]).arg(lab.write("plan.toml", &plan));
    command.env("LIFEBOAT_SANDBOX_PASSWORD", "x").env("LIFEBOAT_SANDBOX_PLAIN_HOST", "127.0.0.1");
    command.env("LIFEBOAT_SANDBOX_PLAIN_PORT", "1");
    let ended = Process::start(&lab, &mut command).wait(MINUTE);
    assert_eq!(ended.expect_code(code).stdout, "", "{ended}");
    assert!(!lab.path("run").exists(), "{ended}");
}

/// A disk that is full where stdout goes is said once; the run goes on to its end.
#[test]
fn a_stream_that_cannot_be_written_ends_and_the_run_does_not() {
    let lab = Lab::new();
    let sandbox = External::start(&lab, PLAIN_SEED);
    let dir = lab.path("run");
    let mut command = lab.lifeboat();
    command.envs(&sandbox.exports).args(["run", "--json", "--confirm", &sandbox.plain_address()]);
    command.arg(lab.write("plan.toml", &exhaustion_plan("hold = '500ms'\nstable_for = '500ms'")));
    command.arg("--out").arg(&dir);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("a full disk");
    let ended = Process::start_into(&lab, &mut command, Some(full.into())).wait(MINUTE);
    ended.expect_code(1);
    assert_eq!(ended.stderr.matches("the event stream ends here").count(), 1, "{ended}");
    let record = std::fs::read_to_string(dir.join("record.json")).expect("the record");
    let record: Value = serde_json::from_str(&record).expect("JSON");
    assert_eq!((&record["verdict"], &record["exit_code"]), (&json!("passed"), &json!(0)), "{ended}");
    sandbox.stop(&lab);
}

/// Only its last line cannot be written: the code says so too, and a verdict that has a code of its own keeps it.
#[rstest]
#[case::passed("60s", 0, 1)]
#[case::missed("1ms", 100, 100)]
fn a_last_line_that_cannot_be_written_changes_the_code(
    #[case] rto: &str,
    #[case] verdict: i32,
    #[case] code: i32,
) {
    let lab = Lab::new();
    let sandbox = External::start(&lab, PLAIN_SEED);
    // Whoever holds the history keeps the run from its last line.
    let history = File::create(lab.path("h.jsonl")).expect("a file");
    history.lock().expect("held");
    let stdout = memfd_create("stdout", MFdFlags::MFD_ALLOW_SEALING).expect("a file without a disk");
    let stdout = File::from(stdout);
    let plan = exhaustion_plan("hold = '500ms'\nstable_for = '500ms'").replace("60s", rto);
    let mut command = lab.lifeboat();
    command.envs(&sandbox.exports).args(["run", "--json", "--history", "h.jsonl", "--out", "run"]);
    command.args(["--confirm", &sandbox.plain_address()]).arg(lab.write("plan.toml", &plan));
    let copy = stdout.try_clone().expect("the same file");
    let process = Process::start_into(&lab, &mut command, Some(copy.into()));
    let written = || {
        let mut bytes = vec![0; usize::try_from(stdout.metadata().expect("it").len()).expect("a length")];
        stdout.read_exact_at(&mut bytes, 0).expect("read");
        String::from_utf8(bytes).expect("UTF-8")
    };
    eventually("the journal's last line", MINUTE, || match written() {
        said if said.ends_with('\n') && said.contains("\"run-ended\"") => Ok(()),
        _ => Err(process.said()),
    });
    fcntl(&stdout, FcntlArg::F_ADD_SEALS(SealFlag::F_SEAL_GROW)).expect("full from here on");
    drop(history);
    let ended = process.wait(MINUTE);
    ended.expect_code(code);
    assert_eq!(ended.stderr.matches("the event stream ends here").count(), 1, "{ended}");
    let record = std::fs::read_to_string(lab.path("run/record.json")).expect("the record");
    let record: Value = serde_json::from_str(&record).expect("JSON");
    assert_eq!(record["exit_code"], json!(verdict), "{ended}");
    assert_eq!(lines(&written())[1..], journal(&lab.path("run")), "all but the last line");
    sandbox.stop(&lab);
}
