//! Undo actions: plain data that says how to take back one act, without plan or drill.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use time::OffsetDateTime;

use crate::schema::{DateTime, open_tags};
use crate::{ServerTls, WriteState};

/// How long an undo over SQL may take: for the server to come back, and for its sessions to end.
const SQL_LIMIT: Duration = Duration::from_secs(75);

/// A DynamoDB key: attribute values in DynamoDB's JSON, by attribute name.
pub type ItemKey = BTreeMap<String, serde_json::Value>;

/// Where a PostgreSQL server is and who connects. Its password is not here: it is looked up by the target's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
    /// Whether it is a copy, whose passwords may be those of the time that it is of.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub copy: bool,
    /// What the server's certificate is held against; none where the sessions are not encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<ServerTls>,
    /// `HOST:PORT` of the DB instance's own endpoint, which tokens are of, where it is reached by another way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// How far the writing on a server had come, which its copy under another's name must not have gone beyond.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unwritten {
    /// Where.
    pub server: ServerRef,
    /// How far it had come.
    pub since: WriteState,
}

/// A target that can carry a lock, known by what stays with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LockedTarget {
    /// A DB instance.
    DbInstance {
        /// Its identifier when it was locked.
        identifier: String,
        /// Its DbiResourceId.
        resource_id: String,
    },
    /// A DynamoDB table.
    DynamodbTable {
        /// Its name.
        table: String,
        /// Its TableId.
        table_id: String,
    },
}

impl std::fmt::Display for LockedTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::DbInstance { identifier, .. } => write!(f, "DB instance `{identifier}`"),
            Self::DynamodbTable { table, .. } => write!(f, "table `{table}`"),
        }
    }
}

/// What takes one act back. Every action may run more than once, and for an act that may have had no effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
// Of one's own: the traits below know the kinds of newer versions as well.
#[serde(remote = "Self", tag = "action", rename_all = "kebab-case")]
#[schemars(!remote, transform = open_tags("action"))]
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
    /// Deletes a DB instance that the run made, known by its DbiResourceId where the journal has it, else by its tag
    /// `lifeboat:run` and its time of making. Without that tag it is left alone in any case: its user keeps it.
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
    /// Deletes a DB snapshot that the run made, known as an instance is, by its ARN and time of making.
    DeleteSnapshot {
        /// Its identifier.
        snapshot: String,
        /// The value of the tag.
        run: String,
        /// How long that may take, seconds.
        patience_s: u64,
    },
    /// Deletes a DynamoDB table that the run made, known by its TableId where the journal has it. A table that is being
    /// restored cannot be tagged, so where it has not it is known by its name, which holds the run's id, and by being
    /// younger than the run.
    DeleteTable {
        /// Its name.
        table: String,
        /// The run's id, which the name holds.
        run: String,
        /// The TableId of the target, which is never deleted.
        never: String,
        /// Nothing that is older than this is ours.
        #[serde(with = "time::serde::rfc3339")]
        #[schemars(with = "DateTime")]
        since: OffsetDateTime,
        /// Whether the call that makes it gives it the tag `lifeboat:run`: then nothing without it is ours.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        tagged: bool,
        /// How long a table that is still being made is waited for, and how long it may take to go, seconds.
        patience_s: u64,
    },
    /// Deletes an on-demand backup of a DynamoDB table, known by its ARN where the journal has it, else those that have
    /// this name, which holds the run's id, and are not older than the run.
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
    /// Takes the run's lock off a target. A lock of another run's is left alone.
    ReleaseLock {
        /// The target.
        locked: LockedTarget,
        /// The value of the tag, as the run wrote it.
        value: String,
    },
    /// An action of a newer version, as it was journalled: it can be named, and not be done.
    #[serde(skip)]
    Unknown(Map<String, Value>),
}

/// The names of all actions that this version knows.
const KNOWN: [&str; 10] = [
    "drop-schema",
    "end-sessions",
    "delete-instance",
    "delete-instance-unless-written",
    "restore-name",
    "delete-snapshot",
    "delete-table",
    "delete-backup",
    "delete-items",
    "release-lock",
];

impl Serialize for UndoAction {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Unknown(fields) => fields.serialize(serializer),
            known => Self::serialize(known, serializer),
        }
    }
}

impl<'de> Deserialize<'de> for UndoAction {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = Map::deserialize(deserializer)?;
        match fields.get("action") {
            Some(Value::String(name)) if !KNOWN.contains(&name.as_str()) => Ok(Self::Unknown(fields)),
            // One that is known and does not fit is an error, and no action of a newer version.
            _ => Self::deserialize(Value::Object(fields)).map_err(D::Error::custom),
        }
    }
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

    /// Whether what it takes back may be a restored copy.
    pub fn is_of_copy(&self) -> bool {
        matches!(
            self,
            Self::DeleteInstance { .. }
                | Self::DeleteInstanceUnlessWritten { .. }
                | Self::DeleteTable { .. }
                | Self::Unknown(_)
        )
    }

    /// Whether it cannot be done without the control plane.
    pub fn needs_control_plane(&self) -> bool {
        !matches!(self, Self::DropSchema { .. } | Self::EndSessions { .. } | Self::Unknown(_))
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
            Self::ReleaseLock { locked, .. } => format!("release the lock on {locked}"),
            Self::Unknown(fields) => match fields.get("action").and_then(Value::as_str) {
                Some(name) => format!("`{name}`, an action of a newer version that this one cannot do"),
                None => "an action of a newer version that this one cannot do".into(),
            },
        }
    }
}

/// What an act made in the world, by what stays with it: names are only look-ups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Made {
    /// DbiResourceId of a DB instance, TableId of a table, ARN of a snapshot or a backup.
    pub id: String,
    /// Its ARN; that of an instance follows its name.
    pub arn: String,
    /// When it was made, as the control plane says; none while it does not say so yet.
    #[serde(default, with = "time::serde::rfc3339::option")]
    #[schemars(with = "Option<DateTime>")]
    pub created_at: Option<OffsetDateTime>,
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
    /// What its act made; none where the run did not come to know it.
    pub made: Option<Made>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_known_action_is_in_the_list() {
        // serde names them all in its refusal of another.
        let error = UndoAction::deserialize(json!({ "action": "no-such" })).expect_err("unknown").to_string();
        let names: Vec<&str> = error.split('`').skip(3).step_by(2).collect();
        assert_eq!(names, KNOWN, "{error}");
    }

    #[test]
    fn one_of_a_newer_version_is_kept_as_it_is_and_named() {
        let written = json!({ "action": "delete-cluster", "cluster": "orders-copy", "wait": { "s": 60 } });
        let read: UndoAction = serde_json::from_value(written.clone()).unwrap();
        assert!(matches!(read, UndoAction::Unknown(_)));
        assert!(read.describe().contains("`delete-cluster`"), "{}", read.describe());
        // Nobody knows where it works: it may be outside the run's own sandbox.
        assert!(!read.ends_with_the_sandbox(true) && !read.needs_control_plane());
        assert_eq!(serde_json::to_value(&read).unwrap(), written);
    }

    #[test]
    fn a_known_one_that_does_not_fit_is_not_taken_for_a_newer_one() {
        let written = json!({ "action": "delete-instance", "instance": "orders-copy" });
        let error =
            serde_json::from_value::<UndoAction>(written).expect_err("fields are missing").to_string();
        assert!(error.contains("missing field `run`"), "{error}");
        let error = serde_json::from_value::<UndoAction>(json!({ "schema": "x" })).expect_err("no action");
        assert!(error.to_string().contains("`action`"), "{error}");
    }
}
