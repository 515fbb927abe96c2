//! On-demand backups. Their names are not unique: what a run made is known by a name that holds the run's id.

use aws_sdk_dynamodb::types::{BackupDetails, BackupSummary, BackupTypeFilter};
use lifeboat_model::Made;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::client::made;
use super::times::of_sdk;
use super::{Dynamo, TableView};
use crate::AwsError;
use crate::pages::Pages;

/// A backup as ListBackups shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupView {
    /// BackupArn.
    pub arn: String,
    /// BackupName.
    pub name: String,
    /// BackupStatus.
    pub status: String,
    /// BackupCreationDateTime.
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub created_at: Option<OffsetDateTime>,
}

impl BackupView {
    fn of_details(details: &BackupDetails) -> Self {
        Self {
            arn: details.backup_arn().to_owned(),
            name: details.backup_name().to_owned(),
            status: details.backup_status().as_str().to_owned(),
            created_at: of_sdk(details.backup_creation_date_time()),
        }
    }

    /// What stays with it, for an undo of its making.
    pub fn made(&self) -> Made {
        Made { id: self.arn.clone(), arn: self.arn.clone(), created_at: self.created_at }
    }

    fn of(summary: &BackupSummary) -> Self {
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        Self {
            arn: text(summary.backup_arn()),
            name: text(summary.backup_name()),
            status: text(summary.backup_status().map(|status| status.as_str())),
            created_at: summary.backup_creation_date_time().and_then(of_sdk),
        }
    }
}

impl Dynamo {
    /// The on-demand backups of a table that have this name, on all pages.
    ///
    /// # Errors
    /// [`AwsError`].
    pub async fn backups(&self, table: &str, name: &str) -> Result<Vec<BackupView>, AwsError> {
        let mut found = self.list_backups(Some(table)).await?;
        found.retain(|backup| backup.name == name);
        Ok(found)
    }

    /// The on-demand backups of all tables, those that are gone too, on all pages.
    ///
    /// # Errors
    /// [`AwsError`].
    pub async fn all_backups(&self) -> Result<Vec<BackupView>, AwsError> {
        self.list_backups(None).await
    }

    async fn list_backups(&self, table: Option<&str>) -> Result<Vec<BackupView>, AwsError> {
        let mut found = Vec::new();
        let (mut after, mut pages): (Option<String>, _) = (None, Pages::default());
        loop {
            let page = self
                .aws()
                .read(|| async {
                    let call = self
                        .client()
                        .list_backups()
                        .set_table_name(table.map(str::to_owned))
                        .backup_type(BackupTypeFilter::User)
                        .set_exclusive_start_backup_arn(after.clone());
                    call.send().await.map_err(|error| AwsError::of("ListBackups", &error))
                })
                .await?;
            let views = page.backup_summaries().iter().map(BackupView::of);
            found.extend(views.filter(|backup| backup.status != "DELETED"));
            after = pages.next("ListBackups", page.last_evaluated_backup_arn())?;
            if after.is_none() {
                return Ok(found);
            }
        }
    }

    /// The backup with that ARN, if there is one.
    ///
    /// # Errors
    /// [`AwsError`].
    pub async fn backup(&self, arn: &str) -> Result<Option<BackupView>, AwsError> {
        let found = self
            .aws()
            .read(|| async {
                let sent = self.client().describe_backup().backup_arn(arn).send().await;
                sent.map_err(|error| AwsError::of("DescribeBackup", &error))
            })
            .await;
        match found {
            Ok(answer) => {
                let described = answer.backup_description().and_then(|found| found.backup_details());
                // It shows for a while after it has gone.
                Ok(described.map(BackupView::of_details).filter(|backup| backup.status != "DELETED"))
            }
            Err(error) if error.code == "BackupNotFoundException" => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// CreateBackup, with one attempt; the new backup.
    ///
    /// # Errors
    /// [`AwsError`]; its effect says whether it may be under way.
    pub async fn create_backup(&self, table: &str, name: &str) -> Result<BackupView, AwsError> {
        const CALL: &str = "CreateBackup";
        let call = self.client().create_backup().table_name(table).backup_name(name);
        let answer = call.send().await.map_err(|error| AwsError::of(CALL, &error))?;
        answer.backup_details().map(BackupView::of_details).ok_or_else(|| AwsError::empty(CALL))
    }

    /// DeleteBackup, with one attempt.
    ///
    /// # Errors
    /// [`AwsError`]; its effect says whether it may be under way.
    pub async fn delete_backup(&self, arn: &str) -> Result<(), AwsError> {
        let call = self.client().delete_backup().backup_arn(arn);
        call.send().await.map(drop).map_err(|error| AwsError::of("DeleteBackup", &error))
    }

    /// RestoreTableFromBackup, with one attempt; the new table.
    ///
    /// # Errors
    /// [`AwsError`]; its effect says whether it may be under way.
    pub async fn restore_backup(&self, arn: &str, target: &str) -> Result<TableView, AwsError> {
        const CALL: &str = "RestoreTableFromBackup";
        let call = self.client().restore_table_from_backup().backup_arn(arn).target_table_name(target);
        let answer = call.send().await.map_err(|error| AwsError::of(CALL, &error))?;
        made(CALL, answer.table_description())
    }
}
