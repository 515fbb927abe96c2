//! What the drills have to be allowed at the control plane, from which `lifeboat iam-policy` makes a policy.
//!
//! The steps and undos of a drill are meant, on the plan's targets and on the names that runs give. Which actions support
//! which resources and conditions is from AWS's service authorization reference. Not in here, since it is not established
//! what AWS asks the caller for: the keys (KMS) of encrypted databases, and EC2's groups and subnets.

use lifeboat_engine::{OptionsError, Params};
use lifeboat_model::{
    Notice, NoticeKind, Permission, RdsInstanceTarget, TargetEntry, names_beside, own_names,
};
use lifeboat_targets::{COPY_OF_TAG, EXPIRES_TAG, LOCK_TAG, RUN_TAG};

use crate::access::ALLOW_TAG;

/// ARNs in the plan's account and region.
struct Arns {
    /// Partition, region and account.
    place: [String; 3],
}

impl Arns {
    fn of(params: &Params) -> Result<Self, OptionsError> {
        let environment = &params.environment;
        let account = environment.account.clone().ok_or_else(|| {
            params
                .wrong("a policy is for one account: give account in [environment] of the plan, or --account")
        })?;
        Ok(Self { place: [partition(&environment.region).into(), environment.region.clone(), account] })
    }

    fn arn(&self, service: &str, rest: &str) -> String {
        let [partition, region, account] = &self.place;
        format!("arn:{partition}:{service}:{region}:{account}:{rest}")
    }

    fn rds(&self, kind: &str, name: &str) -> String {
        self.arn("rds", &format!("{kind}:{name}"))
    }

    fn table(&self, name: &str) -> String {
        self.arn("dynamodb", &format!("table/{name}"))
    }
}

