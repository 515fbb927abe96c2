//! What follows a run's record: its signed statement, and its line in the history. Both are looked at before the run begins: what
//! cannot be had would be said too late.
//!
//! A statement is only made for the place that the run has in its history: where that cannot be had, the run stays unsigned.

use std::path::{Path, PathBuf};

use lifeboat_engine::RunFiles;
use lifeboat_model::{Environment, EvidenceSection, HistoryLine, KmsKeyArn, RunRecord};
use lifeboat_reports::{BUNDLE, Link, Statement};
use tokio::sync::OnceCell;

use crate::evidence::{digest_of, sign_run, signed_statement, signed_undos, statement_of};
use crate::failure::Failure;
use crate::history::{Held, History};
use crate::history_place::HistoryPlace;
use crate::judge_later::{With, judge_later};
use crate::print::errln;
use crate::signer::Signer;
use crate::stores::Stores;

/// What is said where both are given.
pub const TWO_KEYS: &str =
    "--sign-key and kms_key in [evidence] of the plan: a run is signed with one key; drop one of the two";

/// How often a line is added anew because another came first. Of those that come at once, one is first each time.
const ATTEMPTS: u32 = 100;

/// What signs a run.
#[derive(Default)]
pub enum Key {
    /// Nothing.
    #[default]
    None,
    /// One of a file, and where that is.
    File(Box<Signer>, PathBuf),
    /// The one of KMS that the plan names.
    Plan(KmsKeyArn, OnceCell<Signer>),
}

/// What signs a run, and the history that it is added to.
#[derive(Default)]
pub struct Conclusion {
    /// What signs it.
    pub key: Key,
    /// Where it is added to.
    pub history: Option<(HistoryPlace, History)>,
    /// What was in the history before the run.
    pub earlier: Vec<HistoryLine>,
}

/// What was done.
#[derive(Debug, Default)]
pub struct Concluded {
    /// Whether it was signed just now.
    pub signed: bool,
    /// Whether it was added to its history just now, or was in it; `None` where it is in none.
    pub added: Option<bool>,
}

impl Conclusion {
    /// For a run that is to begin, in an environment whose endpoint is settled and which is not started yet.
    ///
    /// # Errors
    /// If the key or the history cannot be had.
    pub async fn ready(
        environment: &Environment,
        evidence: &EvidenceSection,
        sign_key: Option<&Path>,
        history: Option<&HistoryPlace>,
    ) -> Result<Self, Failure> {
        let stores = Stores::of_plan(environment);
        let key = match (sign_key, &evidence.kms_key) {
            (Some(_), Some(_)) => return Err(Failure::usage(TWO_KEYS)),
            (Some(path), None) => Key::File(Box::new(Signer::of_file(path)?), path.into()),
            (None, Some(arn)) => {
                Key::Plan(arn.clone(), OnceCell::new_with(Some(Signer::of_kms(&stores, arn).await?)))
            }
            (None, None) => Key::None,
        };
        let history = match history {
            Some(place) => Some((place.clone(), History::open(place, &stores).await)),
            None => None,
        };
        let earlier = match &history {
            Some((_, history)) => history.so_far().await?,
            None => Vec::new(),
        };
        Ok(Self { key, history, earlier })
    }

    /// Adds the run to its history, unless it is in it, with its statement, which is signed if there is a key and it is not yet.
    /// Where a history cannot be had nothing is signed; without a key that is a warning.
    ///
    /// # Errors
    /// If it cannot be signed, then it is not added either; or its statement does not fit its place.
    pub async fn conclude(&self, files: &RunFiles, record: &RunRecord) -> Result<Concluded, Failure> {
        let is_signed = files.path(BUNDLE).exists();
        let Some((place, history)) = &self.history else {
            let signs = !is_signed && !matches!(self.key, Key::None);
            if signs {
                refuse_after_undos(files)?;
                self.sign(files, &statement_of(files, record, None)?).await?;
            }
            return Ok(Concluded { signed: signs, added: None });
        };
        let mut done = Concluded::default();
        let warn = |failure: &Failure| {
            errln!(
                "lifeboat: {failure}\nlifeboat: the run is not in the history: `{}` adds it",
                self.later(files)
            );
        };
        let mut held = match history.hold().await {
            Ok(held) => held,
            Err(failure) if is_signed || matches!(self.key, Key::None) => {
                warn(&failure);
                return Ok(done);
            }
            Err(failure) => {
                return Err(Failure::internal(format!(
                    "{failure}\nlifeboat: the run is not signed and not in the history: a statement made now would name no run \
                     before it; its record and reports are written, and `{}` does both",
                    self.later(files)
                )));
            }
        };
        for _ in 0..ATTEMPTS {
            if let Some((line, previous)) = held.own(&record.run_id) {
                done.signed |= self.as_its_line(files, record, place, line, previous).await?;
                done.added = Some(false);
                return Ok(done);
            }
            let (statement, signed) = self.as_the_next(files, record, place, &held).await?;
            done.signed |= signed;
            let digest = files.digest("record.json").map_err(Failure::internal)?;
            match held.add(&HistoryLine::of(record, digest.sha256, statement)).await {
                Ok(None) => {
                    done.added = Some(true);
                    return Ok(done);
                }
                // Its statement has to name the run that came first.
                Ok(Some(again)) => held = again,
                Err(failure) => {
                    warn(&failure);
                    return Ok(done);
                }
            }
        }
        warn(&Failure::internal(format!(
            "others were added to the history {ATTEMPTS} times before this run"
        )));
        Ok(done)
    }

