//! DB snapshots.

use std::collections::BTreeMap;

use aws_sdk_rds::types::DbSnapshot;
use lifeboat_model::Made;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::Rds;
use super::instance::moment;
use super::restore::tags;
use crate::AwsError;
use crate::pages::Pages;

/// A DB snapshot as DescribeDBSnapshots shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SnapshotView {
    /// DBSnapshotIdentifier.
    pub identifier: String,
    /// DBSnapshotArn.
    #[serde(default)]
    pub arn: String,
    /// DBInstanceIdentifier of its source, as it was called.
    pub source: String,
    /// DbiResourceId of its source.
    pub source_resource_id: String,
    /// SnapshotType: `automated`, `manual` and others.
    pub kind: String,
    /// Status.
    pub status: String,
    /// OriginalSnapshotCreateTime where there is one, else SnapshotCreateTime: when the data was taken.
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub taken: Option<OffsetDateTime>,
    /// SnapshotCreateTime: when this snapshot was made, of whatever data.
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub created_at: Option<OffsetDateTime>,
    /// TagList.
    pub tags: Vec<(String, String)>,
}

impl SnapshotView {
    fn of(snapshot: &DbSnapshot) -> Self {
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        let taken = snapshot.original_snapshot_create_time().or(snapshot.snapshot_create_time());
        Self {
            identifier: text(snapshot.db_snapshot_identifier()),
            arn: text(snapshot.db_snapshot_arn()),
            source: text(snapshot.db_instance_identifier()),
            source_resource_id: text(snapshot.dbi_resource_id()),
            kind: text(snapshot.snapshot_type()),
            status: text(snapshot.status()),
            taken: taken.and_then(moment),
            created_at: snapshot.snapshot_create_time().and_then(moment),
            tags: snapshot.tag_list().iter().map(|tag| (text(tag.key()), text(tag.value()))).collect(),
        }
    }

    /// What stays with it, for an undo of its making. Before it is whole, its time of making is not to be relied on.
    pub fn made(&self) -> Made {
        let created_at = self.created_at.filter(|_| self.status == "available");
        Made { id: self.arn.clone(), arn: self.arn.clone(), created_at }
    }

    /// The value of a tag.
    pub fn tag(&self, key: &str) -> Option<&str> {
        self.tags.iter().find(|(found, _)| found == key).map(|(_, value)| value.as_str())
    }
}

impl Rds {
    /// CreateDBSnapshot, with one attempt; the new snapshot.
    ///
    /// # Errors
    /// [`AwsError`].
    pub async fn create_snapshot(
        &self,
        source: &str,
        name: &str,
        of_drill: &BTreeMap<String, String>,
    ) -> Result<SnapshotView, AwsError> {
        const CALL: &str = "CreateDBSnapshot";
        let call = self.client().create_db_snapshot().db_instance_identifier(source);
        let sent = call.db_snapshot_identifier(name).set_tags(Some(tags(of_drill))).send().await;
        let answer = sent.map_err(|error| AwsError::of(CALL, &error))?;
        answer.db_snapshot().map(SnapshotView::of).ok_or_else(|| AwsError::empty(CALL))
    }

    /// The snapshot of that name, if there is one.
    ///
    /// # Errors
    /// [`AwsError`].
    pub async fn find_snapshot(&self, name: &str) -> Result<Option<SnapshotView>, AwsError> {
        let found = self
            .aws()
            .read(|| async {
                let sent = self.client().describe_db_snapshots().db_snapshot_identifier(name).send().await;
                sent.map_err(|error| AwsError::of("DescribeDBSnapshots", &error))
            })
            .await;
        match found {
            Ok(answer) => Ok(answer.db_snapshots().first().map(SnapshotView::of)),
            Err(error) if error.code.starts_with("DBSnapshotNotFound") => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The newest automated snapshot, of those that are available, of the instance with that DbiResourceId: its name may
    /// have been another's when one was taken.
    ///
    /// # Errors
    /// [`AwsError`].
    pub async fn latest_automated_snapshot(
        &self,
        resource_id: &str,
    ) -> Result<Option<SnapshotView>, AwsError> {
        let mut found = self.snapshots("automated", Some(resource_id)).await?;
        // An endpoint that ignores what it was asked for answers with others as well.
        found.retain(|snapshot| snapshot.status == "available" && snapshot.source_resource_id == resource_id);
        Ok(found.into_iter().max_by_key(|snapshot| snapshot.taken))
    }

    /// All manual snapshots.
    ///
    /// # Errors
    /// [`AwsError`].
    pub async fn manual_snapshots(&self) -> Result<Vec<SnapshotView>, AwsError> {
        self.snapshots("manual", None).await
    }

    /// The snapshots of one kind, of one instance or of all, on all pages.
    async fn snapshots(&self, kind: &str, of: Option<&str>) -> Result<Vec<SnapshotView>, AwsError> {
        let mut found = Vec::new();
        let (mut marker, mut pages): (Option<String>, _) = (None, Pages::default());
        loop {
            let page = self
                .aws()
                .read(|| async {
                    let call = self.client().describe_db_snapshots().snapshot_type(kind);
                    let call = call.set_dbi_resource_id(of.map(str::to_owned));
                    let sent = call.set_marker(marker.clone()).send().await;
                    sent.map_err(|error| AwsError::of("DescribeDBSnapshots", &error))
                })
                .await?;
            found.extend(page.db_snapshots().iter().map(SnapshotView::of));
            marker = pages.next("DescribeDBSnapshots", page.marker())?;
            if marker.is_none() {
                break;
            }
        }
        found.retain(|snapshot| snapshot.kind == kind);
        Ok(found)
    }

    /// DeleteDBSnapshot, with one attempt.
    ///
    /// # Errors
    /// [`AwsError`].
    pub async fn delete_snapshot(&self, name: &str) -> Result<(), AwsError> {
        let sent = self.client().delete_db_snapshot().db_snapshot_identifier(name).send().await;
        sent.map(drop).map_err(|error| AwsError::of("DeleteDBSnapshot", &error))
    }
}
