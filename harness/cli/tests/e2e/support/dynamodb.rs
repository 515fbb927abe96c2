//! DynamoDB tables of a test's own, by single calls, and plans for them.

use std::time::Duration;

use serde_json::{Value, json};

use super::http::request_with;
use super::{External, eventually};

const LIMIT: Duration = Duration::from_secs(30);

/// A call that must succeed.
#[track_caller]
pub fn dynamodb(sandbox: &External, operation: &str, body: Value) -> Value {
    let headers =
        format!("Content-Type: application/x-amz-json-1.0\r\nX-Amz-Target: DynamoDB_20120810.{operation}");
    let (status, answer) = request_with(sandbox.endpoint(), "POST", "/", &headers, &body.to_string());
    assert_eq!(status, 200, "{operation} {body}: {answer}");
    // Some answer nothing but that it was done.
    if answer.is_empty() { Value::Null } else { serde_json::from_str(&answer).expect("JSON") }
}

/// A table `orders` to be made: 120 items, an index, time to live, a tag of somebody's, released for drills,
/// point-in-time recovery on.
pub struct Table<'a> {
    pub key: &'a str,
    pub key_type: &'a str,
    pub released: bool,
    pub recovery: bool,
    pub stream: bool,
}

impl Default for Table<'_> {
    fn default() -> Self {
        Self { key: "id", key_type: "S", released: true, recovery: true, stream: false }
    }
}

impl Table<'_> {
    /// Makes it and waits until it is as it shall be.
    pub fn make(&self, sandbox: &External) {
        let mut tags = vec![json!({ "Key": "team", "Value": "data" })];
        if self.released {
            tags.push(json!({ "Key": "lifeboat:drill", "Value": "allowed" }));
        }
        let mut table = json!({
            "TableName": "orders",
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [
                { "AttributeName": self.key, "AttributeType": self.key_type },
                { "AttributeName": "status", "AttributeType": "S" },
                { "AttributeName": "created_at", "AttributeType": "N" },
            ],
            "KeySchema": [{ "AttributeName": self.key, "KeyType": "HASH" }],
            "GlobalSecondaryIndexes": [{
                "IndexName": "by-status",
                "KeySchema": [
                    { "AttributeName": "status", "KeyType": "HASH" },
                    { "AttributeName": "created_at", "KeyType": "RANGE" },
                ],
                "Projection": { "ProjectionType": "KEYS_ONLY" },
            }],
            "Tags": tags,
        });
        if self.stream {
            table["StreamSpecification"] = json!({ "StreamEnabled": true, "StreamViewType": "KEYS_ONLY" });
        }
        dynamodb(sandbox, "CreateTable", table);
        await_active(sandbox);
        let items: Vec<Value> = (0..120).map(|n| json!({ "PutRequest": { "Item": self.item(n) } })).collect();
        for chunk in items.chunks(25) {
            dynamodb(sandbox, "BatchWriteItem", json!({ "RequestItems": { "orders": chunk } }));
        }
        dynamodb(
            sandbox,
            "UpdateTimeToLive",
            json!({
                "TableName": "orders",
                "TimeToLiveSpecification": { "AttributeName": "expires", "Enabled": true },
            }),
        );
        if self.recovery {
            dynamodb(
                sandbox,
                "UpdateContinuousBackups",
                json!({
                    "TableName": "orders",
                    "PointInTimeRecoverySpecification": { "PointInTimeRecoveryEnabled": true },
                }),
            );
        }
        eventually("time to live", LIMIT, || {
            let seen = dynamodb(sandbox, "DescribeTimeToLive", json!({ "TableName": "orders" }));
            let status = seen["TimeToLiveDescription"]["TimeToLiveStatus"].clone();
            if status == "ENABLED" { Ok(()) } else { Err(status.to_string()) }
        });
    }

    fn item(&self, n: u32) -> Value {
        let key = if self.key_type == "N" { n.to_string() } else { format!("order-{n:04}") };
        json!({
            self.key: { self.key_type: key },
            "status": { "S": if n.is_multiple_of(3) { "open" } else { "shipped" } },
            "created_at": { "N": (1_700_000_000 + n).to_string() },
            "text": { "S": format!("the order of customer {n}") },
        })
    }
}

fn await_active(sandbox: &External) {
    eventually("the table", LIMIT, || {
        let table = dynamodb(sandbox, "DescribeTable", json!({ "TableName": "orders" }));
        let status = table["Table"]["TableStatus"].clone();
        if status == "ACTIVE" { Ok(()) } else { Err(status.to_string()) }
    });
}

/// All that a drill could leave behind or change: the tables, every backup of any kind, the table's settings and items.
pub fn everything(sandbox: &External) -> Value {
    let orders = json!({ "TableName": "orders" });
    let mut table = dynamodb(sandbox, "DescribeTable", orders.clone())["Table"].clone();
    for passing in ["ItemCount", "TableSizeBytes"] {
        table.as_object_mut().expect("a table").remove(passing);
    }
    table["GlobalSecondaryIndexes"] = json!(table["GlobalSecondaryIndexes"][0]["IndexName"]);
    let arn = table["TableArn"].clone();
    let scanned = dynamodb(sandbox, "Scan", json!({ "TableName": "orders", "ConsistentRead": true }));
    let mut items: Vec<String> =
        scanned["Items"].as_array().expect("items").iter().map(Value::to_string).collect();
    items.sort();
    let recovery = dynamodb(sandbox, "DescribeContinuousBackups", orders.clone());
    json!({
        "tables": dynamodb(sandbox, "ListTables", json!({}))["TableNames"],
        "backups": dynamodb(sandbox, "ListBackups", json!({ "BackupType": "ALL" }))["BackupSummaries"],
        "table": table,
        "tags": dynamodb(sandbox, "ListTagsOfResource", json!({ "ResourceArn": arn })),
        "time to live": dynamodb(sandbox, "DescribeTimeToLive", orders),
        "recovery": recovery["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
            ["PointInTimeRecoveryStatus"],
        "items": items,
    })
}

/// A plan with the one drill `restore` on the table `orders`; `options` are further lines of the drill.
pub fn dynamodb_plan(scenario: &str, options: &str) -> String {
    format!(
        r#"
[environment]
name = "test"
provider = "sandbox"
endpoint = "${{AWS_ENDPOINT_URL}}"

[targets.orders]
kind = "dynamodb-table"
table = "orders"

[[drills]]
name = "restore"
scenario = "{scenario}"
target = "orders"
{options}
"#
    )
}
