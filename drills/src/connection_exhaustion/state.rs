//! What the steps of one `connection-exhaustion` share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lifeboat_engine::{OptionsError, Params, StepError};
use lifeboat_model::{DurationText, LockedTarget, Password, TargetEntry, UndoAction};
use lifeboat_targets::Aws;
use lifeboat_targets::postgres::{ConnectionLimits, LimitScope, Server, Session};
use lifeboat_targets::rds::{InstanceView, Rds};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::access;
use crate::lock::Locks;
use crate::same;

/// The drill's options in the plan.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    #[schemars(range(min = 1))]
    pub connections: Option<u32>,
    hold: Option<DurationText>,
    stable_for: Option<DurationText>,
}

impl Options {
    pub fn read(params: &Params) -> Result<Self, OptionsError> {
        let options: Self = params.options()?;
        if params.rpo.is_some() {
            return Err(params
                .wrong("rpo: connection-exhaustion writes nothing, so it has no recovery point; drop it"));
        }
        if options.connections == Some(0) {
            return Err(params.wrong("connections: 0 opens none; give at least 1"));
        }
        if params.environment.production && options.connections.is_none() {
            return Err(
                params.wrong("the environment is production, so the drill needs a cap: connections = N")
            );
        }
        if options.hold() > Duration::from_secs(600) {
            return Err(params.wrong("hold: at most 10m, for nobody else gets in meanwhile"));
        }
        Ok(options)
    }

    pub fn hold(&self) -> Duration {
        self.hold.map_or(Duration::from_secs(2), |text| text.0)
    }

    pub fn stable_for(&self) -> Duration {
        self.stable_for.map_or(Duration::from_secs(1), |text| text.0)
    }
}

#[derive(Default)]
struct Known {
    instance: Option<InstanceView>,
    server: Option<Server>,
    limits: Option<ConnectionLimits>,
    scope: Option<LimitScope>,
    watcher: Option<Arc<Session>>,
    clients: Vec<Session>,
    sessions_before: u32,
}

/// What the steps share. All clones are of the same.
#[derive(Clone)]
pub struct Shared {
    pub params: Params,
    pub options: Options,
    known: Arc<Mutex<Known>>,
}

impl Shared {
    /// A plain server is known from the plan; an instance is looked up.
    pub fn new(params: &Params, options: &Options) -> Result<Self, OptionsError> {
        let mut known = Known::default();
        if let TargetEntry::Postgres(target) = &params.target {
            // A port that is a variable without a value is only printed, never connected to.
            let port = access::port(params, &target.port).unwrap_or_default();
            known.server = Some(access::server(
                params,
                &target.host,
                port,
                &target.database,
                &target.user,
                &target.password,
            ));
        }
        Ok(Self { params: params.clone(), options: *options, known: Arc::new(Mutex::new(known)) })
    }

    /// How long to wait for the first fresh connection after the release.
    pub fn give_up(&self) -> Duration {
        self.params.rto.map_or(Duration::from_secs(120), |rto| (rto * 2).max(Duration::from_secs(30)))
    }

    pub fn plain_address(&self) -> String {
        self.known().server.as_ref().map_or_else(|| "HOST:PORT".into(), Server::address)
    }

    pub fn set_instance(&self, instance: InstanceView) {
        self.known().instance = Some(instance);
    }

    /// Looks whether the name still is the instance that the guard saw; a plain server has none.
    ///
    /// # Errors
    /// As [`same::instance`].
    pub async fn still_the_same(&self) -> Result<(), StepError> {
        let Some(instance) = self.known().instance.clone() else { return Ok(()) };
        same::instance(&Rds::new(&self.aws().await), &instance).await.map(drop)
    }

    pub fn set_server(&self, server: Server) {
        self.known().server = Some(server);
    }

    pub fn server(&self) -> Result<Server, StepError> {
        self.known().server.clone().ok_or_else(|| unknown("the server"))
    }

    pub fn set_limits(&self, limits: ConnectionLimits, scope: LimitScope) {
        let mut known = self.known();
        (known.limits, known.scope) = (Some(limits), Some(scope));
    }

    pub fn set_watcher(&self, watcher: Session, sessions_before: u32) {
        let mut known = self.known();
        (known.watcher, known.sessions_before) = (Some(Arc::new(watcher)), sessions_before);
    }

    /// The limit that is met first, whose sessions are counted.
    pub fn scope(&self) -> Result<LimitScope, StepError> {
        self.known().scope.ok_or_else(|| unknown("the server's limits"))
    }

    pub fn watcher(&self) -> Result<Arc<Session>, StepError> {
        self.known().watcher.clone().ok_or_else(|| unknown("the connection that watches"))
    }

    /// Gives the watching connection up, at the very end.
    pub fn drop_watcher(&self) {
        self.known().watcher = None;
    }

    pub fn limits(&self) -> Result<ConnectionLimits, StepError> {
        self.known().limits.ok_or_else(|| unknown("the server's limits"))
    }

    pub fn sessions_before(&self) -> u32 {
        self.known().sessions_before
    }

    pub fn keep_client(&self, client: Session) {
        self.known().clients.push(client);
    }

    pub fn client_count(&self) -> usize {
        self.known().clients.len()
    }

    pub fn take_clients(&self) -> Vec<Session> {
        std::mem::take(&mut self.known().clients)
    }

    /// The administrator's role and password, if the plan names one.
    pub fn admin(&self) -> Option<(String, Password)> {
        let admin = self.params.target.sql_roles()?.admin?;
        Some((admin.0.to_owned(), admin.1.clone()))
    }

    pub fn undo_sessions(&self) -> Result<UndoAction, String> {
        let server = self.server().map_err(|error| error.to_string())?;
        Ok(access::end_sessions(&self.params, &server))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Locks for Shared {
    fn locked(&self) -> Result<LockedTarget, StepError> {
        let instance = self.known().instance.clone().ok_or_else(|| unknown("the instance"))?;
        Ok(instance.locked())
    }

    async fn aws(&self) -> Aws {
        Aws::connect(&self.params.environment).await
    }
}

fn unknown(what: &str) -> StepError {
    StepError::Failed(format!("{what} is not known: an earlier step did not find it"))
}
