//! `lifeboat report`: a report again, from a run's record alone.

use std::path::Path;

use lifeboat_model::{ExitCode, RECORD_SCHEMA, RunRecord};
use lifeboat_reports::steers_a_terminal;
use serde::Deserialize;

use crate::args::{FormatArg, ReportArgs};
use crate::failure::Failure;
use crate::out_file;

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
    out_file::write(&args.out, &bytes)?;
    Ok(ExitCode::Met)
}

/// The record, and its text as it stands in the file, which steers no terminal.
pub fn read(path: &Path) -> Result<(RunRecord, String), Failure> {
    let text = text(path)?;
    let record = parse(path, &text)?;
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

fn wrong(path: &Path, why: &str) -> Failure {
    Failure::usage(format!("cannot read {}: {why}", path.display()))
}

/// The text of a record's file, byte for byte.
pub fn text(path: &Path) -> Result<String, Failure> {
    let wrong = |why: String| wrong(path, &why);
    let kind = std::fs::metadata(path).map_err(|error| {
        wrong(format!(
            "{error}; give the folder of a run, and after a kill `lifeboat judge` makes its record"
        ))
    })?;
    if !kind.is_file() {
        return Err(wrong("it is not a file; give the folder of a run".into()));
    }
    std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))
}

/// The record that a file's text is. Of a newer minor version what this one does not know is left out.
pub fn parse(path: &Path, text: &str) -> Result<RunRecord, Failure> {
    #[derive(Deserialize)]
    struct Head {
        schema: Option<String>,
    }
    let wrong = |why: String| wrong(path, &why);
    let changed =
        "it was changed, or is not of this tool; `lifeboat judge` says what the run's other files say";
    // The format first: what a newer one holds may have any form.
    let head: Head = serde_json::from_str(text).map_err(|error| wrong(format!("{error}; {changed}")))?;
    let cause = match head.schema.as_deref() {
        Some(RECORD_SCHEMA) => changed,
        Some(minor) if is_minor(minor) => {
            "it is of a newer version than this one reads; use the lifeboat that wrote it"
        }
        Some(other) => {
            return Err(wrong(format!(
                "its format is `{other}`, and this version reads `{RECORD_SCHEMA}`; use the lifeboat that wrote it"
            )));
        }
        None => return Err(wrong(format!("it does not say its format (`schema`); {changed}"))),
    };
    serde_json::from_str(text).map_err(|error| wrong(format!("{error}; {cause}")))
}

/// Whether it is a minor version of the format that this version reads.
fn is_minor(schema: &str) -> bool {
    let minor = schema.strip_prefix(RECORD_SCHEMA).and_then(|rest| rest.strip_prefix('.'));
    minor.is_some_and(|minor| !minor.is_empty() && minor.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minor_versions_of_its_own_major_one_are_read_and_no_other() {
        let kept = include_str!("../../../reports/tests/old/record-1.json");
        let of = |schema: &str, more: &str| {
            let mut value: serde_json::Value = serde_json::from_str(kept).unwrap();
            value["schema"] = schema.into();
            value["drills"][0]["fields_of_a_newer_version"] = true.into();
            if !more.is_empty() {
                value["verdict"] = more.into();
            }
            parse(Path::new("record.json"), &value.to_string()).map_err(|failure| failure.to_string())
        };
        for schema in ["lifeboat.record/1", "lifeboat.record/1.0", "lifeboat.record/1.3"] {
            assert_eq!(of(schema, "").map(|record| record.schema).as_deref(), Ok(schema));
        }
        for schema in
            ["lifeboat.record/2", "lifeboat.record/10", "lifeboat.record/1.", "lifeboat.record/1.x", ""]
        {
            assert!(of(schema, "").is_err_and(|error| error.contains("its format is")), "{schema}");
        }
        let cannot = |schema| of(schema, "a-newer-one").expect_err("no verdict");
        assert!(cannot("lifeboat.record/1.3").contains("newer version"));
        assert!(cannot("lifeboat.record/1").contains("it was changed"));
    }
}
