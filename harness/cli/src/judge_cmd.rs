//! `lifeboat judge`.

use lifeboat_engine::{Journal, RunFiles, judge_dir, read_events};
use lifeboat_model::{ExitCode, RunRecord, pending_undos};
use lifeboat_reports::{BUNDLE, UNDO_JOURNAL};
use tokio::sync::OnceCell;

use crate::args::JudgeArgs;
use crate::conclusion::{Conclusion, Key, TWO_KEYS};
use crate::failure::Failure;
use crate::history::History;
use crate::history_place::HistoryPlace;
use crate::judge_later::{With, judge_later};
use crate::print::outln;
use crate::run_cmd::{REPORTS, with_something_undone, write_reports, write_views};
use crate::run_plan;
use crate::signer::Signer;
use crate::stores::Stores;

/// Makes and judges the record again. With a record there, the two must be the same; without one, as after a kill, it is
/// written. A history that is given gets the run, unless it is in it.
pub async fn judge(args: &JudgeArgs) -> Result<ExitCode, Failure> {
    let files = RunFiles::of(&args.dir);
    let key = match &args.sign_key {
        Some(path) => Key::File(Box::new(Signer::of_file(path)?), path.clone()),
        None => Key::None,
    };
    let is_signed = files.path(BUNDLE).exists();
    if args.sign_key.is_some() && is_signed && args.history.is_none() {
        return Err(Failure::usage(format!("{} is there: the run is signed", files.path(BUNDLE).display())));
    }
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
    let had_record = files.path("record.json").exists();
    if !had_record {
        write_reports(&files, &record)?;
        outln!("record.json was not there and has been written");
    } else {
        compare(&files, &record)?;
        outln!("the same as record.json");
        // A kill, or a disk that was full, may have come between the record and what is made of it.
        if REPORTS.iter().any(|name| !files.path(name).exists()) {
            write_views(&files, &record)?;
            outln!("the reports that were missing have been written");
        }
    }
    let history = match &args.history {
        Some(place @ HistoryPlace::File(path)) => Some((place.clone(), History::File(path.clone()))),
        Some(place) => Some((place.clone(), History::open(place, &Stores::of_run(&files)?).await)),
        None => None,
    };
    let key = match (run_plan::evidence(&files)?.kms_key, key) {
        (None, key) => key,
        (Some(_), Key::File(..)) => return Err(Failure::usage(TWO_KEYS)),
        // KMS is asked where a signature is missing for what this command is to do, and not for a look at a record.
        (Some(arn), _) if history.is_some() || !had_record => Key::Plan(arn, OnceCell::new()),
        (Some(_), none) => {
            if !is_signed {
                outln!("not signed: `{}` signs it", judge_later(&args.dir, None, With::Plan));
            }
            none
        }
    };
    let done = Conclusion { key, history, earlier: Vec::new() }.conclude(&files, &record).await?;
    if done.signed {
        outln!("signed");
    }
    let code = ExitCode::try_from(record.exit_code).map_err(Failure::internal)?;
    match (&args.history, done.added) {
        (Some(place), Some(added)) => outln!("{} {place}", if added { "added to" } else { "already in" }),
        // It has been said why; a script must not take it for done.
        (Some(_), None) => return Ok(with_something_undone(code)),
        (None, _) => {}
    }
    Ok(code)
}

/// Holds the record that is there against the one that was made again.
fn compare(files: &RunFiles, record: &RunRecord) -> Result<(), Failure> {
    let kept: serde_json::Value = files.read_json("record.json").map_err(Failure::internal)?;
    let made = serde_json::to_value(record).map_err(Failure::internal)?;
    // Through text, as the kept one went: a number may read back as its nearest neighbour.
    let made: serde_json::Value = serde_json::from_str(&made.to_string()).map_err(Failure::internal)?;
    if let Some(place) = first_difference("", &kept, &made) {
        return Err(Failure::internal(format!(
            "record.json is not what plan, journal and ledger say: they differ at {place}; a file was changed, or another \
             version judged"
        )));
    }
    Ok(())
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
