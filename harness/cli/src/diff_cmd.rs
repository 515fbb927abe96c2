//! `lifeboat diff`.

use lifeboat_model::ExitCode;

use crate::args::DiffArgs;
use crate::failure::Failure;
use crate::print::out;
use crate::report_cmd::read;

/// Prints what differs between two runs, from their records alone.
pub fn diff(args: &DiffArgs) -> Result<ExitCode, Failure> {
    let (before, _) = read(&args.before.join("record.json"))?;
    let (after, _) = read(&args.after.join("record.json"))?;
    out(format_args!("{}", lifeboat_reports::diff_text(&before, &after)));
    Ok(ExitCode::Met)
}