/// The partition that a region is of.
pub fn partition(region: &str) -> &'static str {
    match region.split('-').next() {
        Some("cn") => "aws-cn",
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

/// The key of a condition on a tag of the resource, or of the request.
fn tag_of(whose: &str, tag: &str) -> String {
    format!("aws:{whose}Tag/{tag}")
}

/// Whether the resource was released for drills.
fn released(permission: Permission) -> Permission {
    permission.only_if("StringEquals", &tag_of("Resource", ALLOW_TAG.0), [ALLOW_TAG.1])
}

/// Whether the resource carries a run's tag.
fn of_a_run(permission: Permission) -> Permission {
    permission.only_if("Null", &tag_of("Resource", RUN_TAG), ["false"])
}

/// Whether what is about to be made will carry a run's tag.
fn marked(permission: Permission) -> Permission {
    permission.only_if("Null", &tag_of("Request", RUN_TAG), ["false"])
}

/// Whether no other tags than a run's own are put on or taken off.
fn own_tags(permission: Permission) -> Permission {
    permission.only_if("ForAllValues:StringEquals", "aws:TagKeys", [RUN_TAG, EXPIRES_TAG, COPY_OF_TAG])
}

/// The lock on a target, and no other tag on it: who drills cannot release a target for drills.
fn locks(service: &str, actions: [&str; 2], target: &str) -> Permission {
    let actions = actions.map(|action| format!("{service}:{action}"));
    let lock = Permission::new("LockTarget", actions, [target]);
    lock.only_if("ForAllValues:StringEquals", "aws:TagKeys", [LOCK_TAG])
}

fn locks_instance(instance: &str) -> Permission {
    locks("rds", ["AddTagsToResource", "RemoveTagsFromResource"], instance)
}

/// What every drill on a DB instance does, and a query of a stop condition: instances are looked up, by name and by
/// DbiResourceId.
pub fn looks_at_instances(params: &Params) -> Result<Vec<Permission>, OptionsError> {
    let arns = Arns::of(params)?;
    Ok(vec![Permission::new("LookAtInstances", ["rds:DescribeDBInstances"], [arns.rds("db", "*")])])
}

/// The exhaustion of an instance's connections, which is done over SQL.
pub fn exhausts(params: &Params, target: &RdsInstanceTarget) -> Result<Vec<Permission>, OptionsError> {
    let mut all = looks_at_instances(params)?;
    all.push(locks_instance(&Arns::of(params)?.rds("db", &target.identifier.to_lowercase())));
    Ok(all)
}

/// The look at the alarms of stop conditions. AWS tells of composite alarms only whom all are allowed.
pub fn watches_alarms() -> Permission {
    Permission::new("WatchAlarms", ["cloudwatch:DescribeAlarms"], ["*"])
}

/// The notices that AWS sends: to each topic and no other, and from the sender's address alone. Which of the two identities SES
/// knows, the address or its domain, is not in the plan.
pub fn sends_notices(params: &Params, notices: &[Notice]) -> Result<Vec<Permission>, OptionsError> {
    let mut all = Vec::new();
    for notice in notices {
        match &notice.kind {
            NoticeKind::Sns { topic } => {
                all.push(Permission::new("TellTopic", ["sns:Publish"], [topic.clone()]));
            }
            NoticeKind::Email { from, .. } => {
                let arns = Arns::of(params)?;
                let domain = from.rsplit('@').next().unwrap_or_default();
                let identities = [from, domain].map(|name| arns.arn("ses", &format!("identity/{name}")));
                let mail = Permission::new("TellByMail", ["ses:SendEmail"], identities);
                all.push(mail.only_if("StringEquals", "ses:FromAddress", [from.clone()]));
            }
            NoticeKind::Slack { .. } | NoticeKind::Webhook { .. } | NoticeKind::Pushgateway { .. } => {}
        }
    }
    Ok(all)
}

/// The passwords of targets that Secrets Manager keeps: each secret and no other. The end of an ARN is AWS's own choice, so
/// where the plan names a secret, the six characters are any.
pub fn reads_secrets<'a>(
    params: &Params,
    targets: impl Iterator<Item = &'a TargetEntry>,
) -> Result<Option<Permission>, OptionsError> {
    let secrets: Vec<&str> =
        targets.flat_map(TargetEntry::kept_passwords).map(|(_, kept)| kept.secret()).collect();
    if secrets.is_empty() {
        return Ok(None);
    }
    let arns = Arns::of(params)?;
    let resources = secrets.into_iter().map(|secret| match secret.starts_with("arn:") {
        true if is_whole(secret) => secret.to_owned(),
        true => format!("{secret}-??????"),
        false => arns.arn("secretsmanager", &format!("secret:{secret}-??????")),
    });
    Ok(Some(Permission::new("ReadPasswords", ["secretsmanager:GetSecretValue"], resources)))
}

/// The sessions that are opened with tokens of IAM authentication, as each role of the plan that has them, on any instance of
/// the account: the DbiResourceId of a copy is not known before it is made.
pub fn connects_with_tokens<'a>(
    params: &Params,
    targets: impl Iterator<Item = &'a TargetEntry>,
) -> Result<Option<Permission>, OptionsError> {
    let users: Vec<&str> = targets.flat_map(TargetEntry::token_passwords).map(|(user, _)| user).collect();
    if users.is_empty() {
        return Ok(None);
    }
    let arns = Arns::of(params)?;
    let resources = users.into_iter().map(|user| arns.arn("rds-db", &format!("dbuser:*/{user}")));
    Ok(Some(Permission::new("ConnectWithTokens", ["rds-db:connect"], resources)))
}

/// Whether an ARN has the end that AWS gives it: a hyphen and six letters or digits. A name may end so by chance; then the
/// plan has to give the whole ARN.
fn is_whole(arn: &str) -> bool {
    let end = arn.rsplit_once('-').map(|(_, end)| end);
    end.is_some_and(|end| end.len() == 6 && end.chars().all(|c| c.is_ascii_alphanumeric()))
}

/// The forced failover of an instance.
pub fn fails_over(params: &Params, target: &RdsInstanceTarget) -> Result<Vec<Permission>, OptionsError> {
    let arns = Arns::of(params)?;
    let mut all = looks_at_instances(params)?;
    // Events have no resource that a policy could name.
    all.push(Permission::new("ReadEvents", ["rds:DescribeEvents"], ["*"]));
    let target = arns.rds("db", &target.identifier.to_lowercase());
    all.push(locks_instance(&target));
    all.push(released(Permission::new("ForceFailover", ["rds:RebootDBInstance"], [target])));
    Ok(all)
}

