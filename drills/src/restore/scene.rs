//! What the steps of one restore share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lifeboat_engine::{Context, Params, StepError};
use lifeboat_model::{LockedTarget, RdsInstanceTarget, UndoAction, Unwritten, WriteState, name_beside};
use lifeboat_targets::postgres::validate::Since;
use lifeboat_targets::postgres::{Canaries, CanaryTable, Server};
use lifeboat_targets::rds::{InstanceView, Rds};
use lifeboat_targets::{Aws, COPY_OF_TAG};

use super::options::CopyOptions;
use crate::access;
use crate::lock::Locks;

/// What the steps find out for those after them.
#[derive(Default)]
pub struct Known {
    rds: Option<Rds>,
    pub source: Option<InstanceView>,
    pub server: Option<Server>,
    /// The moment that the copy is to be of.
    pub since: Option<Since>,
    /// How far the source's writing had come at the moment.
    pub written: Option<WriteState>,
    /// The canaries that it is to hold.
    pub expected: Canaries,
    /// The snapshot that it is made from.
    pub snapshot: Option<String>,
    /// Whether what the copy is made from is there.
    pub ready: bool,
    /// The copy's DbiResourceId, once it is known and journalled.
    pub made: Option<String>,
    /// The copy, once it is available.
    pub copy: Option<InstanceView>,
    /// The copy's server, once it has answered.
    pub copy_server: Option<Server>,
    /// Whether its canaries are those of the moment.
    pub proved: bool,
    /// Whether its data is the source's.
    pub verified: bool,
    /// Whether it takes the source's name.
    pub promoting: bool,
    /// How far the copy's writing had come before that.
    pub untouched: Option<WriteState>,
}

/// What the steps share. All clones are of the same.
#[derive(Clone)]
pub struct Scene {
    pub params: Params,
    pub target: RdsInstanceTarget,
    pub options: CopyOptions,
    pub canaries: CanaryTable,
    /// Whether the drill gives the source other names.
    renames: bool,
    known: Arc<Mutex<Known>>,
}

impl Scene {
    pub fn new(params: &Params, target: &RdsInstanceTarget, options: CopyOptions) -> Self {
        let canaries = CanaryTable::new(&params.run_id, &params.drill);
        let (params, target) = (params.clone(), target.clone());
        Self { params, target, options, canaries, renames: false, known: Arc::default() }
    }

    /// The same for a drill that gives the source other names.
    pub fn renaming(self, renames: bool) -> Self {
        Self { renames, ..self }
    }

