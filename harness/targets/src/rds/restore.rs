//! Restores of DB instances, to a moment or from a snapshot, and what they leave to be taken back.

use std::collections::BTreeMap;

use aws_sdk_rds::primitives::DateTime;
use aws_sdk_rds::types::{DbInstance, Filter, Tag};
use time::OffsetDateTime;

use super::{InstanceView, Rds, Settings};
use crate::AwsError;

/// How a restore is told its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// By its DbiResourceId: it is that one, whatever its name is by then.
    ResourceId(String),
    /// By its identifier, for endpoints that stand in for AWS and know no other way.
    Identifier(String),
}

/// What is copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CopyOf {
    /// An instance as it was at a moment, in whole seconds.
    Moment {
        /// The source.
        source: Source,
        /// When.
        at: OffsetDateTime,
    },
    /// A snapshot, by its identifier.
    Snapshot(String),
}

/// A restore into a new instance.
#[derive(Debug, Clone)]
pub struct RestoreRequest {
    /// What is copied.
    pub of: CopyOf,
    /// The new instance's identifier.
    pub name: String,
    /// What it is asked to have.
    pub settings: Settings,
    /// Its Availability Zone, unless RDS is to choose.
    pub zone: Option<String>,
    /// Its tags, instead of those of the source.
    pub tags: BTreeMap<String, String>,
}

/// Sets on a call what both restores can be told.
macro_rules! told {
    ($call:expr, $request:expr) => {{
        let (settings, request) = (&$request.settings, $request);
        let groups = &settings.security_groups;
        $call
            .db_instance_class(&settings.class)
            .set_availability_zone(request.zone.clone())
            .set_db_subnet_group_name(settings.subnet_group.clone())
            .set_vpc_security_group_ids((!groups.is_empty()).then(|| groups.clone()))
            .set_db_parameter_group_name(settings.parameter_group.clone())
            .set_option_group_name(settings.option_group.clone())
            .multi_az(settings.multi_az)
            .publicly_accessible(settings.publicly_accessible)
            .deletion_protection(settings.deletion_protection)
            // Off is the default, and endpoints that stand in for AWS may not know it.
            .set_enable_iam_database_authentication(settings.iam_authentication.then_some(true))
            .set_tags(Some(tags(&request.tags)))
    }};
}

pub(super) fn tags(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// The instance in an answer. One without is as good as none: what was made has to be looked for.
fn view(call: &'static str, answered: Option<&DbInstance>) -> Result<InstanceView, AwsError> {
    answered.map(InstanceView::of).ok_or_else(|| AwsError::empty(call))
}

impl Rds {
    /// RestoreDBInstanceToPointInTime or RestoreDBInstanceFromDBSnapshot, with one attempt; the new instance.
    ///
    /// # Errors
    /// [`AwsError`]; its effect says whether the instance may come to be.
    pub async fn restore(&self, request: &RestoreRequest) -> Result<InstanceView, AwsError> {
        match &request.of {
            CopyOf::Moment { source, at } => {
                const CALL: &str = "RestoreDBInstanceToPointInTime";
                let call = self.client().restore_db_instance_to_point_in_time();
                let call = match source {
                    Source::ResourceId(id) => call.source_dbi_resource_id(id),
                    Source::Identifier(name) => call.source_db_instance_identifier(name),
                };
                let call = call
                    .target_db_instance_identifier(&request.name)
                    .restore_time(DateTime::from_secs(at.unix_timestamp()));
                let sent = told!(call, request).send().await;
                view(CALL, sent.map_err(|error| AwsError::of(CALL, &error))?.db_instance())
            }
            CopyOf::Snapshot(snapshot) => {
                const CALL: &str = "RestoreDBInstanceFromDBSnapshot";
                let call = self
                    .client()
                    .restore_db_instance_from_db_snapshot()
                    .db_snapshot_identifier(snapshot)
                    .db_instance_identifier(&request.name);
                let sent = told!(call, request).send().await;
                view(CALL, sent.map_err(|error| AwsError::of(CALL, &error))?.db_instance())
            }
        }
    }

    /// The instance of that name, if there is one.
    ///
    /// # Errors
    /// [`AwsError`].
    pub async fn find(&self, identifier: &str) -> Result<Option<InstanceView>, AwsError> {
        match self.describe(identifier).await {
            Ok(instance) => Ok(Some(instance)),
            Err(error) if error.code.starts_with("DBInstanceNotFound") => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The instance with that DbiResourceId, whatever its name.
    ///
    /// # Errors
    /// [`AwsError`].
    pub async fn find_by_resource_id(&self, resource_id: &str) -> Result<Option<InstanceView>, AwsError> {
        let filter = Filter::builder().name("dbi-resource-id").values(resource_id).build();
        let found = self.instances_with(Some(filter)).await?;
        Ok(found.into_iter().find(|instance| instance.resource_id == resource_id))
    }

    /// DeleteDBInstance without a final snapshot, with its automated backups, with one attempt.
    ///
    /// # Errors
    /// [`AwsError`].
    pub async fn delete(&self, identifier: &str) -> Result<(), AwsError> {
        let call = self.client().delete_db_instance().db_instance_identifier(identifier);
        let call = call.skip_final_snapshot(true).delete_automated_backups(true);
        call.send().await.map(drop).map_err(|error| AwsError::of("DeleteDBInstance", &error))
    }

    /// ModifyDBInstance without deletion protection, at once, with one attempt.
    ///
    /// # Errors
    /// [`AwsError`].
    pub async fn unprotect(&self, identifier: &str) -> Result<(), AwsError> {
        let call = self.client().modify_db_instance().db_instance_identifier(identifier);
        let call = call.deletion_protection(false).apply_immediately(true);
        call.send().await.map(drop).map_err(|error| AwsError::of("ModifyDBInstance", &error))
    }

    /// ModifyDBInstance with another identifier, at once, with one attempt.
    ///
    /// # Errors
    /// [`AwsError`].
    pub async fn rename(&self, identifier: &str, name: &str) -> Result<(), AwsError> {
        let call = self.client().modify_db_instance().db_instance_identifier(identifier);
        let call = call.new_db_instance_identifier(name).apply_immediately(true);
        call.send().await.map(drop).map_err(|error| AwsError::of("ModifyDBInstance", &error))
    }

    /// AddTagsToResource, with one attempt.
    ///
    /// # Errors
    /// [`AwsError`]; its effect says whether they may be on.
    pub async fn add_tags(&self, arn: &str, new: &BTreeMap<String, String>) -> Result<(), AwsError> {
        let call = self.client().add_tags_to_resource().resource_name(arn).set_tags(Some(tags(new)));
        call.send().await.map(drop).map_err(|error| AwsError::of("AddTagsToResource", &error))
    }

    /// RemoveTagsFromResource, with one attempt.
    ///
    /// # Errors
    /// [`AwsError`].
    pub async fn remove_tags(&self, arn: &str, keys: &[String]) -> Result<(), AwsError> {
        let call = self.client().remove_tags_from_resource().resource_name(arn);
        let sent = call.set_tag_keys(Some(keys.to_vec())).send().await;
        sent.map(drop).map_err(|error| AwsError::of("RemoveTagsFromResource", &error))
    }
}