/// What a copy of an instance is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Its automated backups.
    Moment,
    /// The latest automated snapshot of the instance.
    Automated,
    /// A snapshot that is there.
    Snapshot(String),
    /// A snapshot that the drill makes.
    Fresh,
}

/// A copy of an instance, what it is made from, and its deletion.
pub fn restores(
    params: &Params,
    target: &RdsInstanceTarget,
    origin: &Origin,
) -> Result<Vec<Permission>, OptionsError> {
    let arns = Arns::of(params)?;
    let id = target.identifier.to_lowercase();
    let (source, copies) = (arns.rds("db", &id), arns.rds("db", &names_beside(&id, "lb")));
    let groups = ["og", "pg", "subgrp"].map(|kind| arns.rds(kind, "*"));
    let mut all = looks_at_instances(params)?;
    all.push(locks_instance(&source));
    let snapshots = match origin {
        Origin::Moment => None,
        Origin::Automated => Some(arns.rds("snapshot", &format!("rds:{id}-*"))),
        Origin::Snapshot(name) => Some(arns.rds("snapshot", &name.to_lowercase())),
        Origin::Fresh => Some(arns.rds("snapshot", &names_beside(&id, "sn"))),
    };
    let (call, from) = match &snapshots {
        None => ("rds:RestoreDBInstanceToPointInTime", source.clone()),
        Some(snapshots) => ("rds:RestoreDBInstanceFromDBSnapshot", snapshots.clone()),
    };
    let involved = groups.into_iter().chain([from, copies.clone()]);
    all.push(marked(Permission::new("RestoreCopy", [call], involved)));
    let mut made = vec![copies.clone()];
    if let Some(snapshots) = snapshots {
        let listed = [arns.rds("snapshot", "*"), arns.rds("db", "*")];
        all.push(Permission::new("LookAtSnapshots", ["rds:DescribeDBSnapshots"], listed));
        if *origin == Origin::Fresh {
            let call = Permission::new("MakeSnapshot", ["rds:CreateDBSnapshot"], [source, snapshots.clone()]);
            all.push(marked(call));
            let call = Permission::new("DeleteSnapshot", ["rds:DeleteDBSnapshot"], [snapshots.clone()]);
            all.push(of_a_run(call));
            made.push(snapshots);
        }
    }
    all.push(own_tags(Permission::new("TagWhatIsMade", ["rds:AddTagsToResource"], made)));
    let deletes = ["rds:DeleteDBInstance", "rds:ModifyDBInstance"];
    all.push(of_a_run(Permission::new("DeleteCopy", deletes, [copies])));
    Ok(all)
}

/// The copy stays, without the run's tags.
pub fn keeps_copy(params: &Params, target: &RdsInstanceTarget) -> Result<Vec<Permission>, OptionsError> {
    let copies = Arns::of(params)?.rds("db", &names_beside(&target.identifier, "lb"));
    let call = Permission::new("TakeTagsOffCopy", ["rds:RemoveTagsFromResource"], [copies]);
    Ok(vec![own_tags(of_a_run(call))])
}

/// The copy takes the source's name for a while.
pub fn promotes(params: &Params, target: &RdsInstanceTarget) -> Result<Vec<Permission>, OptionsError> {
    let arns = Arns::of(params)?;
    let id = target.identifier.to_lowercase();
    let (name, aside) = (arns.rds("db", &id), arns.rds("db", &names_beside(&id, "old")));
    let mut all = keeps_copy(params, target)?;
    // The name is the copy's meanwhile, which the run's tag tells.
    let call = |whose| Permission::new(whose, ["rds:ModifyDBInstance"], [name.clone(), aside.clone()]);
    all.push(released(call("RenameSource")));
    all.push(of_a_run(call("RenameCopy")));
    Ok(all)
}

/// What a drill on a DynamoDB table does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OfTable<'a> {
    /// The target.
    pub table: &'a str,
    /// Whether all of it is on a table of the drill's own.
    pub own: bool,
    /// Whether the copy is of a backup that the drill makes, and not of a moment.
    pub backup: bool,
    /// Whether the copy gets the source's settings back.
    pub puts_back: bool,
}

