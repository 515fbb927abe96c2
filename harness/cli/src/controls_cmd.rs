//! `lifeboat controls`: controls against runs, from the runs' records alone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lifeboat_engine::RunFiles;
use lifeboat_model::ExitCode;
use lifeboat_reports::{
    PublicKey, SeenRun, Signature, clean_line, controls_csv, controls_markdown, controls_oscal, matrix,
};
use time::macros::format_description;
use time::{Date, OffsetDateTime, Time};

use crate::args::{ControlsArgs, ControlsFormatArg};
use crate::evidence;
use crate::failure::Failure;
use crate::out_file;
use crate::print::errln;
use crate::report_cmd::{parse, text};

/// Writes what the runs show of the controls that their plans name.
pub fn controls(args: &ControlsArgs) -> Result<ExitCode, Failure> {
    let key = args.key.as_deref().map(evidence::public_key).transpose()?;
    let now = OffsetDateTime::now_utc();
    let until = match args.at {
        // Up to the next day's beginning; the calendar's last day has none.
        Some(day) => day.next_day().unwrap_or(Date::MAX).with_time(Time::MIDNIGHT).assume_utc(),
        None => now,
    };
    let runs = runs(&args.dirs, key.as_ref())?;
    let matrix = matrix(&runs, until);
    if matrix.rows.is_empty() {
        return Err(Failure::usage(match matrix.runs.len() {
            0 => "no run ended before the moment that is asked for; give a later day with --at".into(),
            all => format!(
                "none of {all} runs names a control; name them in the plan, as in controls = [\"soc2:A1.2\"] in a [[drills]]"
            ),
        }));
    }
    let text = match args.format {
        ControlsFormatArg::Markdown => controls_markdown(&matrix),
        ControlsFormatArg::Csv => controls_csv(&matrix),
        ControlsFormatArg::Oscal => controls_oscal(&matrix, now).map_err(Failure::usage)?,
    };
    out_file::write(&args.out, text.as_bytes())?;
    if key.is_none() {
        errln!(
            "lifeboat: signatures were not verified; give --key to count only runs that are as they were signed"
        );
    }
    let gaps: Vec<&str> = matrix.with_gaps().map(|row| row.id).collect();
    if gaps.is_empty() {
        return Ok(ExitCode::Met);
    }
    errln!("lifeboat: evidence is missing for {}", clean_line(&gaps.join(", ")));
    Ok(if args.fail_on_gap { ExitCode::Missed } else { ExitCode::Met })
}

/// A day, from a text like `2026-11-30`.
pub fn parse_day(text: &str) -> Result<Date, String> {
    let form = format_description!("[year]-[month]-[day]");
    Date::parse(text, form).map_err(|_| format!("`{text}` is no day like 2026-11-30"))
}

/// The runs of all folders, each once.
fn runs(dirs: &[PathBuf], key: Option<&PublicKey>) -> Result<Vec<SeenRun>, Failure> {
    let mut found: BTreeMap<String, (PathBuf, SeenRun)> = BTreeMap::new();
    for dir in dirs {
        for folder in folders(dir)? {
            let path = folder.join("record.json");
            let text = text(&path)?;
            let record = parse(&path, &text)?;
            let run = SeenRun { record, signature: signature(&folder, &text, key) };
            match found.get(&run.record.run_id) {
                Some((other, before)) if !same(before, &run) => {
                    return Err(Failure::usage(format!(
                        "{} and {} say that they are the same run, {}, and differ; give one of them",
                        other.display(),
                        folder.display(),
                        clean_line(&run.record.run_id)
                    )));
                }
                Some(_) => {}
                None => {
                    found.insert(run.record.run_id.clone(), (folder, run));
                }
            }
        }
    }
    Ok(found.into_values().map(|(_, run)| run).collect())
}

/// The folders of runs: the one itself, or those in it.
fn folders(dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    // Also of one that was killed, whose record is missing: that is for the reader to say.
    if dir.join("record.json").exists() || dir.join("journal.jsonl").exists() {
        return Ok(vec![dir.into()]);
    }
    let cannot = |cause: std::io::Error| Failure::usage(format!("cannot read {}: {cause}", dir.display()));
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        if path.join("record.json").exists() {
            folders.push(path);
        } else if path.join("journal.jsonl").exists() {
            errln!(
                "lifeboat: {} has no record.json and is not counted; after a kill `lifeboat judge` makes it",
                path.display()
            );
        }
    }
    if folders.is_empty() {
        return Err(Failure::usage(format!("{} is no run's folder, and holds none", dir.display())));
    }
    folders.sort();
    Ok(folders)
}

/// Whether two are one run. Why a signature was not verified names the folder, and is no difference.
fn same(one: &SeenRun, other: &SeenRun) -> bool {
    let verified = |run: &SeenRun| run.signature == Signature::Verified;
    one.record == other.record && verified(one) == verified(other)
}

