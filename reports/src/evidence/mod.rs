//! Signed evidence: what is signed of a run, with which key, and how others verify it.

mod envelope;
mod key;
mod statement;
mod verify_md;

pub use envelope::{Bundle, BundleError};
pub use key::{KeyError, PublicKey, SigningKey};
pub use statement::{
    Digest, Facts, Length, Link, Of, Predicate, SIGNED, Statement, Subject, UNDO_JOURNAL, Undone,
};
pub use verify_md::{BUNDLE, verify_md};
