//! Signing a run's files, and verifying them.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use lifeboat_engine::RunFiles;
use lifeboat_model::{FileDigest, RunRecord};
use lifeboat_reports::{
    BUNDLE, Bundle, Facts, Link, Of, PublicKey, SIGNED, Statement, UNDO_JOURNAL, Undone, clean_line,
    verify_md,
};
use sha2::{Digest as _, Sha256};

use crate::failure::Failure;
use crate::signer::Signer;

/// Reads a key to verify with.
pub fn public_key(path: &Path) -> Result<PublicKey, Failure> {
    let wrong = |why: &dyn std::fmt::Display| Failure::usage(format!("key {}: {why}", path.display()));
    PublicKey::from_pem(&fs::read_to_string(path).map_err(|cause| wrong(&cause))?).map_err(|why| wrong(&why))
}

/// The statement about a run whose record is written. It is the same whenever it is made.
pub fn statement_of(
    files: &RunFiles,
    record: &RunRecord,
    previous: Option<Link>,
) -> Result<Statement, Failure> {
    let digests: Vec<FileDigest> =
        SIGNED.iter().map(|name| files.digest(name)).collect::<Result<_, _>>().map_err(Failure::internal)?;
    Ok(Statement::of_run(record, &digests, previous))
}

/// The digest by which a link or a line names a statement.
pub fn digest_of(statement: &Statement) -> String {
    hex(&statement.bytes())
}

/// The statement in a run's bundle, if the run has one. Its signature is not verified: that takes the public key.
///
/// # Errors
/// If it is no statement about this run and its files as they are.
pub fn signed_statement(files: &RunFiles, record: &RunRecord) -> Result<Option<Statement>, Failure> {
    let path = files.path(BUNDLE);
    if !path.exists() {
        return Ok(None);
    }
    let wrong = |why: &str| {
        Failure::usage(format!("{}: {why}; move it away to have the run signed anew", path.display()))
    };
    let bytes = read_bundle(&path).map_err(|why| wrong(&why))?.payload().unwrap_or_default();
    let statement: Statement =
        serde_json::from_slice(&bytes).map_err(|error| wrong(&clean_line(&error.to_string())))?;
    let made = statement_of(files, record, statement.predicate.lifeboat.previous.clone())?;
    if made.bytes() != bytes {
        return Err(wrong("it is not about the run's files as they are now"));
    }
    Ok(Some(statement))
}

/// Signs a run's statement, and says in the run's folder how to verify it. Gives the digest of the statement.
pub async fn sign_run(files: &RunFiles, statement: &Statement, key: &Signer) -> Result<String, Failure> {
    // Before the bundle, with which the run counts as signed.
    files.write("VERIFY.md", verify_md(&key.public()).as_bytes()).map_err(Failure::internal)?;
    sign(files, BUNDLE, statement, key).await
}

/// How many undos of a run are signed.
pub fn signed_undos(files: &RunFiles) -> Result<u32, Failure> {
    undos(files).map_err(Failure::internal)
}

/// What an undo's statement follows: a run that was signed with the same key, and the undos after it.
pub struct Signed {
    run: Facts,
    last: Link,
    number: u32,
}

/// How many bytes of the undos' journal the last bundle of an undo is about, as that says; its signature is not verified.
pub fn undone_and_signed(files: &RunFiles) -> Result<u64, String> {
    let name = match undos(files)? {
        0 => return Ok(0),
        number => undo_bundle(number),
    };
    let wrong = |why: String| format!("{name}: {}", clean_line(&why));
    let bytes = read_bundle(&files.path(&name)).map_err(wrong)?.payload().unwrap_or_default();
    let statement: Statement = serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
    Ok(statement
        .subject
        .iter()
        .filter_map(|subject| subject.annotations.as_ref())
        .map(|length| length.bytes)
        .sum())
}

/// Verifies what an undo's statement would follow, before anything is undone.
///
/// # Errors
/// If the run was not signed with this key, or was changed since.
pub fn signed_run(files: &RunFiles, key: &Signer) -> Result<Signed, String> {
    let all = verify_all(files, &key.public())?;
    let (run, last) = (&all[0], &all[all.len() - 1]);
    let last = Link { run_id: run.facts.run_id.clone(), sha256: last.statement_sha256.clone() };
    Ok(Signed { run: run.facts.clone(), last, number: u32::try_from(all.len()).unwrap_or(u32::MAX) })
}

/// Signs what `lifeboat undo` did on a signed run, in a file of its own, which it gives.
pub async fn sign_undo(
    files: &RunFiles,
    signed: Signed,
    undone: &Undone,
    key: &Signer,
) -> Result<String, Failure> {
    let journal = files.digest(UNDO_JOURNAL).map_err(Failure::internal)?;
    let name = undo_bundle(signed.number);
    sign(files, &name, &Statement::of_undo(&signed.run, &journal, undone, signed.last), key).await?;
    Ok(name)
}

async fn sign(files: &RunFiles, name: &str, statement: &Statement, key: &Signer) -> Result<String, Failure> {
    let bundle = key.sign(statement).await?;
    files.write_json(name, &bundle).map_err(Failure::internal)?;
    Ok(hex(&statement.bytes()))
}

