//! Plain data of a drill: what people write (the plan file), what a run leaves (journal, ledger), and what is made of
//! it (measurements, record, verdict).
//!
//! Nothing here does I/O or knows of tokio or AWS: every function is pure, so that a record can be made and judged
//! again offline from the files of a run.

mod attempt;
mod clock_step;
mod control;
mod document;
mod duration_text;
mod event;
mod event_stream;
mod exit;
mod facts;
mod fold;
mod history_line;
mod instance_size;
mod journal_format;
mod lane;
mod ledger;
mod measure;
mod outage;
mod password;
mod pending;
mod permission;
mod plan_controls;
mod plan_credentials;
mod plan_entries;
mod plan_evidence;
mod plan_file;
mod plan_notices;
mod plan_safety;
mod plan_secrets;
mod plan_secrets_schema;
mod plan_tokens;
mod record;
mod run_name;
mod schema;
mod secret;
mod short_hash;
mod time_point;
mod tls;
mod token;
mod undo;
mod variables;
mod verdict;
mod write_state;

pub use attempt::{Attempt, AttemptOutcome, DEADLINE, Stream, StreamSummary, summarise};
pub use clock_step::{ClockStep, clock_steps};
pub use control::{ControlId, ControlPeriod, ControlRecord};
pub use document::PlanDocument;
pub use duration_text::{DurationText, parse_duration, seconds};
pub use event::{Event, EventKind, Phase, StepEnd, UndoEnd};
pub use event_stream::{DrillJudged, EVENTS_SCHEMA, Judged, RunJudged, StreamHead};
pub use exit::ExitCode;
pub use facts::{DrillFacts, Mark};
pub use fold::{FoldError, Folded, fold};
pub use history_line::{HISTORY_SCHEMA, HistoryDrill, HistoryLine, Span};
pub use instance_size::InstanceSize;
pub use journal_format::{FormatError, JOURNAL_FORMAT, check_journal_format};
pub use lane::{Lane, LaneSpan, lanes};
pub use ledger::{LedgerLine, ReadBack, Reconciliation, reconcile};
pub use measure::{
    Figure, Interval, Measured, Measurements, Milestones, RecoveryWindow, Rpo, Rto, WriteLoss,
};
pub use outage::{Outage, outage, outages};
pub use password::{Keeper, Kept, KeptPassword, NoPassword, Password, Stage};
pub use pending::pending_undos;
pub use permission::{Conditions, Permission, Policy};
pub use plan_controls::{ControlPeriods, PlannedControls};
pub use plan_credentials::AssumeRole;
pub use plan_entries::{
    DrillEntry, DynamodbTableTarget, Environment, LocalstackImage, Port, PostgresTarget, ProbeMode, Provider,
    RdsInstanceTarget, SqlRoles, TargetEntry,
};
pub use plan_evidence::{EvidenceSection, KmsKeyArn};
pub use plan_file::{PlanFile, PlanFileError, read_value};
pub use plan_notices::{Notice, NoticeKind, check_notices};
pub use plan_safety::{Pace, Safety, StopCondition, StopKind};
pub use plan_tokens::check_tokens;
pub use record::{
    CheckRecord, DrillRecord, EARLIER, EnvironmentRecord, FileDigest, NoticeRecord, Objectives,
    PlanReference, Proof, RECORD_SCHEMA, RunRecord, StepRecord, Stop, TargetIdentity, TimelineEntry, Tool,
    UndoRecord,
};
pub use run_name::{name_beside, names_beside, own_name, own_names, run_began, run_of_name};
pub use schema::{events_schema, plan_schema, record_schema};
pub use secret::Secret;
pub use short_hash::short_hash;
pub use time_point::Elapsed;
pub use tls::{ServerTls, Tls};
pub use token::{TokenMaker, TokenPassword};
pub use undo::{ItemKey, LockedTarget, Made, PendingUndo, ServerRef, UndoAction, Unwritten};
pub use variables::{VariableError, expand, names};
pub use verdict::{Finding, Judgement, Restoration, Verdict, drill_verdict};
pub use write_state::WriteState;
