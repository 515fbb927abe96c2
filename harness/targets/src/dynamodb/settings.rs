//! What a restore does not carry over: time to live, streams, tags, point-in-time recovery, deletion protection, class.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{
    PointInTimeRecoveryDescription, PointInTimeRecoverySpecification, StreamSpecification, StreamViewType,
    Tag, TimeToLiveSpecification, TimeToLiveStatus,
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::times::of_sdk;
use super::{Dynamo, TableView};
use crate::pages::Pages;
use crate::tags::LOCK_TAG;
use crate::{AwsError, Effect};

/// Point-in-time recovery of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryView {
    /// Whether it is on.
    pub enabled: bool,
    /// The earliest moment that can be asked for.
    #[serde(with = "time::serde::rfc3339::option")]
    pub earliest: Option<OffsetDateTime>,
    /// The latest.
    #[serde(with = "time::serde::rfc3339::option")]
    pub latest: Option<OffsetDateTime>,
    /// For how many days it is kept.
    pub days: Option<i32>,
}

impl RecoveryView {
    fn of(found: Option<&PointInTimeRecoveryDescription>) -> Self {
        let status = found.and_then(|found| found.point_in_time_recovery_status());
        Self {
            enabled: status.is_some_and(|status| status.as_str() == "ENABLED"),
            earliest: found.and_then(|found| found.earliest_restorable_date_time()).and_then(of_sdk),
            latest: found.and_then(|found| found.latest_restorable_date_time()).and_then(of_sdk),
            days: found.and_then(|found| found.recovery_period_in_days()),
        }
    }
}

/// The settings of a table that a restore drops.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TableSettings {
    /// The attribute that its time to live is in.
    pub time_to_live: Option<String>,
    /// What its stream shows.
    pub stream: Option<String>,
    /// Its tags, but for the lock: that is on the source alone, and only while a run drills it.
    pub tags: BTreeMap<String, String>,
    /// For how many days point-in-time recovery goes back; absent where it is off.
    pub recovery_days: Option<i32>,
    /// Whether it is protected against deletion.
    pub protected: bool,
    /// Its class, where that is not the usual one.
    pub class: Option<String>,
}

impl TableSettings {
    /// What this one has and another has not, or has otherwise, as (setting, here, there).
    pub fn missing_in(&self, other: &Self) -> Vec<(String, String, String)> {
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "off".into());
        let days = |value: Option<i32>| value.map_or_else(|| "off".into(), |days| format!("{days} days"));
        let on = |value: bool| if value { "on" } else { "off" }.to_owned();
        let mut all = vec![
            ("time to live".to_owned(), text(&self.time_to_live), text(&other.time_to_live)),
            ("stream".to_owned(), text(&self.stream), text(&other.stream)),
            ("point-in-time recovery".to_owned(), days(self.recovery_days), days(other.recovery_days)),
            ("deletion protection".to_owned(), on(self.protected), on(other.protected)),
            ("table class".to_owned(), text(&self.class), text(&other.class)),
        ];
        for (key, value) in &self.tags {
            let there = other.tags.get(key).cloned().unwrap_or_else(|| "off".into());
            all.push((format!("tag {key}"), value.clone(), there));
        }
        all.retain(|(_, here, there)| here != there && here != "off");
        all
    }
}

