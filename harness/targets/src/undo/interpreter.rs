//! From an undo action to who carries it out.

use std::collections::BTreeMap;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use lifeboat_engine::Interpreter;
use lifeboat_model::{Password, PendingUndo, UndoAction, UndoEnd};

use super::postgres::Servers;
use super::{dynamodb, lock, rds};
use crate::Aws;

/// Carries out undo actions on servers and control plane.
pub struct WorldInterpreter {
    servers: Servers,
    aws: Result<Aws, String>,
}

impl WorldInterpreter {
    /// With the passwords of the plan's targets, by the target's name and the role's, and the control plane, or why there
    /// is none.
    pub fn new(passwords: BTreeMap<(String, String), Password>, aws: Result<Aws, String>) -> Self {
        Self { servers: Servers::new(passwords), aws }
    }

    fn aws(&self) -> Result<&Aws, String> {
        self.aws.as_ref().map_err(Clone::clone)
    }
}

impl Interpreter for WorldInterpreter {
    fn undo<'a>(&'a self, pending: &'a PendingUndo) -> BoxFuture<'a, Result<(UndoEnd, String), String>> {
        async move {
            match &pending.action {
                UndoAction::DropSchema { server, schema, comment, application_name } => {
                    let aws = self.aws.as_ref().ok();
                    self.servers.drop_schema(server, aws, schema, comment, application_name).await
                }
                UndoAction::EndSessions { server, application_name } => {
                    self.servers.end_sessions(server, self.aws.as_ref().ok(), application_name).await
                }
                UndoAction::DeleteInstance { .. } | UndoAction::DeleteInstanceUnlessWritten { .. } => {
                    let done = rds::undo(self.aws()?, &self.servers, pending).await;
                    if let (Ok((UndoEnd::Undone, _)), Some(made)) = (&done, &pending.made) {
                        self.servers.is_gone(&made.id);
                    }
                    done
                }
                UndoAction::RestoreName { .. } | UndoAction::DeleteSnapshot { .. } => {
                    rds::undo(self.aws()?, &self.servers, pending).await
                }
                UndoAction::DeleteTable { .. }
                | UndoAction::DeleteBackup { .. }
                | UndoAction::DeleteItems { .. } => dynamodb::undo(self.aws()?, pending).await,
                UndoAction::ReleaseLock { locked, value } => lock::release(self.aws()?, locked, value).await,
                UndoAction::Unknown(_) => Err("use the lifeboat that ran the drill, or a newer one".into()),
            }
        }
        .boxed()
    }
}
