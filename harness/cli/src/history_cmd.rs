//! `lifeboat history`.

use lifeboat_model::ExitCode;
use lifeboat_reports::{clean_line, history_text, series};

use crate::args::HistoryArgs;
use crate::failure::Failure;
use crate::history_file;
use crate::print::{errln, out};

/// Prints what the runs of a history show together.
pub fn history(args: &HistoryArgs) -> Result<ExitCode, Failure> {
    let path = match args.path.is_dir() {
        true => args.path.join(history_file::HISTORY),
        false => args.path.clone(),
    };
    let lines = history_file::read(&path)?;
    if lines.is_empty() {
        return Err(Failure::usage(format!("{} has no run yet", path.display())));
    }
    let all = series(&lines);
    let chosen: Vec<_> = all
        .iter()
        .filter(|series| args.drills.is_empty() || args.drills.contains(&series.last().name))
        .collect();
    if let Some(missing) =
        args.drills.iter().find(|name| all.iter().all(|series| series.last().name != **name))
    {
        return Err(Failure::usage(format!("{} has no run of a drill `{missing}`", path.display())));
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