impl Dynamo {
    /// What ListTagsOfResource says, all pages.
    ///
    /// # Errors
    /// [`AwsError`].
    pub async fn tags(&self, arn: &str) -> Result<BTreeMap<String, String>, AwsError> {
        let mut found = BTreeMap::new();
        let (mut after, mut pages): (Option<String>, _) = (None, Pages::default());
        loop {
            let page = self
                .aws()
                .read(|| async {
                    let call = self.client().list_tags_of_resource().resource_arn(arn);
                    let sent = call.set_next_token(after.clone()).send().await;
                    sent.map_err(|error| AwsError::of("ListTagsOfResource", &error))
                })
                .await?;
            found.extend(page.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())));
            after = pages.next("ListTagsOfResource", page.next_token())?;
            if after.is_none() {
                return Ok(found);
            }
        }
    }

    /// What DescribeContinuousBackups says.
    ///
    /// # Errors
    /// [`AwsError`].
    pub async fn recovery(&self, table: &str) -> Result<RecoveryView, AwsError> {
        let answer = self
            .aws()
            .read(|| async {
                let sent = self.client().describe_continuous_backups().table_name(table).send().await;
                sent.map_err(|error| AwsError::of("DescribeContinuousBackups", &error))
            })
            .await?;
        let found = answer.continuous_backups_description();
        Ok(RecoveryView::of(found.and_then(|found| found.point_in_time_recovery_description())))
    }

    /// The settings of a table that a restore drops.
    ///
    /// # Errors
    /// [`AwsError`].
    pub async fn settings(&self, table: &TableView) -> Result<TableSettings, AwsError> {
        let answer = self
            .aws()
            .read(|| async {
                let sent = self.client().describe_time_to_live().table_name(&table.name).send().await;
                sent.map_err(|error| AwsError::of("DescribeTimeToLive", &error))
            })
            .await?;
        let on = [TimeToLiveStatus::Enabled, TimeToLiveStatus::Enabling];
        let ttl = answer.time_to_live_description();
        let ttl = ttl.filter(|ttl| ttl.time_to_live_status().is_some_and(|status| on.contains(status)));
        let recovery = self.recovery(&table.name).await?;
        let mut tags = self.tags(&table.arn).await?;
        tags.remove(LOCK_TAG);
        Ok(TableSettings {
            time_to_live: ttl.and_then(|ttl| ttl.attribute_name()).map(str::to_owned),
            stream: table.stream.clone(),
            tags,
            recovery_days: recovery.enabled.then_some(recovery.days.unwrap_or(35)),
            protected: table.protected,
            class: table.class.clone().filter(|class| class != "STANDARD"),
        })
    }

    /// UpdateContinuousBackups, with one attempt.
    ///
    /// # Errors
    /// [`AwsError`]; its effect says whether it may be under way.
    pub async fn set_recovery(&self, table: &str, days: Option<i32>, on: bool) -> Result<(), AwsError> {
        const CALL: &str = "UpdateContinuousBackups";
        let specification = PointInTimeRecoverySpecification::builder()
            .point_in_time_recovery_enabled(on)
            .set_recovery_period_in_days(days)
            .build()
            .map_err(|error| not_sent(CALL, &error))?;
        let call = self.client().update_continuous_backups().table_name(table);
        let sent = call.point_in_time_recovery_specification(specification).send().await;
        sent.map(drop).map_err(|error| AwsError::of(CALL, &error))
    }

    /// Turns point-in-time recovery off where it is on, and gives whether it was: of a table that is deleted with it, AWS
    /// keeps a backup for 35 days that nobody can delete.
    ///
    /// # Errors
    /// [`AwsError`].
    pub(crate) async fn gives_up_recovery(&self, table: &str) -> Result<bool, AwsError> {
        let on = self.recovery(table).await?.enabled;
        if on {
            self.set_recovery(table, None, false).await?;
        }
        Ok(on)
    }

    /// UpdateTimeToLive that turns it on, with one attempt.
    ///
    /// # Errors
    /// [`AwsError`]; its effect says whether it may be under way.
    pub async fn set_time_to_live(&self, table: &str, attribute: &str) -> Result<(), AwsError> {
        const CALL: &str = "UpdateTimeToLive";
        let specification = TimeToLiveSpecification::builder()
            .attribute_name(attribute)
            .enabled(true)
            .build()
            .map_err(|error| not_sent(CALL, &error))?;
        let call = self.client().update_time_to_live().table_name(table);
        let sent = call.time_to_live_specification(specification).send().await;
        sent.map(drop).map_err(|error| AwsError::of(CALL, &error))
    }

    /// UpdateTable that turns its stream on, with one attempt.
    ///
    /// # Errors
    /// [`AwsError`]; its effect says whether it may be under way.
    pub async fn set_stream(&self, table: &str, view: &str) -> Result<(), AwsError> {
        const CALL: &str = "UpdateTable";
        let specification = StreamSpecification::builder()
            .stream_enabled(true)
            .stream_view_type(StreamViewType::from(view))
            .build()
            .map_err(|error| not_sent(CALL, &error))?;
        let call = self.client().update_table().table_name(table).stream_specification(specification);
        call.send().await.map(drop).map_err(|error| AwsError::of(CALL, &error))
    }

    /// TagResource, with one attempt.
    ///
    /// # Errors
    /// [`AwsError`]; its effect says whether it may be under way.
    pub async fn set_tags(&self, arn: &str, tags: &BTreeMap<String, String>) -> Result<(), AwsError> {
        const CALL: &str = "TagResource";
        let mut call = self.client().tag_resource().resource_arn(arn);
        for (key, value) in tags {
            let tag = Tag::builder().key(key).value(value).build();
            call = call.tags(tag.map_err(|error| not_sent(CALL, &error))?);
        }
        call.send().await.map(drop).map_err(|error| AwsError::of(CALL, &error))
    }

    /// UntagResource, with one attempt.
    ///
    /// # Errors
    /// [`AwsError`]; its effect says whether they may be off.
    pub async fn remove_tags(&self, arn: &str, keys: &[String]) -> Result<(), AwsError> {
        let call = self.client().untag_resource().resource_arn(arn).set_tag_keys(Some(keys.to_vec()));
        call.send().await.map(drop).map_err(|error| AwsError::of("UntagResource", &error))
    }
}

fn not_sent(call: &'static str, error: &dyn std::fmt::Display) -> AwsError {
    AwsError { call, code: "not-sent".into(), message: error.to_string(), effect: Effect::None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_is_named_and_what_is_added_is_not() {
        let source = TableSettings {
            time_to_live: Some("expires".into()),
            stream: Some("KEYS_ONLY".into()),
            tags: [("team".to_owned(), "data".to_owned())].into(),
            recovery_days: Some(7),
            protected: true,
            class: None,
        };
        let names = |other: &TableSettings| -> Vec<String> {
            source.missing_in(other).into_iter().map(|(name, ..)| name).collect()
        };
        assert_eq!(names(&source), Vec::<String>::new());
        assert_eq!(
            names(&TableSettings::default()),
            ["time to live", "stream", "point-in-time recovery", "deletion protection", "tag team"]
        );
        let more = TableSettings { class: Some("STANDARD_INFREQUENT_ACCESS".into()), ..source.clone() };
        assert_eq!(names(&more), Vec::<String>::new());
        let other = TableSettings { time_to_live: Some("until".into()), ..source.clone() };
        assert_eq!(
            source.missing_in(&other),
            [("time to live".to_owned(), "expires".to_owned(), "until".to_owned())]
        );
    }
}
