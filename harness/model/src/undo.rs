//! Undo actions: plain data that says how to take back one act, without plan or drill.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::WriteState;

/// How long an undo over SQL may take: for the server to come back, and for its sessions to end.
const SQL_LIMIT: Duration = Duration::from_secs(75);

/// A DynamoDB key: attribute values in DynamoDB's JSON, by attribute name.
pub type ItemKey = BTreeMap<String, serde_json::Value>;

/// Where a PostgreSQL server is and who connects. Its password is not here: it is looked up by the target's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerRef {
    /// The plan's name of the target.
    pub target: String,
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// The database.
    pub database: String,
    /// The role.
    pub user: String,
    /// Whether it is in a sandbox that the run started for itself: then it ends with the run, and all that is in it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub own_sandbox: bool,
    /// The DbiResourceId of the DB instance that it is, where it is one: what the control plane can be asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// For so long the address may lead nowhere, seconds: the drill gives the instance other names meanwhile, and a name
    /// takes its time to be known again. 0 where it does not.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub patience_s: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// How far the writing on a server had come, which its copy under another's name must not have gone beyond.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unwritten {
    /// Where.
    pub server: ServerRef,
    /// How far it had come.
    pub since: WriteState,
}

/// What takes one act back. Every action may run more than once, and for an act that may have had no effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum UndoAction {
    /// Drops a schema of the drill's own, known by its comment.
    DropSchema {
        /// Where.
        server: ServerRef,
        /// The schema's name.
        schema: String,
        /// The comment that it carries; a schema without it is not ours and is left alone.
        comment: String,
        /// What the application name of the session begins with that may still be creating it.
        application_name: String,
    },
    /// Ends the sessions of this run, known by their application name, and waits until the server counts none.
    EndSessions {
        /// Where.
        server: ServerRef,
        /// What their application name begins with.
        application_name: String,
    },
    /// Deletes a DB instance that the run made, known by its tag `lifeboat:run`. Without that tag it is left alone.
    DeleteInstance {
        /// Its identifier.
        instance: String,
        /// The value of the tag.
        run: String,
        /// The DbiResourceId of the target, which is never deleted, whatever its name and tags.
        never: String,
        /// How long a call that is refused for now is made again, and how long it may take to go, seconds.
        patience_s: u64,
    },
    /// The same, only if nobody has written to it since: clients may have met it under another's name, and then it alone
    /// holds what they wrote. An action of its own, so that versions which do not know it leave the instance alone.
    DeleteInstanceUnlessWritten {
        /// Its identifier.
        instance: String,
        /// The value of the tag.
        run: String,
        /// The DbiResourceId of the target, which is never deleted.
        never: String,
        /// As above, seconds.
        patience_s: u64,
        /// How far the writing to it had come.
        unwritten: Unwritten,
    },
    /// Gives a DB instance its name back, known by its DbiResourceId.
    RestoreName {
        /// Its DbiResourceId.
        resource_id: String,
        /// The identifier that it is to have.
        name: String,
        /// How long that may take, seconds.
        patience_s: u64,
    },
    /// Deletes a DB snapshot that the run made, known by its tag `lifeboat:run`.
    DeleteSnapshot {
        /// Its identifier.
        snapshot: String,
        /// The value of the tag.
        run: String,
        /// How long that may take, seconds.
        patience_s: u64,
    },
    /// Deletes a DynamoDB table that the run made. A table that is being restored cannot be tagged, so it is known by its
    /// name, which holds the run's id, and by being younger than the run.
    DeleteTable {
        /// Its name.
        table: String,
        /// The run's id, which the name holds.
        run: String,
        /// The TableId of the target, which is never deleted.
        never: String,
        /// Nothing that is older than this is ours.
        #[serde(with = "time::serde::rfc3339")]
        since: OffsetDateTime,
        /// How long a table that is still being made is waited for, and how long it may take to go, seconds.
        patience_s: u64,
    },
    /// Deletes the on-demand backups of a DynamoDB table that have this name, which holds the run's id.
    DeleteBackup {
        /// The table's name.
        table: String,
        /// The backups' name.
        backup: String,
        /// How long that may take, seconds.
        patience_s: u64,
    },
    /// Deletes items of a DynamoDB table that carry the run's id; others with these keys are left alone.
    DeleteItems {
        /// The table's name.
        table: String,
        /// Its TableId.
        table_id: String,
        /// The attribute that marks the run's items.
        marker: String,
        /// Its value.
        run: String,
        /// The keys.
        keys: Vec<ItemKey>,
    },
    /// An action of a newer version.
    #[serde(other)]
    Unknown,
}

