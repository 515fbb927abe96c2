//! What DescribeTable says about a table.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{
    GlobalSecondaryIndexDescription, KeySchemaElement, KeyType, LocalSecondaryIndexDescription, Projection,
    TableDescription,
};
use lifeboat_model::{LockedTarget, Made, TargetIdentity};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::times::of_sdk;

/// The attributes of a key.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct KeyView {
    /// The partition key.
    pub partition: String,
    /// The sort key.
    pub sort: Option<String>,
}

/// An index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexView {
    /// Its name.
    pub name: String,
    /// Whether it is a global one.
    pub global: bool,
    /// Its key.
    pub key: KeyView,
    /// `ALL`, `KEYS_ONLY` or `INCLUDE`.
    pub projection: String,
    /// What `INCLUDE` includes, in the order of the alphabet.
    pub include: Vec<String>,
    /// Its status; a local one has none of its own.
    pub status: Option<String>,
}

/// Where a table that is being restored comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreView {
    /// SourceTableArn.
    pub source_arn: Option<String>,
    /// SourceBackupArn.
    pub backup_arn: Option<String>,
    /// Whether it goes on.
    pub in_progress: bool,
}

/// A table as DescribeTable shows it. Its counts of items are hours old and are not here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableView {
    /// TableName.
    pub name: String,
    /// TableId, or where there is none the time of its making: another table of the same name has another.
    pub id: String,
    /// TableArn.
    pub arn: String,
    /// TableStatus.
    pub status: String,
    /// CreationDateTime.
    #[serde(with = "time::serde::rfc3339::option")]
    pub created_at: Option<OffsetDateTime>,
    /// Its key.
    pub key: KeyView,
    /// The types of the attributes in keys: `S`, `N` or `B`.
    pub attributes: BTreeMap<String, String>,
    /// `PROVISIONED` or `PAY_PER_REQUEST`.
    pub billing: String,
    /// Its indexes by name.
    pub indexes: Vec<IndexView>,
    /// What its stream shows, where it has one.
    pub stream: Option<String>,
    /// DeletionProtectionEnabled.
    pub protected: bool,
    /// TableClass; absent is `STANDARD`.
    pub class: Option<String>,
    /// The key that encrypts it, where it is not DynamoDB's own.
    pub encryption: Option<String>,
    /// RestoreSummary; AWS shows it while the restore goes on.
    pub restore: Option<RestoreView>,
}

impl TableView {
    pub(super) fn of(table: &TableDescription) -> Self {
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        let global = table.global_secondary_indexes().iter().map(global_index);
        let local = table.local_secondary_indexes().iter().map(local_index);
        let mut indexes: Vec<IndexView> = global.chain(local).collect();
        indexes.sort_by(|a, b| a.name.cmp(&b.name));
        let stream = table.stream_specification().filter(|stream| stream.stream_enabled());
        let created_at = table.creation_date_time().and_then(of_sdk);
        // A stand-in may give no id: then the time of its making tells a table from another of its name.
        let made = || created_at.map(|at| format!("made at {at}")).unwrap_or_default();
        Self {
            name: text(table.table_name()),
            id: table.table_id().filter(|id| !id.is_empty()).map_or_else(made, str::to_owned),
            arn: text(table.table_arn()),
            status: text(table.table_status().map(|status| status.as_str())),
            created_at,
            key: key_of(table.key_schema()),
            attributes: table
                .attribute_definitions()
                .iter()
                .map(|known| (known.attribute_name().to_owned(), known.attribute_type().as_str().to_owned()))
                .collect(),
            billing: table
                .billing_mode_summary()
                .and_then(|summary| summary.billing_mode())
                .map_or("PROVISIONED", |mode| mode.as_str())
                .to_owned(),
            indexes,
            stream: stream.map(|stream| text(stream.stream_view_type().map(|view| view.as_str()))),
            protected: table.deletion_protection_enabled().unwrap_or_default(),
            class: table
                .table_class_summary()
                .and_then(|summary| summary.table_class())
                .map(|class| class.as_str().to_owned()),
            encryption: table.sse_description().and_then(|sse| sse.kms_master_key_arn()).map(str::to_owned),
            restore: table.restore_summary().map(|summary| RestoreView {
                source_arn: summary.source_table_arn().map(str::to_owned),
                backup_arn: summary.source_backup_arn().map(str::to_owned),
                in_progress: summary.restore_in_progress(),
            }),
        }
    }

    /// Whether it can be read, written, and is not being restored any more.
    pub fn is_ready(&self) -> bool {
        self.status == "ACTIVE" && !self.restore.as_ref().is_some_and(|restore| restore.in_progress)
    }

    /// What stays with it, for an undo of its making.
    pub fn made(&self) -> Made {
        Made { id: self.id.clone(), arn: self.arn.clone(), created_at: self.created_at }
    }

    /// What a lock on it goes by.
    pub fn locked(&self) -> LockedTarget {
        LockedTarget::DynamodbTable { table: self.name.clone(), table_id: self.id.clone() }
    }

    /// What it is, for the journal.
    pub fn identity(&self) -> TargetIdentity {
        TargetIdentity {
            identifier: self.name.clone(),
            resource_id: Some(self.id.clone()),
            arn: Some(self.arn.clone()),
            engine: Some("dynamodb".into()),
            class: self.class.clone(),
            endpoint: None,
        }
    }

    /// The attributes of its key and their types, in the key's order.
    pub fn key_attributes(&self) -> Vec<(&str, &str)> {
        let names = [Some(&self.key.partition), self.key.sort.as_ref()];
        names
            .into_iter()
            .flatten()
            .map(|name| (name.as_str(), self.attributes.get(name).map_or("S", String::as_str)))
            .collect()
    }
}

fn key_of(schema: &[KeySchemaElement]) -> KeyView {
    let of = |kind: KeyType| {
        schema
            .iter()
            .find(|element| *element.key_type() == kind)
            .map(|element| element.attribute_name().to_owned())
    };
    KeyView { partition: of(KeyType::Hash).unwrap_or_default(), sort: of(KeyType::Range) }
}

fn global_index(index: &GlobalSecondaryIndexDescription) -> IndexView {
    let status = index.index_status().map(|status| status.as_str().to_owned());
    index_view(index.index_name(), true, index.key_schema(), index.projection(), status)
}

fn local_index(index: &LocalSecondaryIndexDescription) -> IndexView {
    index_view(index.index_name(), false, index.key_schema(), index.projection(), None)
}

fn index_view(
    name: Option<&str>,
    global: bool,
    schema: &[KeySchemaElement],
    projection: Option<&Projection>,
    status: Option<String>,
) -> IndexView {
    let kind = projection.and_then(Projection::projection_type);
    let mut include = projection.map(|found| found.non_key_attributes().to_vec()).unwrap_or_default();
    include.sort();
    IndexView {
        name: name.unwrap_or_default().to_owned(),
        global,
        key: key_of(schema),
        projection: kind.map_or("", |kind| kind.as_str()).to_owned(),
        include,
        status,
    }
}
