//! From a run's record to what people and CI servers read, what is signed of it, and what many of them show together. Every
//! function here needs records alone and returns bytes or text; none looks at a file or knows the engine.

mod badge;
mod controls;
mod diff;
mod evidence;
mod history;
mod html;
mod inert;
mod junit;
mod markdown;
mod notice;
mod openmetrics;
mod summary;
mod text;
mod verdict;
mod words;

pub use badge::badge;
pub use controls::{
    ControlRow, Entry, Gap, Matrix, SeenRun, Signature, controls_csv, controls_markdown, controls_oscal,
    matrix,
};
pub use diff::{Difference, diff_text, differences};
pub use evidence::{
    BUNDLE, Bundle, BundleError, Digest, Facts, KeyError, Length, Link, Of, Predicate, PublicKey, SIGNED,
    SigningKey, Statement, Subject, UNDO_JOURNAL, Undone, verify_md,
};
pub use history::{Change, FEWEST, Series, history_text, quantile, series};
pub use html::html;
pub use junit::junit;
pub use markdown::markdown;
pub use notice::{
    NOTICE_SCHEMA, NoticeDocument, NoticeDrill, NoticeFigure, is_failure, notice_document, notice_json,
    notice_slack, notice_subject, notice_text,
};
pub use openmetrics::{openmetrics, pushgateway_path};
pub use summary::summary;
pub use text::{clean_line, clean_text, clean_xml, steers_a_terminal};
pub use verdict::{VerdictDocument, verdict};
