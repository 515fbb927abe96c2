//! Names as nobody would choose them: the reports stay well-formed, and nothing of them reaches a terminal raw.

use std::time::Duration;

use rstest::rstest;

use crate::support::{External, Lab, PLAIN_SEED, Process, Run, exhaustion_plan, junit_problems};

/// As TOML writes them.
const NAMES: [(&str, &str); 10] = [
    ("escape", r#""\u001b[31mred\u001b[0m""#),
    ("nul", r#""a\u0000b""#),
    ("other controls", r#""\u0001\u0007\b\u000b\u007f\u0085\u009b31m""#),
    ("end of CDATA", r#""]]>]]&gt;<![CDATA[""#),
    ("markup", r#""</testcase><x y='\"'/>&amp;&#0;--> %s {}""#),
    ("emoji", r#""🚀👩‍🚀 Ω é""#),
    ("lines", r#""one\ntwo\r\nthree\tfour""#),
    ("not a character", r#""\uFFFE\uFFFF\U0010FFFF""#),
    ("bidi", r#""\u202Egnp.exe\u2066""#),
    ("empty", r#""""#),
];

/// Control characters but for the line feed, and what turns the direction of text.
fn raw_controls(text: &str) -> Vec<char> {
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().filter(|c| (c.is_control() && *c != '\n') || turns(*c)).collect()
}

/// Runs the drill under a name of the drill and the target, and looks at all that is written.
fn is_harmless(lab: &Lab, sandbox: &External, what: &str, name: &str) {
    let plan = exhaustion_plan("hold = '1s'\nstable_for = '100ms'");
    let plan = plan.replace("name = \"exhaustion\"", &format!("name = {name}"));
    let plan = plan.replace("target = \"plain\"", &format!("target = {name}"));
    let plan = plan.replace("[targets.plain]", &format!("[targets.{name}]"));
    let address = sandbox.plain_address();
    let dir = format!("run {}", what.replace(' ', "-"));
    let run = Run::start_in(lab, sandbox, &plan, &dir, &["--confirm", &address, "--json"]);
    let path = run.dir.clone();
    let (ended, record) = run.finish(Duration::from_secs(60));
    ended.expect_code(0);
    record.expect("passed", "clean", &[]);
    for line in ended.stdout.lines() {
        let event: Result<serde_json::Value, _> = serde_json::from_str(line);
        assert!(event.is_ok(), "{what}: {event:?}: {line}");
    }
    let written: toml::Table = format!("name = {name}").parse().expect("TOML");
    let written = written["name"].as_str().expect("a string");
    assert_eq!(record.drill()["name"], written, "{what}: the record has the name as it was written");
    assert_eq!(junit_problems(&path.join("junit.xml")), "", "{what}");

    let mut printed = vec![ended.stdout, ended.stderr];
    for arguments in [vec!["judge"], vec!["undo"]] {
        let mut command = lab.lifeboat();
        command.envs(&sandbox.exports).args(&arguments).arg(&path);
        let again = Process::start(lab, &mut command).wait(Duration::from_secs(30));
        again.expect_code(0);
        printed.extend([again.stdout, again.stderr]);
    }
    let mut command = lab.lifeboat();
    command.envs(&sandbox.exports).arg("plan").arg(lab.path(&format!("{dir}.toml")));
    let shown = Process::start(lab, &mut command).wait(Duration::from_secs(30));
    shown.expect_code(0);
    printed.extend([shown.stdout, shown.stderr]);
    for text in printed {
        assert_eq!(raw_controls(&text), Vec::<char>::new(), "{what}: {text:?}");
    }
}

#[test]
fn names_of_drills_and_targets() {
    let lab = Lab::new();
    let sandbox = External::start(&lab, PLAIN_SEED);
    for (what, name) in NAMES {
        is_harmless(&lab, &sandbox, what, name);
    }
    is_harmless(&lab, &sandbox, "long", &format!("\"{}\"", "long ".repeat(2_000)));
    sandbox.stop(&lab);
}

/// Errors carry names too: of what is refused before a run, and of what a server answers.
#[rstest]
#[case::an_unknown_key("hold = '1s'\n\"\\u001b[2J\" = 1")]
#[case::a_value("hold = \"\\u001b[2J\\u0000\\n\"")]
#[case::a_scenario("scenario = \"\\u001b[2J\"")]
fn names_in_errors(#[case] line: &str) {
    let lab = Lab::new();
    let plan = exhaustion_plan(line);
    let plan = if line.starts_with("scenario") {
        plan.replacen("scenario = \"connection-exhaustion\"\n", "", 1)
    } else {
        plan
    };
    let plan = plan.replacen("${AWS_ENDPOINT_URL}", "http://127.0.0.1:1", 1);
    let mut command = lab.lifeboat();
    command.arg("run").arg(lab.write("plan.toml", &plan));
    for name in ["LIFEBOAT_SANDBOX_PASSWORD", "LIFEBOAT_SANDBOX_PLAIN_HOST"] {
        command.env(name, "x");
    }
    command.env("LIFEBOAT_SANDBOX_PLAIN_PORT", "1");
    let ended = Process::start(&lab, &mut command).wait(Duration::from_secs(20));
    ended.expect_code(2).expect_stderr(&["[2J"]);
    assert_eq!(raw_controls(&ended.stderr), Vec::<char>::new(), "{:?}", ended.stderr);
}

/// What the server says is not ours: a database name that it repeats, for one.
#[test]
fn words_of_a_server() {
    let lab = Lab::new();
    let sandbox = External::start(&lab, PLAIN_SEED);
    let plan = exhaustion_plan("").replacen("database = \"app\"", "database = \"\\u001b[31m]]>🚀\"", 1);
    let address = sandbox.plain_address();
    let run = Run::start(&lab, &sandbox, &plan, &["--confirm", &address]);
    let path = run.dir.clone();
    let (ended, record) = run.finish(Duration::from_secs(60));
    ended.expect_code(101);
    record.expect("errored", "clean", &["3D000", "\u{1b}[31m]]>🚀"]);
    assert_eq!(raw_controls(&ended.stderr), Vec::<char>::new(), "{:?}", ended.stderr);
    assert_eq!(junit_problems(&path.join("junit.xml")), "");
    sandbox.stop(&lab);
}
