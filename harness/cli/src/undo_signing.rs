//! What `lifeboat undo` signs: with the key that is given, or with the one that the run's plan names.
//!
//! Who gives a key wants a signature: without one nothing is undone. That a plan names one keeps nothing from being taken back:
//! KMS is asked when all is done.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use lifeboat_engine::{RunFiles, read_events};
use lifeboat_model::{EventKind, KmsKeyArn, UndoEnd};
use lifeboat_reports::{BUNDLE, UNDO_JOURNAL, Undone};
use time::OffsetDateTime;

use crate::conclusion::TWO_KEYS;
use crate::evidence::{self, Signed};
use crate::failure::Failure;
use crate::judge_later::{With, judge_later};
use crate::print::{errln, outln};
use crate::run_plan;
use crate::signer::Signer;
use crate::stores::Stores;

/// What signs an undo.
pub enum UndoSigning {
    /// Nothing.
    None,
    /// A key that was given, and what the undo's statement follows.
    Given(Box<(Signer, Signed)>),
    /// The key that the plan names.
    OfPlan(KmsKeyArn),
}

impl UndoSigning {
    /// Before anything is undone.
    ///
    /// # Errors
    /// If a key is given and cannot sign, or the plan names one as well.
    pub fn of(sign_key: Option<&Path>, files: &RunFiles) -> Result<Self, Failure> {
        // A folder without a plan can still be undone.
        let named = run_plan::evidence(files).ok().and_then(|evidence| evidence.kms_key);
        match (sign_key, named) {
            (Some(_), Some(_)) => Err(Failure::usage(TWO_KEYS)),
            (None, None) => Ok(Self::None),
            (None, Some(arn)) => Ok(Self::OfPlan(arn)),
            (Some(path), None) => {
                let key = Signer::of_file(path)?;
                let signed = evidence::signed_run(files, &key).map_err(|why| {
                    Failure::usage(format!(
                        "{why}; an undo's statement follows that of its run, signed with the same key: sign the run first \
                         (`{}`, with the --history that it belongs to), or undo without --sign-key",
                        judge_later(files.dir(), None, With::File(path))
                    ))
                })?;
                Ok(Self::Given(Box::new((key, signed))))
            }
        }
    }

    /// Signs what was undone.
    ///
    /// # Errors
    /// If it cannot. That the run itself was not signed is a warning where the plan names the key.
    pub async fn sign(self, files: &RunFiles, undone: &Undone) -> Result<(), Failure> {
        let (key, signed) = match self {
            Self::None => return Ok(()),
            Self::Given(both) => *both,
            Self::OfPlan(_) if !files.path(BUNDLE).exists() => {
                errln!(
                    "lifeboat: the undo is not signed: it would follow the statement of its run, and there is none; `{}` \
                     signs the run",
                    judge_later(files.dir(), None, With::Plan)
                );
                return Ok(());
            }
            Self::OfPlan(arn) => {
                let not_signed =
                    |why: String| Failure::internal(format!("all is done, and not signed: {why}"));
                let stores = Stores::of_run(files).map_err(|failure| not_signed(failure.to_string()))?;
                let key =
                    Signer::of_kms(&stores, &arn).await.map_err(|failure| not_signed(failure.to_string()))?;
                let signed = evidence::signed_run(files, &key).map_err(not_signed)?;
                (key, signed)
            }
        };
        let name = evidence::sign_undo(files, signed, undone, &key).await?;
        outln!("signed: {name}");
        Ok(())
    }

    /// Signs what earlier undos did and no bundle is about, where nothing is left to undo.
    ///
    /// # Errors
    /// As [`UndoSigning::sign`].
    pub async fn sign_earlier(self, files: &RunFiles) -> Result<(), Failure> {
        let path = files.path(UNDO_JOURNAL);
        if matches!(self, Self::None) || !path.exists() {
            return Ok(());
        }
        let signed = evidence::undone_and_signed(files).map_err(Failure::internal)?;
        let bytes = fs::read(&path).map_err(Failure::internal)?;
        let begin = usize::try_from(signed).unwrap_or(usize::MAX).min(bytes.len());
        if begin == bytes.len() {
            return Ok(());
        }
        let lines = bytes[..begin].iter().filter(|byte| **byte == b'\n').count();
        let events = read_events(&path).map_err(Failure::internal)?;
        let events = events.get(lines..).unwrap_or_default();
        let planned = read_events(&files.path("journal.jsonl")).map_err(Failure::internal)?;
        let what: BTreeMap<u64, String> = planned
            .iter()
            .filter_map(|event| match &event.kind {
                EventKind::UndoPlanned { undo, action, .. } => Some((*undo, action.describe())),
                _ => None,
            })
            .collect();
        let done = events.iter().filter_map(|event| match &event.kind {
            EventKind::UndoEnded { undo, outcome: UndoEnd::Undone | UndoEnd::NotNeeded, .. } => {
                what.get(undo).cloned()
            }
            _ => None,
        });
        let now = OffsetDateTime::now_utc();
        let undone = Undone {
            done: done.collect(),
            left: Vec::new(),
            started_at: events.first().map_or(now, |event| event.at),
            ended_at: events.last().map_or(now, |event| event.at),
            tool_version: env!("CARGO_PKG_VERSION").into(),
        };
        self.sign(files, &undone).await
    }
}
