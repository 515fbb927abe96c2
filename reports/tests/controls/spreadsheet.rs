//! What Python's reader of comma-separated values makes of them.

use std::io::Write as _;
use std::process::{Command, Stdio};

use lifeboat_model::{Measured, RecoveryWindow, Rpo};
use lifeboat_reports::{controls_csv, matrix};
use proptest::prelude::*;

use crate::runs::{UNTIL, passed, seen};
use crate::support::python;

const READ: &str = "
import csv, io, json, sys
text = sys.stdin.buffer.read().decode()
json.dump(list(csv.reader(io.StringIO(text, newline=''), strict=True)), sys.stdout)
";

/// The lines and their cells.
pub fn read(text: &str) -> Vec<Vec<String>> {
    let mut command = Command::new(python());
    command.args(["-c", READ]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("Python runs");
    child.stdin.take().expect("its input").write_all(text.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("its end");
    assert!(output.status.success(), "Python cannot read {text}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// What a cell is to be read as: itself, or with an apostrophe where it would be a formula.
fn inert(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    if formula { format!("'{text}") } else { text.to_owned() }
}

/// Text in which nothing is replaced: no control or other invisible character.
fn text() -> impl Strategy<Value = String> {
    let special = prop::collection::vec(
        prop::sample::select(vec!["\"", ",", "=", "-", "+", "@", ";", "'", "ä", "x"]),
        0..8,
    );
    let any =
        "\\PC{0,12}".prop_filter("a separator of lines", |text| !text.contains(['\u{2028}', '\u{2029}']));
    prop_oneof![special.prop_map(|parts| parts.concat()), any]
}

/// A spreadsheet can reckon with them.
#[test]
fn figures_are_numbers() {
    let mut run = passed(UNTIL - time::Duration::days(1));
    let drill = &mut run.drills[0];
    let figures = |run: &lifeboat_model::RunRecord| {
        let lines = read(&controls_csv(&matrix(&[seen(run.clone())], UNTIL)));
        ["rto_lower_s", "rto_upper_s", "rto_objective_s", "rpo_lower_s", "rpo_upper_s"].map(|head| {
            let place = lines[0].iter().position(|cell| cell == head).expect("a heading");
            lines[1][place].parse::<f64>().ok()
        })
    };
    let Measured::Value(rto) = &mut drill.measurements.rto else { panic!("{drill:?}") };
    let (lower, upper) = (rto.lower_s, rto.upper_s);
    rto.upper_s = None;
    let window = RecoveryWindow { lower_s: 0.5, upper_s: 12.0, definition: "it".into() };
    drill.measurements.rpo = Measured::Value(Rpo::Window(window));
    let objective = drill.objectives.rto_s;
    assert_eq!(figures(&run), [Some(lower), None, objective, Some(0.5), Some(12.0)]);
    let Measured::Value(rto) = &mut run.drills[0].measurements.rto else { panic!("it was") };
    rto.upper_s = upper;
    run.drills[0].measurements.rpo = Measured::not("no writes");
    assert_eq!(figures(&run), [Some(lower), upper, objective, None, None]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn python_reads_back_every_cell(names in prop::collection::vec([text(), text(), text(), text()], 1..8)) {
        let runs: Vec<_> = names.iter().zip(1..).map(|([environment, drill, scenario, target], day)| {
            let mut run = passed(UNTIL - time::Duration::days(day));
            run.environment.name.clone_from(environment);
            run.drills[0].name.clone_from(drill);
            run.drills[0].scenario.clone_from(scenario);
            run.drills[0].target.clone_from(target);
            seen(run)
        }).collect();
        let lines = read(&controls_csv(&matrix(&runs, UNTIL)));
        prop_assert_eq!(lines.len(), names.len() + 1);
        let place = |head: &str| lines[0].iter().position(|cell| cell == head).expect("a heading");
        let places = ["environment", "drill", "scenario", "target"].map(place);
        for (line, wanted) in lines[1..].iter().rev().zip(&names) {
            prop_assert_eq!(line.len(), lines[0].len());
            let found = places.map(|place| line[place].clone());
            prop_assert_eq!(found, wanted.each_ref().map(|text| inert(text)));
        }
    }
}