/// A table that is only read.
pub fn reads_indexes(params: &Params, table: &str) -> Result<Vec<Permission>, OptionsError> {
    let arns = Arns::of(params)?;
    let (table, indexes) = (arns.table(table), arns.table(&format!("{table}/index/*")));
    Ok(vec![
        Permission::new("LookAtTables", ["dynamodb:DescribeTable"], [table.clone()]),
        Permission::new("ReadIndexes", ["dynamodb:Query", "dynamodb:Scan"], [table, indexes]),
    ])
}

/// A copy of a table, what it is made from, and its deletion.
pub fn restores_table(params: &Params, does: OfTable<'_>) -> Result<Vec<Permission>, OptionsError> {
    let arns = Arns::of(params)?;
    let (target, copies) = (arns.table(does.table), arns.table(&own_names("copy")));
    let canary = arns.table(&own_names("canary"));
    let source = if does.own { &canary } else { &target };
    let owned: Vec<&String> = if does.own { vec![&canary, &copies] } else { vec![&copies] };
    let all_of = |tables: &[&String]| tables.iter().map(|arn| (*arn).clone()).collect::<Vec<_>>();

    let mut looked_at = all_of(&owned);
    looked_at.push(target.clone());
    let looks = ["DescribeContinuousBackups", "DescribeTable", "DescribeTimeToLive", "ListTagsOfResource"];
    let mut all = vec![
        Permission::new("LookAtTables", calls(looks), looked_at),
        Permission::new("ReadItems", calls(["BatchGetItem", "GetItem", "Scan"]), all_of(&[source, &copies])),
        Permission::new("CanaryItems", calls(["DeleteItem", "PutItem", "UpdateItem"]), all_of(&[source])),
        // AWS asks for these on the copy, for the restore itself.
        Permission::new(
            "FillCopy",
            calls(["BatchWriteItem", "DeleteItem", "GetItem", "PutItem", "Query", "Scan", "UpdateItem"]),
            all_of(&[&copies]),
        ),
    ];
    if !does.own {
        all.push(locks("dynamodb", ["TagResource", "UntagResource"], &target));
    }
    if does.backup {
        let backups = format!("{source}/backup/*");
        all.extend([
            Permission::new("MakeBackup", calls(["CreateBackup"]), all_of(&[source])),
            // Its list has no resource that a policy could name.
            Permission::new("ListBackups", calls(["ListBackups"]), ["*"]),
            Permission::new("DeleteBackup", calls(["DeleteBackup", "DescribeBackup"]), [backups.clone()]),
            Permission::new("RestoreCopy", calls(["RestoreTableFromBackup"]), [backups, copies.clone()]),
        ]);
    } else {
        let from = all_of(&[source, &copies]);
        all.push(Permission::new("RestoreCopy", calls(["RestoreTableToPointInTime"]), from));
    }
    if does.own {
        let made = all_of(&[&canary]);
        all.push(marked(Permission::new("MakeTable", calls(["CreateTable"]), made)));
    }
    if does.puts_back {
        // The source's own tags are among them: their keys are not known before.
        let settings = calls(["TagResource", "UpdateTable", "UpdateTimeToLive"]);
        all.push(Permission::new("PutSettingsBack", settings, all_of(&[&copies])));
        if does.own {
            let tags = Permission::new("TagWhatIsMade", calls(["TagResource"]), all_of(&[&canary]));
            all.push(own_tags(tags));
        }
    } else {
        all.push(own_tags(Permission::new("TagWhatIsMade", calls(["TagResource"]), all_of(&owned))));
    }
    // With its continuous backups on, AWS would keep a backup of what is deleted.
    let deletes = calls(["DeleteTable", "UpdateContinuousBackups"]);
    all.push(Permission::new("DeleteWhatIsMade", deletes, all_of(&owned)));
    Ok(all)
}

fn calls<const N: usize>(of_dynamodb: [&str; N]) -> Vec<String> {
    of_dynamodb.iter().map(|call| format!("dynamodb:{call}")).collect()
}
