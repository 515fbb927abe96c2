//! `lifeboat judge`.

use lifeboat_engine::{Journal, RunFiles, judge_dir, read_events};
use lifeboat_model::{ExitCode, pending_undos};

use crate::args::DirArgs;
use crate::failure::Failure;
use crate::print::outln;
use crate::run_cmd::write_reports;
use crate::undo_cmd::UNDO_JOURNAL;

/// Makes and judges the record again. With a record there, the two must be the same; without one, as after a kill, it is
/// written.
pub fn judge(args: &DirArgs) -> Result<ExitCode, Failure> {
    let files = RunFiles::of(&args.dir);
    // A run that goes on has no record yet, and must not get one from here.
    let _held = Journal::claim(&files.path("journal.jsonl")).map_err(Failure::usage)?;
    let record = judge_dir(&files, &lifeboat_drills::find).map_err(Failure::usage)?;
    crate::print::out(format_args!("{}", lifeboat_reports::summary(&record)));
    if files.path(UNDO_JOURNAL).exists() {
        let undone = read_events(&files.path(UNDO_JOURNAL)).map_err(Failure::usage)?;
        let mut all = read_events(&files.path("journal.jsonl")).map_err(Failure::usage)?;
        all.extend(undone);
        match pending_undos(&all).len() {
            0 => outln!("since then `lifeboat undo` took back all that was left behind"),
            left => outln!("`lifeboat undo` ran since then, and {left} of its actions are still to be done"),
        }
    }
    if !files.path("record.json").exists() {
        write_reports(&files, &record)?;
        outln!("record.json was not there and has been written");
        return ExitCode::try_from(record.exit_code).map_err(Failure::internal);
    }
    let kept: serde_json::Value = files.read_json("record.json").map_err(Failure::internal)?;
    let made = serde_json::to_value(&record).map_err(Failure::internal)?;
    // Through text, as the kept one went: a number may read back as its nearest neighbour.
    let made: serde_json::Value = serde_json::from_str(&made.to_string()).map_err(Failure::internal)?;
    if let Some(place) = first_difference("", &kept, &made) {
        return Err(Failure::internal(format!(
            "record.json is not what plan, journal and ledger say: they differ at {place}; a file was changed, or another \
             version judged"
        )));
    }
    outln!("the same as record.json");
    ExitCode::try_from(record.exit_code).map_err(Failure::internal)
}

/// Where two JSON values first differ.
fn first_difference(path: &str, left: &serde_json::Value, right: &serde_json::Value) -> Option<String> {
    use serde_json::Value::{Array, Object};
    match (left, right) {
        (Object(left), Object(right)) => {
            let keys: std::collections::BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            keys.into_iter().find_map(|key| match (left.get(key), right.get(key)) {
                (Some(left), Some(right)) => first_difference(&format!("{path}/{key}"), left, right),
                _ => Some(format!("{path}/{key}")),
            })
        }
        (Array(left), Array(right)) if left.len() == right.len() => left
            .iter()
            .zip(right)
            .enumerate()
            .find_map(|(index, (left, right))| first_difference(&format!("{path}/{index}"), left, right)),
        _ => (left != right).then(|| if path.is_empty() { "/".into() } else { path.to_owned() }),
    }
}
