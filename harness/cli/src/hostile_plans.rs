//! A thousand hostile plans through the parser and all that `lifeboat plan` checks: each is read or refused, at once, with
//! a sentence that names the place. Every case is made from its number, which a failure gives.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use lifeboat_model::ExitCode;
use toml::{Table, Value};

use crate::args::ProfileArg;
use crate::budget;
use crate::control_plane;
use crate::failure::Failure;
use crate::prepare::{self, Caller, Source};

const CASES: u64 = 1_000;

/// What is as large as this is made so often only: it takes its time to be written.
const LARGE_EVERY: u64 = 50;
const LARGE: usize = 10_000_000;

/// How long one may take, the largest on a busy machine included.
const LIMIT: Duration = Duration::from_secs(30);

/// No sentence is longer than a person reads.
const LONGEST: usize = 8_000;

/// What the mutations draw from: splitmix64, so that a case is the same everywhere.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }
}

/// A plan as bytes, and words of which one has to be in its refusal, if that can be said beforehand.
struct Case {
    what: &'static str,
    bytes: Vec<u8>,
    names: Vec<String>,
}

fn ready_plan() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../drills/plans/sandbox.toml");
    let more = "\n[evidence]\nkms_key = \"arn:aws:kms:eu-west-1:123456789012:key/1\"\n[safety]\nmax_restored = 2\nlongest_life = \"9h\"\n[[stop_conditions]]\nname = \"t\"\n\
                time_budget = \"2h\"\n[[stop_conditions]]\nname = \"u\"\nhttp = \"http://127.0.0.1:1/\"\nevery = \"1s\"\n";
    std::fs::read_to_string(path).expect("the ready plan") + more
}

/// The paths of all values of a table that are no tables themselves.
fn leaves(value: &Value, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    match value {
        Value::Table(table) => {
            for (key, value) in table {
                path.push(key.clone());
                leaves(value, path, found);
                path.pop();
            }
        }
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                path.push(number.to_string());
                leaves(item, path, found);
                path.pop();
            }
        }
        _ => found.push(path.clone()),
    }
}

fn at<'a>(value: &'a mut Value, path: &[String]) -> &'a mut Value {
    path.iter().fold(value, |value, part| match value {
        Value::Array(items) => &mut items[part.parse::<usize>().expect("a number")],
        Value::Table(table) => table.get_mut(part).expect("a key"),
        _ => panic!("no way to {path:?}"),
    })
}

