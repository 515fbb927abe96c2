//! The calls, by a name of their own, and the actions of AWS that each may name when it fails.

use std::collections::BTreeMap;
use std::time::Duration;

use lifeboat_engine::Clock;
use lifeboat_model::ItemKey;
use lifeboat_targets::dynamodb::{Dynamo, Mark, NewTable, Texts};
use lifeboat_targets::rds::Rds;
use lifeboat_targets::{Aws, AwsError};
use serde_json::json;
use time::OffsetDateTime;

pub const CALLS: &[(&str, &[&str])] = &[
    ("caller", &["GetCallerIdentity"]),
    ("describe instance", &["DescribeDBInstances"]),
    ("find instance", &["DescribeDBInstances"]),
    ("all instances", &["DescribeDBInstances"]),
    ("events", &["DescribeEvents"]),
    ("find snapshot", &["DescribeDBSnapshots"]),
    ("manual snapshots", &["DescribeDBSnapshots"]),
    ("latest snapshot", &["DescribeDBSnapshots"]),
    ("create snapshot", &["CreateDBSnapshot"]),
    ("reboot", &["RebootDBInstance"]),
    ("rename", &["ModifyDBInstance"]),
    ("describe table", &["DescribeTable"]),
    ("find table", &["DescribeTable"]),
    ("tables", &["ListTables"]),
    ("create table", &["CreateTable"]),
    ("settings", &["DescribeTable", "DescribeTimeToLive", "DescribeContinuousBackups", "ListTagsOfResource"]),
    ("recovery", &["DescribeContinuousBackups"]),
    ("backups", &["ListBackups"]),
    ("create backup", &["CreateBackup"]),
    ("restore table", &["RestoreTableToPointInTime"]),
    ("get item", &["GetItem"]),
    ("put item", &["PutItem"]),
    ("delete item", &["DeleteItem"]),
    ("server clock", &["DescribeTable", "GetItem", "server", "Date"]),
];

#[derive(Clone)]
pub struct Clients {
    aws: Aws,
    rds: Rds,
    dynamo: Dynamo,
}

fn key() -> ItemKey {
    [("pk".to_owned(), json!({ "S": "a" })), ("sk".to_owned(), json!({ "N": "1" }))].into()
}

impl Clients {
    pub fn new(aws: &Aws) -> Self {
        Self { aws: aws.clone(), rds: Rds::new(aws), dynamo: Dynamo::new(aws) }
    }

    pub async fn call(&self, name: &str) -> Result<(), String> {
        let (rds, dynamo) = (&self.rds, &self.dynamo);
        let hour = Duration::from_secs(3_600);
        let since = OffsetDateTime::now_utc() - hour;
        let mark = Mark { attribute: "run".into(), run: "r".into() };
        let ended: Result<(), AwsError> = match name {
            "caller" => self.aws.caller().await.map(drop),
            "describe instance" => rds.describe("orders").await.map(drop),
            "find instance" => rds.find("orders").await.map(drop),
            "all instances" => rds.instances().await.map(drop),
            "events" => rds.events("orders", since).await.map(drop),
            "find snapshot" => rds.find_snapshot("s").await.map(drop),
            "manual snapshots" => rds.manual_snapshots().await.map(drop),
            "latest snapshot" => rds.latest_automated_snapshot("db-X").await.map(drop),
            "create snapshot" => rds.create_snapshot("orders", "s", &BTreeMap::new()).await.map(drop),
            "reboot" => rds.force_failover("orders").await,
            "rename" => rds.rename("nobody", "another").await,
            "describe table" => dynamo.describe("carts").await.map(drop),
            "find table" => dynamo.find("carts").await.map(drop),
            "tables" => dynamo.tables().await.map(drop),
            "create table" => {
                let table = NewTable { name: "more".into(), key: "pk".into(), tags: vec![] };
                dynamo.create(&table).await.map(drop)
            }
            "settings" => match dynamo.describe("carts").await {
                Ok(table) => dynamo.settings(&table).await.map(drop),
                Err(error) => Err(error),
            },
            "recovery" => dynamo.recovery("carts").await.map(drop),
            "backups" => dynamo.all_backups().await.map(drop),
            "create backup" => dynamo.create_backup("carts", "b").await.map(drop),
            "restore table" => dynamo.restore_to("carts", "then", since).await.map(drop),
            "get item" => dynamo.get("carts", &key()).await.map(drop),
            "put item" => {
                let texts = Texts::from([("run".to_owned(), "r".to_owned())]);
                dynamo.put_new("carts", &key(), &texts).await
            }
            "delete item" => dynamo.delete_own("carts", &key(), &mark).await,
            "server clock" => {
                let clock = Clock::start();
                let asked = dynamo.server_clock("carts", || clock.now()).await;
                return asked.map(drop).map_err(|error| error.to_string());
            }
            other => panic!("there is no call `{other}`"),
        };
        ended.map_err(|error| error.to_string())
    }
}
