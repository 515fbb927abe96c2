//! What the steps of one restore share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lifeboat_engine::{Context, Params, StepError};
use lifeboat_model::{DynamodbTableTarget, Elapsed, LockedTarget, UndoAction, own_name};
use lifeboat_targets::Aws;
use lifeboat_targets::dynamodb::{Bounds, Dynamo, Mark, ServerClock, TableView};
use time::OffsetDateTime;

use super::canaries::Canary;
use super::compare::COMPARE_LIMIT;
use super::options::Options;
use crate::access;
use crate::lock::Locks;
use crate::same;

/// The attribute that marks canary items, and the one that tells them apart.
pub const MARKER: &str = "lifeboat_run";
pub const VALUE: &str = "lifeboat_value";

/// What the name of a table of the drill's own says that it is.
pub const CANARY_TABLE: &str = "canary";

/// What the copy is restored from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The continuous backups.
    PointInTime,
    /// An on-demand backup that the drill makes.
    Backup,
}

/// What the steps find out for those after them.
#[derive(Default)]
struct Known {
    dynamo: Option<Dynamo>,
    target: Option<TableView>,
    own: Option<TableView>,
    /// The copy's TableId, once it is known and journalled.
    made: Option<String>,
    clock: Option<ServerClock>,
    since: Option<OffsetDateTime>,
    canaries: Vec<Canary>,
    committed: Option<Elapsed>,
    moment: Option<OffsetDateTime>,
    backup: Option<String>,
    refused: bool,
    copy: Option<TableView>,
}

/// What the steps share. All clones are of the same.
#[derive(Clone)]
pub struct Shared {
    pub params: Params,
    pub target: DynamodbTableTarget,
    pub options: Options,
    pub way: Way,
    known: Arc<Mutex<Known>>,
}

macro_rules! known {
    ($set:ident, $get:ident, $field:ident, $kind:ty, $what:literal) => {
        pub fn $set(&self, value: $kind) {
            self.known().$field = Some(value);
        }

        pub fn $get(&self) -> Result<$kind, StepError> {
            self.known().$field.clone().ok_or_else(|| unknown($what))
        }
    };
}

impl Shared {
    pub fn new(params: &Params, target: &DynamodbTableTarget, options: &Options, way: Way) -> Self {
        Self {
            params: params.clone(),
            target: target.clone(),
            options: options.clone(),
            way,
            known: Arc::default(),
        }
    }

    /// The control plane, connected at the first use.
    pub async fn dynamo(&self) -> Dynamo {
        if let Some(dynamo) = self.known().dynamo.clone() {
            return dynamo;
        }
        let dynamo = Dynamo::new(&Aws::connect(&self.params.environment).await);
        self.known().dynamo.get_or_insert(dynamo).clone()
    }

    known!(set_target, target_view, target, TableView, "the table");
    known!(set_clock, clock, clock, ServerClock, "the server's clock");
    known!(set_since, since, since, OffsetDateTime, "when the drill began, on the server's clock,");
    known!(set_moment, moment, moment, OffsetDateTime, "the moment to restore");
    known!(set_backup, backup, backup, String, "the backup's ARN");
    known!(set_committed, committed, committed, Elapsed, "when the first canary item was committed");

    pub fn set_own(&self, table: TableView) {
        self.known().own = Some(table);
    }

    /// The table that is restored: the target's, or the drill's own.
    pub fn source(&self) -> Result<TableView, StepError> {
        if !self.options.canary_table {
            return self.target_view();
        }
        self.known().own.clone().ok_or_else(|| unknown("the drill's own table"))
    }

    pub fn set_canaries(&self, canaries: Vec<Canary>) {
        self.known().canaries = canaries;
    }

    pub fn canaries(&self) -> Vec<Canary> {
        self.known().canaries.clone()
    }

    pub fn canary(&self, name: &str) -> Result<Canary, StepError> {
        let known = self.known();
        let found = known.canaries.iter().find(|canary| canary.name == name);
        found.cloned().ok_or_else(|| unknown("the canary items' key"))
    }

    /// Whether the restore was refused, so that there is nothing to wait for.
    pub fn refused(&self) -> bool {
        self.known().refused
    }

    pub fn set_refused(&self) {
        self.known().refused = true;
    }

    /// The copy, once it is active.
    pub fn copy(&self) -> Option<TableView> {
        self.known().copy.clone()
    }

