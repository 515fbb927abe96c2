//! The settings of a DB instance that a restore has to be told to carry over, and what became of them.

use aws_sdk_rds::types::DbInstance;
use serde::{Deserialize, Serialize};

/// Settings of a DB instance, in DescribeDBInstances' words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Settings {
    /// DBInstanceClass.
    pub class: String,
    /// DBSubnetGroupName.
    pub subnet_group: Option<String>,
    /// VpcSecurityGroupIds, sorted.
    pub security_groups: Vec<String>,
    /// DBParameterGroupName.
    pub parameter_group: Option<String>,
    /// ParameterApplyStatus: whether the group's values are those that the server runs with.
    pub parameters: Option<String>,
    /// OptionGroupName.
    pub option_group: Option<String>,
    /// MultiAZ.
    pub multi_az: bool,
    /// PubliclyAccessible.
    pub publicly_accessible: bool,
    /// DeletionProtection.
    pub deletion_protection: bool,
    /// IAMDatabaseAuthenticationEnabled.
    pub iam_authentication: bool,
    /// BackupRetentionPeriod, days.
    pub backup_retention: i32,
    /// StorageType.
    pub storage_type: Option<String>,
    /// AllocatedStorage, GiB.
    pub allocated_storage: Option<i32>,
    /// StorageEncrypted.
    pub encrypted: bool,
    /// CACertificateIdentifier.
    pub ca: Option<String>,
    /// CopyTagsToSnapshot.
    pub copy_tags_to_snapshot: bool,
    /// MonitoringInterval, seconds.
    pub monitoring_interval: i32,
    /// PerformanceInsightsEnabled.
    pub performance_insights: bool,
}

/// A setting that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingDifference {
    /// Its name, as AWS calls it.
    pub name: String,
    /// What it should be, or is on the source.
    pub expected: String,
    /// What it is.
    pub found: String,
}

impl std::fmt::Display for SettingDifference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} is {} and not {}", self.name, self.found, self.expected)
    }
}

impl Settings {
    pub(super) fn of(instance: &DbInstance) -> Self {
        let owned = |value: Option<&str>| value.map(str::to_owned);
        let group = instance.db_parameter_groups().first();
        let mut security_groups: Vec<String> = instance
            .vpc_security_groups()
            .iter()
            .filter_map(|group| group.vpc_security_group_id().map(str::to_owned))
            .collect();
        security_groups.sort_unstable();
        Self {
            class: instance.db_instance_class().unwrap_or_default().to_owned(),
            subnet_group: owned(instance.db_subnet_group().and_then(|group| group.db_subnet_group_name())),
            security_groups,
            parameter_group: owned(group.and_then(|group| group.db_parameter_group_name())),
            parameters: owned(group.and_then(|group| group.parameter_apply_status())),
            option_group: owned(
                instance.option_group_memberships().first().and_then(|group| group.option_group_name()),
            ),
            multi_az: instance.multi_az().unwrap_or_default(),
            publicly_accessible: instance.publicly_accessible().unwrap_or_default(),
            deletion_protection: instance.deletion_protection().unwrap_or_default(),
            iam_authentication: instance.iam_database_authentication_enabled().unwrap_or_default(),
            backup_retention: instance.backup_retention_period().unwrap_or_default(),
            storage_type: owned(instance.storage_type()),
            allocated_storage: instance.allocated_storage(),
            encrypted: instance.storage_encrypted().unwrap_or_default(),
            ca: owned(instance.ca_certificate_identifier()),
            copy_tags_to_snapshot: instance.copy_tags_to_snapshot().unwrap_or_default(),
            monitoring_interval: instance.monitoring_interval().unwrap_or_default(),
            performance_insights: instance.performance_insights_enabled().unwrap_or_default(),
        }
    }

    /// What a copy of an instance with these settings is asked to have: the same, but for protection against its own
    /// deletion, and Multi-AZ only where that is wanted.
    #[must_use]
    pub fn for_a_copy(&self, multi_az: bool) -> Self {
        Self { multi_az, deletion_protection: false, ..self.clone() }
    }