/// Whether the run, whose record was read as this text, is as it was signed.
fn signature(folder: &Path, record: &str, key: Option<&PublicKey>) -> Signature {
    let Some(key) = key else { return Signature::NotLookedAt };
    let files = match evidence::verify_all(&RunFiles::of(folder), key) {
        Ok(all) => all.into_iter().next().map(|run| run.files).unwrap_or_default(),
        Err(why) => return Signature::NotVerified(why),
    };
    // What counts is what was read, and not what the file holds by now.
    let read = evidence::hex(record.as_bytes());
    match files.iter().any(|file| file.name == "record.json" && file.sha256 == read) {
        true => Signature::Verified,
        false => Signature::NotVerified("record.json as it was read is not what was signed".into()),
    }
}

#[cfg(test)]
mod tests {
    use lifeboat_model::{ControlRecord, RunRecord};
    use lifeboat_reports::SigningKey;

    use super::*;
    use crate::signer::Signer;

    /// A run on a real system whose first drill passed, in a folder of its own with the files that are signed.
    fn folder() -> tempfile::TempDir {
        let mut record: RunRecord =
            serde_json::from_str(include_str!("../../../reports/tests/old/record-1.json")).unwrap();
        record.environment.simulated = false;
        record.controls = vec![ControlRecord { id: "soc2:A1.2".into(), period_days: None }];
        record.drills[0].controls = vec!["soc2:A1.2".into()];
        let folder = tempfile::tempdir().unwrap();
        let files = RunFiles::of(folder.path());
        files.write_json("record.json", &record).unwrap();
        for name in ["plan.json", "journal.jsonl", "ledger.jsonl"] {
            files.write(name, b"{}\n").unwrap();
        }
        folder
    }

    /// What a key says of the run's signature, and whether the run is evidence then.
    fn shown(folder: &Path, key: Option<&PublicKey>) -> (Signature, bool) {
        let runs = runs(&[folder.into()], key).unwrap();
        let matrix = matrix(&runs, OffsetDateTime::now_utc() + time::Duration::days(36_500));
        (runs[0].signature.clone(), matrix.rows[0].last().is_some())
    }

    #[tokio::test]
    async fn a_run_that_is_not_as_it_was_signed_is_no_evidence() {
        let folder = folder();
        let (dir, files) = (folder.path(), RunFiles::of(folder.path()));
        let key = || Signer::File(Box::new(SigningKey::from_pem(&SigningKey::generate().unwrap()).unwrap()));
        let (key, other) = (key(), key());
        let refused = |key: &Signer, part: &str| match shown(dir, Some(&key.public())) {
            (Signature::NotVerified(why), false) => assert!(why.contains(part), "{why}"),
            found => panic!("{part}: {found:?}"),
        };
        refused(&key, "record.sigstore.json");
        let record: RunRecord = files.read_json("record.json").unwrap();
        let statement = evidence::statement_of(&files, &record, None).unwrap();
        evidence::sign_run(&files, &statement, &key).await.unwrap();
        assert_eq!(shown(dir, Some(&key.public())), (Signature::Verified, true));
        assert_eq!(shown(dir, None), (Signature::NotLookedAt, true));
        refused(&other, "another key");
        for name in ["record.json", "plan.json", "journal.jsonl", "ledger.jsonl"] {
            let whole = std::fs::read(files.path(name)).unwrap();
            std::fs::write(files.path(name), [&whole[..], b" "].concat()).unwrap();
            refused(&key, name);
            std::fs::write(files.path(name), whole).unwrap();
        }
        assert_eq!(shown(dir, Some(&key.public())), (Signature::Verified, true));
        // What was read before the file was put back as it was signed.
        let whole = std::fs::read_to_string(files.path("record.json")).unwrap();
        assert_eq!(signature(dir, &whole, Some(&key.public())), Signature::Verified);
        match signature(dir, &format!("{whole} "), Some(&key.public())) {
            Signature::NotVerified(why) => assert!(why.contains("as it was read"), "{why}"),
            found => panic!("{found:?}"),
        }
    }

    #[tokio::test]
    async fn a_run_that_is_given_by_two_paths_counts_once_also_with_a_key() {
        let (one, two) = (folder(), folder());
        let dirs = [one.path().to_owned(), two.path().to_owned()];
        let key = Signer::File(Box::new(SigningKey::from_pem(&SigningKey::generate().unwrap()).unwrap()));
        let public = key.public();
        for key in [None, Some(&public)] {
            assert_eq!(runs(&dirs, key).unwrap().len(), 1);
        }
        // One is signed and the other is not: which of them is meant is for the caller to say.
        let files = RunFiles::of(one.path());
        let record: RunRecord = files.read_json("record.json").unwrap();
        let statement = evidence::statement_of(&files, &record, None).unwrap();
        evidence::sign_run(&files, &statement, &key).await.unwrap();
        assert!(runs(&dirs, Some(&public)).is_err());
        assert_eq!(runs(&dirs, None).unwrap().len(), 1);
    }

    #[test]
    fn days_are_days() {
        assert_eq!(parse_day("2026-11-30").map(|day| day.ordinal()), Ok(334));
        for text in ["", "2026-11", "2026-11-31", "2026-11-30T00:00:00Z", "30.11.2026"] {
            assert!(parse_day(text).is_err_and(|error| error.contains("2026-11-30")), "{text}");
        }
    }
}