    /// Looks at what the steps found out, or adds to it; not to be called again within.
    pub fn known<T>(&self, with: impl FnOnce(&mut Known) -> T) -> T {
        with(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The control plane, connected at the first use.
    pub async fn rds(&self) -> Rds {
        if let Some(rds) = self.known(|known| known.rds.clone()) {
            return rds;
        }
        let rds = Rds::new(&Aws::connect(&self.params.environment).await);
        self.known(|known| known.rds.get_or_insert(rds).clone())
    }

    pub fn source(&self) -> Result<InstanceView, StepError> {
        self.known(|known| known.source.clone()).ok_or_else(|| unknown("the source"))
    }

    pub fn server(&self) -> Result<Server, StepError> {
        self.known(|known| known.server.clone()).ok_or_else(|| unknown("the source's server"))
    }

    /// Keeps the canaries that the copy is to hold.
    pub fn expect(&self, context: &Context, held: Canaries) {
        context.observe("canaries-expected", &held);
        self.known(|known| known.expected = held);
    }

    /// The copy, if it became available.
    pub fn copy(&self) -> Option<InstanceView> {
        self.known(|known| known.copy.clone())
    }

    /// The copy's server, if it answered.
    pub fn copy_server(&self) -> Option<Server> {
        self.known(|known| known.copy_server.clone())
    }

    pub fn give_up(&self) -> Duration {
        self.options.give_up(&self.params)
    }

    /// The distance of two looks at the control plane.
    pub fn every(&self) -> Duration {
        self.params.probe.api_interval
    }

    /// The application name of a session.
    pub fn session(&self, role: &str) -> String {
        access::session_name(&self.params, role)
    }

    /// The name of something that the run makes beside the source, or that the source has for a while.
    pub fn name_beside(&self, what: &str) -> String {
        name_beside(&self.target.identifier, what, &self.params.run_id, &self.params.drill)
    }

    /// The copy's name.
    pub fn copy_name(&self) -> String {
        self.name_beside("lb")
    }

    /// Whether an action is one that deletes the copy.
    pub fn deletes_copy(&self) -> impl Fn(&UndoAction) -> bool + use<> {
        let name = self.copy_name();
        move |action| match action {
            UndoAction::DeleteInstance { instance, .. }
            | UndoAction::DeleteInstanceUnlessWritten { instance, .. } => *instance == name,
            _ => false,
        }
    }

    /// Journals which instance the copy is: its undo deletes that one and no other.
    pub async fn bind_copy(&self, context: &Context, copy: &InstanceView) -> Result<(), StepError> {
        context.bind(self.deletes_copy(), copy.made()).await?;
        self.known(|known| known.made = Some(copy.resource_id.clone()));
        context.created("db-instance", format!("{} ({})", copy.identifier, copy.resource_id)).await
    }

    /// The tags of what the run makes.
    pub fn tags(&self) -> BTreeMap<String, String> {
        let mut tags = access::tags(&self.params, self.give_up(), self.options.validate_within(&self.params));
        tags.insert(COPY_OF_TAG.into(), self.target.identifier.clone());
        tags
    }

    pub fn undo_canaries(&self) -> Result<UndoAction, String> {
        let server = self.server().map_err(|error| error.to_string())?;
        Ok(self.canaries.undo(server.reference(), access::session_prefix(&self.params)))
    }

    /// The same in a copy that stays. Without a copy that could be opened none stays, and to drop those of the source is right in
    /// any case.
    pub fn undo_canaries_in_copy(&self) -> Result<UndoAction, String> {
        let Some(server) = self.copy_server() else { return self.undo_canaries() };
        Ok(self.canaries.undo(server.reference(), access::session_prefix(&self.params)))
    }

    pub fn undo_copy(&self) -> Result<UndoAction, String> {
        let source = self.source().map_err(|error| error.to_string())?;
        Ok(UndoAction::DeleteInstance {
            instance: self.copy_name(),
            run: self.params.run_id.clone(),
            never: source.resource_id,
            patience_s: self.patience_s(),
        })
    }

    /// The same for a copy that clients may meet: what they wrote to it is not deleted.
    pub fn undo_promoted_copy(&self) -> Result<UndoAction, String> {
        let source = self.source().map_err(|error| error.to_string())?;
        let server = self.copy_server().ok_or_else(|| unknown("the copy's server").to_string())?;
        let since = self.known(|known| known.untouched.clone());
        let since = since.ok_or_else(|| unknown("how far the copy's writing had come").to_string())?;
        let server = server.with_patience(self.name_patience_s()).reference().clone();
        Ok(UndoAction::DeleteInstanceUnlessWritten {
            instance: self.copy_name(),
            run: self.params.run_id.clone(),
            never: source.resource_id,
            patience_s: self.patience_s(),
            unwritten: Unwritten { server, since },
        })
    }

    /// The source's server for actions that may come after its name was another's.
    pub fn patient(&self, server: Server) -> Server {
        if self.renames { server.with_patience(self.name_patience_s()) } else { server }
    }

    /// How long a name may lead nowhere after it was given again, seconds: on AWS it is known within ten minutes.
    fn name_patience_s(&self) -> u64 {
        self.patience_s().min(900)
    }

    /// How long an undo on the control plane may take, seconds.
    pub fn patience_s(&self) -> u64 {
        self.give_up().as_secs().max(60)
    }
}

impl Locks for Scene {
    fn locked(&self) -> Result<LockedTarget, StepError> {
        Ok(self.source()?.locked())
    }

    async fn aws(&self) -> Aws {
        self.rds().await.aws().clone()
    }
}

fn unknown(what: &str) -> StepError {
    StepError::Failed(format!("{what} is not known: an earlier step did not find it"))
}