/// The bundle of the undo of this number.
fn undo_bundle(number: u32) -> String {
    format!("undo-{number}.sigstore.json")
}

/// What was found to be as it was signed.
#[derive(Debug)]
pub struct Verified {
    /// The bundle's file.
    pub name: String,
    /// What the statement says beside its result.
    pub facts: Facts,
    /// `PASSED` or `FAILED`.
    pub result: String,
    /// The digest of the statement.
    pub statement_sha256: String,
    /// What it is about.
    pub files: Vec<SignedFile>,
}

/// A file that is as it was signed.
#[derive(Debug)]
pub struct SignedFile {
    /// Its name.
    pub name: String,
    /// SHA-256 of it then, hexadecimal.
    pub sha256: String,
    /// How long it was then.
    pub bytes: u64,
}

/// Verifies the run's bundle and those of its undos: what they are about, and that each follows the one before. The run's is the
/// first.
///
/// # Errors
/// What is not as it was signed, as a sentence; or that it is not there.
pub fn verify_all(files: &RunFiles, key: &PublicKey) -> Result<Vec<Verified>, String> {
    let mut all = vec![verify(files, BUNDLE, Of::Run, key)?];
    for number in 1..=undos(files)? {
        let name = undo_bundle(number);
        let undo = verify(files, &name, Of::Undo, key)?;
        let last = &all[all.len() - 1];
        let follows = Link { run_id: all[0].facts.run_id.clone(), sha256: last.statement_sha256.clone() };
        if undo.facts.run_id != follows.run_id || undo.facts.previous.as_ref() != Some(&follows) {
            return Err(format!(
                "{name} does not follow the statement before it: one is missing or of another run"
            ));
        }
        all.push(undo);
    }
    Ok(all)
}

/// The greatest number of an undo's bundle.
fn undos(files: &RunFiles) -> Result<u32, String> {
    let cannot = |cause: std::io::Error| format!("cannot read {}: {cause}", files.dir().display());
    let mut most = 0;
    for entry in fs::read_dir(files.dir()).map_err(cannot)? {
        let name = entry.map_err(cannot)?.file_name();
        let name = name.to_string_lossy();
        let number = name.strip_prefix("undo-").and_then(|rest| rest.strip_suffix(".sigstore.json"));
        if let Some(number) = number {
            let number: u32 = number
                .parse()
                .map_err(|_| format!("{} is no name of an undo's bundle", clean_line(&name)))?;
            most = most.max(number);
        }
    }
    Ok(most)
}

/// Verifies one bundle of a run's folder and the files that it is about, each as long as it was then.
fn verify(files: &RunFiles, name: &str, of: Of, key: &PublicKey) -> Result<Verified, String> {
    let path = files.path(name);
    let wrong = |why: &dyn std::fmt::Display| format!("{}: {}", path.display(), clean_line(&why.to_string()));
    let bundle = read_bundle(&path).map_err(|why| wrong(&why))?;
    let statement = bundle.verify(key).map_err(|error| wrong(&error))?;
    statement.check(of).map_err(|why| wrong(&why))?;
    let mut verified = Vec::new();
    for subject in &statement.subject {
        let at = files.path(&subject.name);
        let cannot = |cause: std::io::Error| format!("cannot read {}: {cause}", at.display());
        let bytes = subject.annotations.as_ref().map_or(0, |length| length.bytes);
        let now = fs::metadata(&at).map_err(cannot)?;
        if !now.is_file() {
            return Err(format!("{} is no file", at.display()));
        }
        let found = digest_of_first(&at, bytes).map_err(cannot)?;
        if found != subject.digest.sha256 {
            return Err(format!(
                "{} is not what was signed: its SHA-256 is {found}, and was {}",
                at.display(),
                clean_line(&subject.digest.sha256)
            ));
        }
        // Only what an undo adds to may have grown.
        if now.len() != bytes && of == Of::Run {
            return Err(format!("{} is not what was signed: it has grown since", at.display()));
        }
        verified.push(SignedFile { name: subject.name.clone(), sha256: found, bytes });
    }
    Ok(Verified {
        name: name.into(),
        statement_sha256: hex(&bundle.payload().unwrap_or_default()),
        facts: statement.predicate.lifeboat,
        result: statement.predicate.result,
        files: verified,
    })
}

/// More than any statement has.
const LONGEST: u64 = 16 << 20;

fn read_bundle(path: &Path) -> Result<Bundle, String> {
    let file = fs::metadata(path).map_err(|cause| cause.to_string())?;
    if !file.is_file() || file.len() > LONGEST {
        return Err("it is no bundle that lifeboat signs".into());
    }
    serde_json::from_slice(&fs::read(path).map_err(|cause| cause.to_string())?)
        .map_err(|error| format!("it is no bundle that lifeboat signs: {error}"))
}

/// SHA-256, hexadecimal, of so many bytes of a file from its beginning.
fn digest_of_first(path: &Path, bytes: u64) -> std::io::Result<String> {
    let mut hash = Sha256::new();
    let mut file = fs::File::open(path)?.take(bytes);
    std::io::copy(&mut file, &mut hash)?;
    Ok(to_hex(&hash.finalize()))
}

/// SHA-256, hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    to_hex(&Sha256::digest(bytes))
}

fn to_hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