fn case(number: u64, ready: &str) -> Case {
    let mut draw = Draw(number);
    let mut plan = Value::Table(ready.parse::<Table>().expect("the ready plan"));
    let mut paths = Vec::new();
    leaves(&plan, &mut Vec::new(), &mut paths);
    let path = paths[draw.below(paths.len())].clone();
    let large = number.is_multiple_of(LARGE_EVERY);
    let put = |plan: &mut Value, value: Value| *at(plan, &path) = value;
    let text = |text: &str| Value::String(text.to_owned());
    let written = |plan: &Value| toml::to_string(plan).expect("TOML").into_bytes();
    let raw_value = |raw: &str| {
        let mut plan = Value::Table(ready.parse::<Table>().expect("the ready plan"));
        *at(&mut plan, &path) = Value::String("@HERE@".into());
        String::from_utf8(written(&plan)).expect("UTF-8").replace("\"@HERE@\"", raw).into_bytes()
    };
    // Whatever is wrong with a value, its key or a section above it is in the sentence, or its line.
    let mut names: Vec<String> = path.iter().filter(|part| part.parse::<usize>().is_err()).cloned().collect();
    names.push("line ".into());
    let lines: Vec<&str> = ready.lines().collect();
    let line = draw.below(lines.len());
    let with_line = |new: &str| [&lines[..line], &[new], &lines[line..]].concat().join("\n").into_bytes();
    let (what, bytes) = match number % 16 {
        0 if large => ("a large string", {
            let value = "x".repeat(LARGE);
            put(&mut plan, text(&value));
            written(&plan)
        }),
        0 | 1 => ("another type", {
            let others = [
                Value::Integer(7),
                Value::Boolean(true),
                Value::Float(0.5),
                Value::Array(vec![]),
                Value::Table(Table::new()),
                Value::Array(vec![Value::Array(vec![Value::Integer(1)])]),
                Value::Datetime("1979-05-27T07:32:00Z".parse().expect("a date")),
            ];
            let other = others[draw.below(others.len())].clone();
            put(&mut plan, other);
            written(&plan)
        }),
        2 => ("a number beyond all bounds", {
            let huge = [
                "9223372036854775807",
                "-9223372036854775808",
                "9223372036854775808",
                "99999999999999999999999999999999999999",
                "1e400",
                "-1e308",
                "inf",
                "-inf",
                "nan",
                "0",
                "-1",
                "0xffffffffffffffffffff",
                "4294967296",
            ];
            raw_value(draw.of(&huge))
        }),
        3 => ("no duration that makes sense", {
            let durations = [
                "-5s",
                "0s",
                "0ms",
                "0.0000000001ms",
                "1e999h",
                "99999999999999999999h",
                ".s",
                "NaNs",
                "infs",
                "1.7976931348623157e308h",
                "720h",
                "721h",
                "５s",
                "1h30m",
                " 5s",
                "5 s",
                "5\u{0}s",
            ];
            put(&mut plan, text(draw.of(&durations)));
            written(&plan)
        }),
        4 => ("control characters", {
            let texts =
                ["\u{0}", "\u{1b}[2J", "a\u{7f}\u{85}\u{9b}31m", "\r\n\r\n", "\u{8}\u{c}", "]]>\u{1}"];
            put(&mut plan, text(draw.of(&texts)));
            written(&plan)
        }),
        5 => (
            "raw control characters",
            with_line(draw.of(&["\u{0}", "a = \"\u{1}\"", "\u{1b}[2J", "\u{b} = 1"])),
        ),
        6 => ("unicode", {
            let texts = [
                "\u{202e}gpj.exe",
                "a\u{300}\u{300}\u{300}",
                "\u{feff}",
                "🚀👩‍🚀",
                "\u{fffe}\u{10ffff}",
                "ß",
                "İ",
                "",
            ];
            put(&mut plan, text(draw.of(&texts)));
            written(&plan)
        }),
        7 => ("deep nesting", {
            let depth = [50, 90, 1_000, 50_000][draw.below(4)];
            let raw = match draw.below(3) {
                0 => format!("{}{}", "[".repeat(depth), "]".repeat(depth)),
                1 => format!("{}1{}", "{a=".repeat(depth), "}".repeat(depth)),
                _ => format!("{{ {}b = 1 }}", "a.".repeat(depth)),
            };
            raw_value(&raw)
        }),
        8 => ("deep sections", {
            let depth = [50, 90, 1_000, 20_000][draw.below(4)];
            let key = vec!["a"; depth].join(".");
            let section = match draw.below(3) {
                0 => format!("\n[{key}]\nb = 1\n"),
                1 => format!("\n[[{key}]]\nb = 1\n"),
                _ => format!("\n[more]\n{key} = 1\n"),
            };
            format!("{ready}{section}").into_bytes()
        }),
        9 => ("a line twice", with_line(lines[line])),
        10 => ("a line missing", {
            [&lines[..line], &lines[(line + 1).min(lines.len())..]].concat().join("\n").into_bytes()
        }),
        11 => (
            "an unknown key",
            with_line(draw.of(&["zzz = 1", "\"\" = 1", "\"a b\" = {}", "[zzz]", "[[zzz]]", "zzz.y = 1"])),
        ),
        12 if large => ("a large key", with_line(&format!("{} = 1", "k".repeat(LARGE)))),
        12 => ("a variable that is none", {
            put(
                &mut plan,
                text(draw.of(&["${", "${}", "${A B}", "${${A}}", "}${", "$${UNSET_X}", "${UNSET_X}"])),
            );
            written(&plan)
        }),
        13 => ("bytes that are no text", {
            let mut bytes = ready.as_bytes().to_vec();
            let wrong: [&[u8]; 5] = [&[0xff], &[0xc0, 0x80], &[0xed, 0xa0, 0x80], &[0xf5], &[0x80]];
            let place = draw.below(bytes.len());
            bytes.splice(place..place, draw.of(&wrong).iter().copied());
            bytes
        }),
        14 => ("cut off", ready.as_bytes()[..draw.below(ready.len())].to_vec()),
        _ => ("bytes changed", {
            let mut bytes = ready.as_bytes().to_vec();
            for _ in 0..=draw.below(4) {
                let place = draw.below(bytes.len());
                bytes[place] = (draw.next() % 128) as u8;
            }
            bytes
        }),
    };
    let of_a_value = matches!(number % 16, 0..=4 | 6 | 7 | 12) && what != "a large key";
    Case { what, bytes, names: if of_a_value { names } else { Vec::new() } }
}

