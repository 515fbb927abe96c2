//! Undo actions: plain data that says how to take back one act, without plan or drill.

use serde::{Deserialize, Serialize};

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
    /// An action of a newer version.
    #[serde(other)]
    Unknown,
}

impl UndoAction {
    /// The server that it works on.
    pub fn server(&self) -> Option<&ServerRef> {
        match self {
            Self::DropSchema { server, .. } | Self::EndSessions { server, .. } => Some(server),
            Self::Unknown => None,
        }
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