    /// What `found` has otherwise, split into the settings that a restore call names and all others.
    pub fn differences(&self, found: &Self) -> (Vec<SettingDifference>, Vec<SettingDifference>) {
        let difference = |(name, expected, found): (&str, String, String)| {
            (expected != found).then(|| SettingDifference { name: name.into(), expected, found })
        };
        let groups = |ids: &[String]| if ids.is_empty() { "none".into() } else { ids.join(" ") };
        let named = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".into());
        let asked = [
            ("DBInstanceClass", self.class.clone(), found.class.clone()),
            ("DBSubnetGroupName", named(&self.subnet_group), named(&found.subnet_group)),
            ("VpcSecurityGroupIds", groups(&self.security_groups), groups(&found.security_groups)),
            ("DBParameterGroupName", named(&self.parameter_group), named(&found.parameter_group)),
            ("OptionGroupName", named(&self.option_group), named(&found.option_group)),
            ("MultiAZ", self.multi_az.to_string(), found.multi_az.to_string()),
            (
                "PubliclyAccessible",
                self.publicly_accessible.to_string(),
                found.publicly_accessible.to_string(),
            ),
            (
                "DeletionProtection",
                self.deletion_protection.to_string(),
                found.deletion_protection.to_string(),
            ),
            (
                "IAMDatabaseAuthenticationEnabled",
                self.iam_authentication.to_string(),
                found.iam_authentication.to_string(),
            ),
        ];
        let others = [
            ("ParameterApplyStatus", named(&self.parameters), named(&found.parameters)),
            ("BackupRetentionPeriod", self.backup_retention.to_string(), found.backup_retention.to_string()),
            ("StorageType", named(&self.storage_type), named(&found.storage_type)),
            ("AllocatedStorage", text(self.allocated_storage), text(found.allocated_storage)),
            ("StorageEncrypted", self.encrypted.to_string(), found.encrypted.to_string()),
            ("CACertificateIdentifier", named(&self.ca), named(&found.ca)),
            (
                "CopyTagsToSnapshot",
                self.copy_tags_to_snapshot.to_string(),
                found.copy_tags_to_snapshot.to_string(),
            ),
            (
                "MonitoringInterval",
                self.monitoring_interval.to_string(),
                found.monitoring_interval.to_string(),
            ),
            (
                "PerformanceInsightsEnabled",
                self.performance_insights.to_string(),
                found.performance_insights.to_string(),
            ),
        ];
        (
            asked.into_iter().filter_map(difference).collect(),
            others.into_iter().filter_map(difference).collect(),
        )
    }
}

/// What is said of an instance that takes no tokens, where this user of the plan has nothing else.
pub fn no_tokens(identifier: &str, user: &str) -> String {
    format!(
        "DB instance `{identifier}` takes no tokens for `{user}`: IAM authentication is off \
         (IAMDatabaseAuthenticationEnabled = false); turn it on, or give the target a password or password_secret in place of \
         auth = \"iam\""
    )
}

fn text(value: Option<i32>) -> String {
    value.map_or_else(|| "none".into(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_is_told_from_what_is_only_reported() {
        let source = Settings {
            class: "db.t4g.micro".into(),
            security_groups: vec!["sg-1".into()],
            parameter_group: Some("orders".into()),
            multi_az: true,
            deletion_protection: true,
            backup_retention: 7,
            ..Settings::default()
        };
        let asked = source.for_a_copy(false);
        assert_eq!(asked.differences(&asked), (Vec::new(), Vec::new()));
        let copy = Settings {
            parameter_group: Some("default.postgres15".into()),
            security_groups: Vec::new(),
            backup_retention: 1,
            ..asked.clone()
        };
        let (missing, reported) = asked.differences(&copy);
        let names = |found: &[SettingDifference]| {
            found.iter().map(|difference| difference.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(&missing), ["VpcSecurityGroupIds", "DBParameterGroupName"]);
        assert_eq!(missing[0].to_string(), "VpcSecurityGroupIds is none and not sg-1");
        assert_eq!(names(&reported), ["BackupRetentionPeriod"]);
    }
}