impl UndoAction {
    /// The server that it asks over SQL, if it does.
    pub fn server(&self) -> Option<&ServerRef> {
        match self {
            Self::DropSchema { server, .. } | Self::EndSessions { server, .. } => Some(server),
            Self::DeleteInstanceUnlessWritten { unwritten, .. } => Some(&unwritten.server),
            _ => None,
        }
    }

    /// Whether it cannot be done without the control plane.
    pub fn needs_control_plane(&self) -> bool {
        !matches!(self, Self::DropSchema { .. } | Self::EndSessions { .. } | Self::Unknown)
    }

    /// Whether it has something to ask the control plane, if there is one.
    pub fn asks_control_plane(&self) -> bool {
        self.needs_control_plane() || self.server().is_some_and(|server| server.instance.is_some())
    }

    /// Whether what it works on is in the sandbox that the run started for itself, if it did, and ends with that.
    pub fn ends_with_the_sandbox(&self, run_has_one: bool) -> bool {
        match self.server() {
            Some(server) => server.own_sandbox,
            None => run_has_one && self.needs_control_plane(),
        }
    }

    /// How long it may take.
    pub fn limit(&self) -> Duration {
        let of_server = self.server().map_or(Duration::ZERO, |server| Duration::from_secs(server.patience_s));
        let of_action = match self {
            Self::DeleteInstance { patience_s, .. }
            | Self::DeleteInstanceUnlessWritten { patience_s, .. }
            | Self::RestoreName { patience_s, .. }
            | Self::DeleteSnapshot { patience_s, .. }
            | Self::DeleteTable { patience_s, .. }
            | Self::DeleteBackup { patience_s, .. } => Duration::from_secs(*patience_s),
            _ => Duration::ZERO,
        };
        SQL_LIMIT + of_server + of_action
    }

    /// What the action does, as a sentence's end: "drop schema `x` on orders".
    pub fn describe(&self) -> String {
        match self {
            Self::DropSchema { server, schema, .. } => {
                format!("drop schema `{schema}` on `{}`", server.target)
            }
            Self::EndSessions { server, application_name } => {
                format!("end the sessions `{application_name}` on `{}`", server.target)
            }
            Self::DeleteInstance { instance, .. } => format!("delete DB instance `{instance}`"),
            Self::DeleteInstanceUnlessWritten { instance, .. } => {
                format!("delete DB instance `{instance}`, unless others have written to it")
            }
            Self::RestoreName { resource_id, name, .. } => {
                format!("give DB instance {resource_id} its name `{name}` back")
            }
            Self::DeleteSnapshot { snapshot, .. } => format!("delete DB snapshot `{snapshot}`"),
            Self::DeleteTable { table, .. } => format!("delete table `{table}`"),
            Self::DeleteBackup { table, backup, .. } => {
                format!("delete backup `{backup}` of table `{table}`")
            }
            Self::DeleteItems { table, keys, .. } => {
                format!("delete {} canary items of table `{table}`", keys.len())
            }
            Self::Unknown => "an action of a newer version".into(),
        }
    }
}

/// An undo that a journal holds and that has not been done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingUndo {
    /// The drill that planned it.
    pub drill: String,
    /// Its number in the journal.
    pub undo: u64,
    /// What to do.
    pub action: UndoAction,
}
