//! What the control plane says about a DB instance, and its events.

use aws_sdk_rds::primitives::DateTime;
use aws_sdk_rds::types::{DbInstance, Event};
use lifeboat_model::{LockedTarget, Made, TargetIdentity};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::Settings;

/// A moment as AWS gives it.
pub(super) fn moment(at: &DateTime) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(at.as_nanos()).ok()
}

/// A DB instance as DescribeDBInstances shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstanceView {
    /// DBInstanceIdentifier.
    pub identifier: String,
    /// DbiResourceId: stays with the instance, whatever its name.
    pub resource_id: String,
    /// DBInstanceArn.
    pub arn: String,
    /// Engine and EngineVersion.
    pub engine: String,
    /// DBInstanceClass.
    pub class: String,
    /// DBInstanceStatus.
    pub status: String,
    /// AvailabilityZone.
    pub zone: Option<String>,
    /// SecondaryAvailabilityZone.
    pub secondary_zone: Option<String>,
    /// MultiAZ.
    pub multi_az: bool,
    /// Endpoint address and port.
    pub endpoint: Option<(String, u16)>,
    /// Whether PendingModifiedValues holds anything.
    pub pending_changes: bool,
    /// DBParameterGroups, as (name, apply status).
    pub parameter_groups: Vec<(String, String)>,
    /// TagList.
    pub tags: Vec<(String, String)>,
    /// InstanceCreateTime; a restored instance has that of its restore.
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub created_at: Option<OffsetDateTime>,
    /// LatestRestorableTime; none while automated backups are off.
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub restorable_until: Option<OffsetDateTime>,
    /// What a restore has to be told to carry over.
    #[serde(default)]
    pub settings: Settings,
}

impl InstanceView {
    pub(super) fn of(instance: &DbInstance) -> Self {
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        let endpoint = instance.endpoint().and_then(|endpoint| {
            Some((endpoint.address()?.to_owned(), u16::try_from(endpoint.port()?).ok()?))
        });
        let nothing_pending = aws_sdk_rds::types::PendingModifiedValues::builder().build();
        Self {
            identifier: text(instance.db_instance_identifier()),
            resource_id: text(instance.dbi_resource_id()),
            arn: text(instance.db_instance_arn()),
            engine: format!("{} {}", text(instance.engine()), text(instance.engine_version()))
                .trim()
                .to_owned(),
            class: text(instance.db_instance_class()),
            status: text(instance.db_instance_status()),
            zone: instance.availability_zone().map(str::to_owned),
            secondary_zone: instance.secondary_availability_zone().map(str::to_owned),
            multi_az: instance.multi_az().unwrap_or_default(),
            endpoint,
            pending_changes: instance
                .pending_modified_values()
                .is_some_and(|pending| *pending != nothing_pending),
            parameter_groups: instance
                .db_parameter_groups()
                .iter()
                .map(|group| (text(group.db_parameter_group_name()), text(group.parameter_apply_status())))
                .collect(),
            tags: instance.tag_list().iter().map(|tag| (text(tag.key()), text(tag.value()))).collect(),
            created_at: instance.instance_create_time().and_then(moment),
            restorable_until: instance.latest_restorable_time().and_then(moment),
            settings: Settings::of(instance),
        }
    }

    /// The value of a tag.
    pub fn tag(&self, key: &str) -> Option<&str> {
        self.tags.iter().find(|(found, _)| found == key).map(|(_, value)| value.as_str())
    }

    /// What stays with it, for an undo of its making.
    pub fn made(&self) -> Made {
        Made { id: self.resource_id.clone(), arn: self.arn.clone(), created_at: self.created_at }
    }

    /// What a lock on it goes by.
    pub fn locked(&self) -> LockedTarget {
        let (identifier, resource_id) = (self.identifier.clone(), self.resource_id.clone());
        LockedTarget::DbInstance { identifier, resource_id }
    }

    /// What it is, for the journal.
    pub fn identity(&self) -> TargetIdentity {
        TargetIdentity {
            identifier: self.identifier.clone(),
            resource_id: Some(self.resource_id.clone()),
            arn: Some(self.arn.clone()),
            engine: Some(self.engine.clone()),
            class: Some(self.class.clone()),
            endpoint: self.endpoint.as_ref().map(|(host, port)| format!("{host}:{port}")),
        }
    }
}

/// An event of DescribeEvents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventView {
    /// When, as the control plane says.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// What.
    pub message: String,
}

impl EventView {
    pub(super) fn of(event: &Event) -> Option<Self> {
        let at = event.date().and_then(moment)?;
        Some(Self { at, message: event.message().unwrap_or_default().to_owned() })
    }

    /// Whether it says that AWS accepted a failover and did not do it.
    pub fn is_abandoned_failover(&self) -> bool {
        self.message.starts_with("Abandoning user requested failover")
    }
}