    /// The digest of the statement with which a run is added behind this one, and whether it was signed just now.
    async fn as_the_next(
        &self,
        files: &RunFiles,
        record: &RunRecord,
        place: &HistoryPlace,
        held: &Held<'_>,
    ) -> Result<(Option<String>, bool), Failure> {
        let wanted = statement_of(files, record, held.last_statement())?;
        match signed_statement(files, record)? {
            None => {}
            Some(there) if there == wanted => return Ok((Some(digest_of(&there)), false)),
            Some(_) if matches!(self.key, Key::None) => {
                return Err(Failure::usage(format!(
                    "the run is signed, and its statement does not name the last signed run in {place}; give the key with \
                     --sign-key to have it signed anew, as the next there"
                )));
            }
            // In another chain it may be good evidence.
            Some(there)
                if there.predicate.lifeboat.previous.as_ref().is_some_and(|link| !held.names(link)) =>
            {
                return Err(Failure::usage(format!(
                    "the run is signed as the one after a run that is not in {place}; give the history that it was signed for; \
                     nothing was changed"
                )));
            }
            Some(_) => {}
        }
        refuse_after_undos(files)?;
        let digest = self.sign(files, &wanted).await?;
        let signed = digest.is_some();
        Ok((digest, signed))
    }

    /// Holds a run against its line in the history, and signs it where that names a statement that was lost; whether it did.
    async fn as_its_line(
        &self,
        files: &RunFiles,
        record: &RunRecord,
        place: &HistoryPlace,
        line: &HistoryLine,
        previous: Option<Link>,
    ) -> Result<bool, Failure> {
        let refused = |why: &str| Failure::usage(format!("the run is in {place} already, {why}"));
        let no_key = matches!(self.key, Key::None);
        let named = match (&line.statement_sha256, signed_statement(files, record)?) {
            (None, None) if no_key => return Ok(false),
            (None, None) => {
                return Err(refused(
                    "unsigned: a statement made now would stand outside its chain, and the run is not signed",
                ));
            }
            (Some(named), Some(there)) if *named == digest_of(&there) => return Ok(false),
            (_, Some(_)) => {
                return Err(refused(&format!(
                    "and not with the statement of {BUNDLE}, which stands outside its chain; nothing was changed. Once that file \
                     is moved away, the same command, with the key, makes that of the chain again"
                )));
            }
            (Some(named), None) => named,
        };
        let lost = statement_of(files, record, previous)?;
        if digest_of(&lost) != *named {
            return Err(refused(
                "with a statement that cannot be made again: the run's files or the lines before it were changed, or another \
                 version signed it; the run is not signed",
            ));
        }
        if no_key {
            return Err(refused(&format!(
                "with a statement, and {BUNDLE} is not there; give the key that signed it with --sign-key"
            )));
        }
        self.sign(files, &lost).await.map(|_| true)
    }

    /// Signs a statement, if there is a key, and gives its digest.
    async fn sign(&self, files: &RunFiles, statement: &Statement) -> Result<Option<String>, Failure> {
        let signed = async {
            let signer = match &self.key {
                Key::None => return Ok(None),
                Key::File(signer, _) => signer,
                Key::Plan(arn, opened) => {
                    let open = || async { Signer::of_kms(&Stores::of_run(files)?, arn).await };
                    opened.get_or_try_init(open).await?
                }
            };
            sign_run(files, statement, signer).await.map(Some)
        };
        signed.await.map_err(|failure: Failure| {
            Failure::internal(format!(
                "the run is not signed: {failure}; its record and reports are written, and `{}` signs it later",
                self.later(files)
            ))
        })
    }

    /// What makes up for what is missing.
    fn later(&self, files: &RunFiles) -> String {
        let with = match &self.key {
            Key::None => With::Nothing,
            Key::File(_, path) => With::File(path),
            Key::Plan(..) => With::Plan,
        };
        judge_later(files.dir(), self.history.as_ref().map(|(place, _)| place), with)
    }

    /// What is said where a signal ended [`Conclusion::conclude`].
    pub fn cut_off(&self, files: &RunFiles) -> String {
        let later = self.later(files);
        match (&self.key, &self.history) {
            (Key::None, _) => format!(
                "a signal ended it before the run was in its history, which it may not be in; `{later}` adds it, unless it is \
                 in it"
            ),
            (_, history) if !files.path(BUNDLE).exists() => {
                let history = if history.is_some() { " and not in its history" } else { "" };
                format!(
                    "a signal ended it before the run was signed: it is not signed{history}; its record and reports are \
                     written, and `{later}` does it later"
                )
            }
            _ => format!(
                "a signal ended it: the run is signed, and may not be in its history; `{later}` adds it, unless it is in it"
            ),
        }
    }
}

/// What `lifeboat undo` signed names the statement of its run, which must not become another one then.
fn refuse_after_undos(files: &RunFiles) -> Result<(), Failure> {
    match signed_undos(files)? {
        0 => Ok(()),
        undos => Err(Failure::usage(format!(
            "the run is not signed anew: {undos} of its undos are signed, and name the statement that was there before"
        ))),
    }
}
