//! What the steps of one `rds-failover` share.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lifeboat_engine::{OptionsError, Params, StepError};
use lifeboat_model::{DurationText, Elapsed, LockedTarget, ProbeMode, RdsInstanceTarget, UndoAction};
use lifeboat_targets::Aws;
use lifeboat_targets::postgres::{LedgerTable, Server};
use lifeboat_targets::rds::{InstanceView, Rds};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::access;
use crate::lock::Locks;
use crate::streams::Slots;

/// The drill's options in the plan.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    probe_interval: Option<DurationText>,
    stable_for: Option<DurationText>,
    give_up: Option<DurationText>,
    notice: Option<DurationText>,
}

impl Options {
    pub fn read(params: &Params) -> Result<Self, OptionsError> {
        let options: Self = params.options()?;
        if options.probe_interval.is_some_and(|every| every.0 < Duration::from_millis(5)) {
            return Err(params
                .wrong("probe_interval: less than 5ms is finer than the timer that starts the attempts"));
        }
        Ok(options)
    }

    /// How long the service must answer before it counts as recovered.
    pub fn stable_for(&self) -> Duration {
        self.stable_for.map_or(Duration::from_secs(2), |text| text.0)
    }

    /// How long after the fault call to wait for the recovery.
    pub fn give_up(&self, params: &Params) -> Duration {
        let past_objective =
            params.rto.map_or(Duration::from_secs(600), |rto| (rto * 2).max(rto + Duration::from_secs(30)));
        self.give_up.map_or(past_objective, |text| text.0)
    }

    /// How long after the fault call its effect may begin to show.
    pub fn notice(&self, params: &Params) -> Duration {
        self.notice.map_or(params.probe.notice, |text| text.0)
    }

    /// How long the control plane gets to show the other zone: minutes on AWS.
    pub fn zone_limit(&self, params: &Params) -> Duration {
        self.notice(params) * 4
    }

    /// How long the control plane gets to make Multi-AZ whole again.
    pub fn standby_limit(&self, params: &Params) -> Duration {
        (self.notice(params) * 8).max(Duration::from_secs(60))
    }
}

/// What the steps find out for those after them.
#[derive(Default)]
struct Known {
    rds: Option<Rds>,
    before: Option<InstanceView>,
    server: Option<Server>,
    slots: Option<Slots>,
    asked_at: Option<Elapsed>,
    asked_again_at: Option<Elapsed>,
}

/// What the steps share. All clones are of the same.
#[derive(Clone)]
pub struct Shared {
    pub params: Params,
    pub target: RdsInstanceTarget,
    pub options: Options,
    table: Option<LedgerTable>,
    known: Arc<Mutex<Known>>,
}

impl Shared {
    pub fn new(params: &Params, target: &RdsInstanceTarget, options: &Options) -> Self {
        let mut params = params.clone();
        if let Some(every) = options.probe_interval {
            params.probe.interval = every.0;
            params.probe.deadline = params.probe.deadline.max(every.0 * 20);
        }
        let table =
            (target.probe == ProbeMode::Write).then(|| LedgerTable::new(&params.run_id, &params.drill));
        Self { params, target: target.clone(), options: options.clone(), table, known: Arc::default() }
    }

    /// The ledger table; `None` where the plan allows reads only.
    pub fn table(&self) -> Option<&LedgerTable> {
        self.table.as_ref()
    }

    /// The control plane, connected at the first use.
    pub async fn rds(&self) -> Rds {
        if let Some(rds) = self.known().rds.clone() {
            return rds;
        }
        let rds = Rds::new(&Aws::connect(&self.params.environment).await);
        self.known().rds.get_or_insert(rds).clone()
    }

    pub fn set_before(&self, instance: InstanceView) {
        self.known().before = Some(instance);
    }

    pub fn before(&self) -> Result<InstanceView, StepError> {
        self.known().before.clone().ok_or_else(|| unknown("the instance"))
    }

    pub fn set_server(&self, server: Server, slots: Slots) {
        let mut known = self.known();
        known.server = Some(server);
        known.slots = Some(slots);
    }

    pub fn server(&self) -> Result<Server, StepError> {
        self.known().server.clone().ok_or_else(|| unknown("the server"))
    }

    pub fn slots(&self) -> Result<Slots, StepError> {
        self.known().slots.ok_or_else(|| unknown("how many connections are free"))
    }

    /// When the fault was asked for.
    pub fn asked_at(&self) -> Elapsed {
        self.known().asked_at.unwrap_or_default()
    }

    pub fn set_asked_at(&self, at: Elapsed) {
        self.known().asked_at = Some(at);
    }

    /// When it was asked for last: a call that was not answered and had no effect is made again.
    pub fn asked_again_at(&self) -> Elapsed {
        self.known().asked_again_at.unwrap_or_default()
    }

    pub fn set_asked_again_at(&self, at: Elapsed) {
        self.known().asked_again_at = Some(at);
    }

    pub fn undo_ledger(&self) -> Result<UndoAction, String> {
        let server = self.server().map_err(|error| error.to_string())?;
        let table = self.table().ok_or("there is no ledger table")?;
        Ok(table.undo(server.reference(), access::session_prefix(&self.params)))
    }

    pub fn undo_sessions(&self) -> Result<UndoAction, String> {
        let server = self.server().map_err(|error| error.to_string())?;
        Ok(access::end_sessions(&self.params, &server))
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Locks for Shared {
    fn locked(&self) -> Result<LockedTarget, StepError> {
        Ok(self.before()?.locked())
    }

    async fn aws(&self) -> Aws {
        self.rds().await.aws().clone()
    }
}

fn unknown(what: &str) -> StepError {
    StepError::Failed(format!("{what} is not known: an earlier step did not find it"))
}
