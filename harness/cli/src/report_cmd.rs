//! `lifeboat report`: a report again, from a run's record alone.

use std::io::Write as _;
use std::path::Path;

use lifeboat_engine::RunFiles;
use lifeboat_model::{ExitCode, RECORD_SCHEMA, RunRecord};
use lifeboat_reports::steers_a_terminal;
use serde::Deserialize;

use crate::args::{FormatArg, ReportArgs};
use crate::failure::Failure;

/// Makes a report of `record.json`, to a file or to standard output.
pub fn report(args: &ReportArgs) -> Result<ExitCode, Failure> {
    let (record, text) = read(&args.dir.join("record.json"))?;
    let bytes = match args.format {
        FormatArg::Json => text.into_bytes(),
        FormatArg::Html => lifeboat_reports::html(&record).map_err(Failure::internal)?,
        FormatArg::Junit => lifeboat_reports::junit(&record).map_err(Failure::internal)?,
        FormatArg::Markdown => lifeboat_reports::markdown(&record).into_bytes(),
        FormatArg::Openmetrics => lifeboat_reports::openmetrics(&record).into_bytes(),
        FormatArg::Badge => lifeboat_reports::badge(&record).map_err(Failure::internal)?.into_bytes(),
        FormatArg::Summary => lifeboat_reports::summary(&record).into_bytes(),
    };
    if args.out.as_os_str() == "-" {
        // A reader that has gone is no error, as everywhere.
        let _ = std::io::stdout().lock().write_all(&bytes);
        return Ok(ExitCode::Met);
    }
    let name = args.out.file_name().and_then(|name| name.to_str()).ok_or_else(|| {
        let shown = args.out.display();
        Failure::usage(format!("cannot write {shown}: it names no file; give --out a file, or - for stdout"))
    })?;
    // Whole or not at all: a scraper may read the file at any moment.
    let folder = args.out.parent().filter(|folder| !folder.as_os_str().is_empty());
    RunFiles::of(folder.unwrap_or(Path::new("."))).write(name, &bytes).map_err(Failure::usage)?;
    Ok(ExitCode::Met)
}

/// The record, and its text as it stands in the file.
pub fn read(path: &Path) -> Result<(RunRecord, String), Failure> {
    #[derive(Deserialize)]
    struct Head {
        schema: Option<String>,
    }
    let shown = path.display();
    let wrong = |why: String| Failure::usage(format!("cannot read {shown}: {why}"));
    let kind = std::fs::metadata(path).map_err(|error| {
        wrong(format!(
            "{error}; give the folder of a run, and after a kill `lifeboat judge` makes its record"
        ))
    })?;
    if !kind.is_file() {
        return Err(wrong("it is not a file; give the folder of a run".into()));
    }
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let changed =
        "it was changed, or is not of this tool; `lifeboat judge` says what the run's other files say";
    // The format first: what a newer one holds may have any form.
    let head: Head = serde_json::from_str(&text).map_err(|error| wrong(format!("{error}; {changed}")))?;
    match head.schema.as_deref() {
        Some(RECORD_SCHEMA) => {}
        Some(other) => {
            return Err(wrong(format!(
                "its format is `{other}`, and this version reads `{RECORD_SCHEMA}`; use the lifeboat that wrote it"
            )));
        }
        None => return Err(wrong(format!("it does not say its format (`schema`); {changed}"))),
    }
    let record = serde_json::from_str(&text).map_err(|error| wrong(format!("{error}; {changed}")))?;
    // What steers a terminal is escaped, which changes nothing for a reader of JSON: outside of a text there is none of it
    // but line feeds and tabs.
    let mut harmless = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' | '\r' => harmless.push(c),
            c if steers_a_terminal(c) => harmless.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => harmless.push(c),
        }
    }
    Ok((record, harmless))
}