    pub fn set_copy(&self, copy: TableView) {
        self.known().copy = Some(copy);
    }

    /// The copy's TableId, once it is known.
    pub fn made(&self) -> Option<String> {
        self.known().made.clone()
    }

    /// Journals which table the copy is: its undo deletes that one and no other.
    pub async fn bind_copy(&self, context: &Context, copy: &TableView) -> Result<(), StepError> {
        self.bind_table(context, copy).await?;
        self.known().made = Some(copy.id.clone());
        Ok(())
    }

    /// Journals which table one of the run's is.
    pub async fn bind_table(&self, context: &Context, made: &TableView) -> Result<(), StepError> {
        let deletes = |action: &UndoAction| matches!(action, UndoAction::DeleteTable { table, .. } if *table == made.name);
        context.bind(deletes, made.made()).await?;
        context.created("DynamoDB table", format!("{} ({})", made.name, made.id)).await
    }

    /// Refuses to go on if the source has been replaced.
    pub async fn same_source(&self) -> Result<TableView, StepError> {
        let source = self.source()?;
        same::table(&self.dynamo().await, &source).await?;
        Ok(source)
    }

    /// Refuses to make something under a name that a table has.
    pub async fn is_free(&self, name: &str) -> Result<(), StepError> {
        let found = self.dynamo().await.find(name).await;
        match found.map_err(|error| error.ends_step(format!("cannot look up `{name}`")))? {
            None => Ok(()),
            Some(other) => Err(StepError::Failed(format!(
                "cannot make table `{name}`: there is one already ({}), which this run did not make and left alone; see \
                 whose it is, and run the drill again",
                other.id
            ))),
        }
    }

    /// Whether a table is not older than the drill.
    pub fn is_young(&self, table: &TableView) -> bool {
        table.created_at.zip(self.since().ok()).is_some_and(|(made, since)| made >= since)
    }

    /// The mark of this run's items.
    pub fn mark(&self) -> Mark {
        Mark { attribute: MARKER.into(), run: self.params.run_id.clone() }
    }

    /// The tags of what the run makes.
    pub fn tags(&self) -> BTreeMap<String, String> {
        access::tags(&self.params, self.options.give_up(&self.params), COMPARE_LIMIT)
    }

    /// The name of something of the drill's own, which holds the run's id.
    pub fn own_name(&self, what: &str) -> String {
        own_name(what, &self.params.run_id, &self.params.drill)
    }

    /// Between what moments it is now, on the server's clock.
    pub fn server_now(&self, context: &Context) -> Result<Bounds, StepError> {
        Ok(self.clock()?.at(context.now()))
    }

    /// The distance of two looks at something that is under way.
    pub fn every(&self) -> Duration {
        self.params.probe.api_interval
    }

    pub fn undo_table(&self, what: &str) -> Result<UndoAction, String> {
        let text = |error: StepError| error.to_string();
        Ok(UndoAction::DeleteTable {
            table: self.own_name(what),
            run: self.params.run_id.clone(),
            never: self.target_view().map_err(text)?.id,
            since: self.since().map_err(text)?,
            tagged: what == CANARY_TABLE,
            patience_s: self.options.patience(&self.params).as_secs(),
        })
    }

    pub fn undo_backup(&self) -> Result<UndoAction, String> {
        Ok(UndoAction::DeleteBackup {
            table: self.source().map_err(|error| error.to_string())?.name,
            backup: self.own_name("backup"),
            patience_s: self.options.patience(&self.params).as_secs(),
        })
    }

    pub fn undo_canaries(&self) -> Result<UndoAction, String> {
        let source = self.source().map_err(|error| error.to_string())?;
        Ok(UndoAction::DeleteItems {
            table: source.name,
            table_id: source.id,
            marker: MARKER.into(),
            run: self.params.run_id.clone(),
            keys: self.canaries().into_iter().map(|canary| canary.key).collect(),
        })
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Locks for Shared {
    fn locked(&self) -> Result<LockedTarget, StepError> {
        Ok(self.target_view()?.locked())
    }

    async fn aws(&self) -> Aws {
        self.dynamo().await.aws().clone()
    }
}

fn unknown(what: &str) -> StepError {
    StepError::Failed(format!("{what} is not known: an earlier step did not find it"))
}