/// What `lifeboat plan` does with a plan, but for the printing.
fn read(path: &Path) -> Result<usize, Failure> {
    let none = BTreeMap::new();
    let source = Source::read(path)?;
    let mut environment = source.environment(&none)?;
    control_plane::settle_endpoint(&mut environment)?;
    let plan = source.resolve_for_print()?;
    let caller =
        Caller { run_id: "RUN", only: &[], confirmed: &[], own_exports: &none, profile: ProfileArg::Fast };
    let drills = prepare::drills(&plan, &caller)?;
    let mut steps = 0;
    for ready in &drills {
        steps += ready.drill.plan(&ready.params).map_err(Failure::usage)?.steps().len();
    }
    budget::of(&drills, &plan.safety)?;
    Ok(steps)
}

/// Why a refusal is not one that helps.
fn fault_of(case: &Case, path: &Path, failure: &Failure) -> Option<String> {
    let message = failure.to_string();
    let said = message.replace(&path.display().to_string(), "");
    let shown: String = said.chars().take(400).collect();
    if failure.code != ExitCode::Usage {
        Some(format!("its code is {:?}: {shown}", failure.code))
    } else if message.len() > LONGEST {
        Some(format!("{} bytes are no sentence: {shown}", message.len()))
    } else if !["line ", "[", "`", "UTF-8"].iter().any(|mark| said.contains(mark)) {
        Some(format!("it names no place: {shown}"))
    } else if !case.names.is_empty() && !case.names.iter().any(|name| said.contains(name.as_str())) {
        Some(format!("it names none of {:?}: {shown}", case.names))
    } else {
        None
    }
}

#[test]
fn a_thousand_plans_are_read_or_refused() {
    let ready = ready_plan();
    let dir = tempfile::tempdir().expect("a folder");
    let path: PathBuf = dir.path().join("plan.toml");
    std::fs::write(&path, &ready).expect("written");
    assert!(read(&path).is_ok_and(|steps| steps > 20), "the plan that all are made of is well");

    let (done, ended) = mpsc::channel();
    let worker = std::thread::spawn(move || {
        for number in 0..CASES {
            let case = case(number, &ready);
            std::fs::write(&path, &case.bytes).expect("written");
            let read = catch_unwind(AssertUnwindSafe(|| read(&path)));
            let fault = match &read {
                Ok(Ok(_)) => None,
                Ok(Err(failure)) => fault_of(&case, &path, failure),
                Err(_) => Some("it panicked, as said above".to_owned()),
            };
            let refused = !matches!(read, Ok(Ok(_)));
            if done.send((case.what, refused, fault)).is_err() {
                break;
            }
        }
    });
    let (mut wrong, mut refusals) = (Vec::new(), 0);
    for number in 0..CASES {
        match ended.recv_timeout(LIMIT) {
            Ok((what, refused, fault)) => {
                refusals += u32::from(refused);
                wrong.extend(fault.map(|fault| format!("{number} ({what}): {fault}")));
            }
            Err(error) => panic!("case {number}: {error} within {LIMIT:?}; so far: {wrong:#?}"),
        }
    }
    worker.join().expect("the worker");
    assert!(wrong.is_empty(), "{} of {CASES}: {:#?}", wrong.len(), &wrong[..wrong.len().min(20)]);
    assert!(refusals > 500, "only {refusals} were refused: the mutations are too mild");
    drop(dir);
}
