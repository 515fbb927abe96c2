//! `lifeboat history`.

use lifeboat_model::ExitCode;
use lifeboat_reports::{clean_line, history_text, series};

use crate::args::HistoryArgs;
use crate::failure::Failure;
use crate::history::History;
use crate::history_file::HISTORY;
use crate::history_place::HistoryPlace;
use crate::print::{errln, out};
use crate::stores::Stores;

/// Prints what the runs of a history show together.
pub async fn history(args: &HistoryArgs) -> Result<ExitCode, Failure> {
    let place = match &args.place {
        HistoryPlace::File(path) if path.is_dir() => HistoryPlace::File(path.join(HISTORY)),
        place => place.clone(),
    };
    let lines = History::open(&place, &Stores::of_tools()).await.read().await?;
    if lines.is_empty() {
        return Err(Failure::usage(format!("{place} has no run yet")));
    }
    let all = series(&lines);
    let chosen: Vec<_> = all
        .iter()
        .filter(|series| args.drills.is_empty() || args.drills.contains(&series.last().name))
        .collect();
    if let Some(missing) =
        args.drills.iter().find(|name| all.iter().all(|series| series.last().name != **name))
    {
        return Err(Failure::usage(format!("{place} has no run of a drill `{missing}`")));
    }
    let mut slower = Vec::new();
    for series in chosen {
        let (text, is_slower) = history_text(series, args.last as usize, args.fail_on_regression);
        out(format_args!("{text}\n"));
        if is_slower {
            slower.push(clean_line(&series.last().name));
        }
    }
    if slower.is_empty() {
        return Ok(ExitCode::Met);
    }
    errln!("lifeboat: slower than is allowed: {}", slower.join(", "));
    Ok(ExitCode::Missed)
}
