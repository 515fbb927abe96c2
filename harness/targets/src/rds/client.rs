//! Calls to Amazon RDS.

use aws_sdk_rds::Client;
use aws_sdk_rds::primitives::DateTime;
use aws_sdk_rds::types::{Filter, SourceType};
use time::OffsetDateTime;

use super::{EventView, InstanceView};
use crate::pages::Pages;
use crate::{Aws, AwsError};

/// Amazon RDS as one caller sees it.
#[derive(Debug, Clone)]
pub struct Rds {
    client: Client,
    aws: Aws,
}

impl Rds {
    /// Through a control plane's connection.
    pub fn new(aws: &Aws) -> Self {
        Self { client: aws.rds(), aws: aws.clone() }
    }

    /// The connection that it uses.
    pub fn aws(&self) -> &Aws {
        &self.aws
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// DescribeDBInstances for one instance, once.
    ///
    /// # Errors
    /// [`AwsError`]; code `DBInstanceNotFound` where there is none.
    pub async fn describe_once(&self, identifier: &str) -> Result<InstanceView, AwsError> {
        const CALL: &str = "DescribeDBInstances";
        let sent = self.client.describe_db_instances().db_instance_identifier(identifier).send().await;
        let answer = sent.map_err(|error| AwsError::of(CALL, &error))?;
        answer.db_instances().first().map(InstanceView::of).ok_or_else(|| AwsError {
            call: CALL,
            code: "DBInstanceNotFound".into(),
            message: format!("the answer holds no instance `{identifier}`"),
            effect: crate::Effect::None,
        })
    }

    /// DescribeDBInstances for one instance, tried again where that may help.
    ///
    /// # Errors
    /// [`AwsError`]; code `DBInstanceNotFound` where there is none.
    pub async fn describe(&self, identifier: &str) -> Result<InstanceView, AwsError> {
        self.aws.read(|| self.describe_once(identifier)).await
    }

    /// DescribeDBInstances for all instances, on all pages.
    ///
    /// # Errors
    /// [`AwsError`].
    pub async fn instances(&self) -> Result<Vec<InstanceView>, AwsError> {
        self.instances_with(None).await
    }

    /// The same for those that a filter lets through; an endpoint that ignores it answers with others as well.
    pub(super) async fn instances_with(&self, filter: Option<Filter>) -> Result<Vec<InstanceView>, AwsError> {
        let mut found = Vec::new();
        let (mut marker, mut pages): (Option<String>, _) = (None, Pages::default());
        loop {
            let page = self
                .aws
                .read(|| async {
                    let call = self.client.describe_db_instances().set_marker(marker.clone());
                    let sent = call.set_filters(filter.clone().map(|one| vec![one])).send().await;
                    sent.map_err(|error| AwsError::of("DescribeDBInstances", &error))
                })
                .await?;
            found.extend(page.db_instances().iter().map(InstanceView::of));
            marker = pages.next("DescribeDBInstances", page.marker())?;
            if marker.is_none() {
                return Ok(found);
            }
        }
    }

    /// RebootDBInstance with ForceFailover, with one attempt.
    ///
    /// # Errors
    /// [`AwsError`]; its effect says whether the failover may be under way.
    pub async fn force_failover(&self, identifier: &str) -> Result<(), AwsError> {
        let call = self.client.reboot_db_instance().db_instance_identifier(identifier).force_failover(true);
        call.send().await.map(drop).map_err(|error| AwsError::of("RebootDBInstance", &error))
    }

    /// The events of an instance since a moment, oldest first, all pages.
    ///
    /// # Errors
    /// [`AwsError`].
    pub async fn events(&self, identifier: &str, since: OffsetDateTime) -> Result<Vec<EventView>, AwsError> {
        let mut found = Vec::new();
        let (mut marker, mut pages): (Option<String>, _) = (None, Pages::default());
        loop {
            let page = self
                .aws
                .read(|| async {
                    self.client
                        .describe_events()
                        .source_identifier(identifier)
                        .source_type(SourceType::DbInstance)
                        .start_time(DateTime::from_secs(since.unix_timestamp()))
                        .set_marker(marker.clone())
                        .send()
                        .await
                        .map_err(|error| AwsError::of("DescribeEvents", &error))
                })
                .await?;
            found.extend(page.events().iter().filter_map(EventView::of));
            marker = pages.next("DescribeEvents", page.marker())?;
            if marker.is_none() {
                break;
            }
        }
        found.sort_by_key(|event: &EventView| event.at);
        Ok(found)
    }
}
