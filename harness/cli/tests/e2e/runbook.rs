//! An operator's session: the real AWS CLI, with its own waiters, goes through the runbook against `lifeboat sandbox up`.
//!
//! Its waiters poll every 20 or 30 s. What takes the sandbox longer than the CLI's own start is asked for first and waited
//! for after something else was done.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Aws, Database, External, Lab, eventually, rows};

const SEED: &str = r#"
[[instances]]
identifier = "orders"
multi_az = true
max_connections = 60
master_user = "drill"
database = "app"
sql = ["CREATE TABLE experiments (id int PRIMARY KEY); INSERT INTO experiments SELECT generate_series(1, 100);"]
"#;
const MINUTE: Duration = Duration::from_secs(60);
const TABLE: &str = "config-versions-test";

fn instance(aws: &Aws<'_>, name: &str) -> Value {
    let told = aws.told(&format!("rds describe-db-instances --db-instance-identifier {name}"));
    told["DBInstances"][0].clone()
}

fn one(database: &Database, query: &str) -> String {
    rows(database, query).expect(query).concat()
}

fn experiments(database: &Database) -> String {
    one(database, "SELECT count(*) FROM experiments")
}

fn fails_over(aws: &Aws<'_>, sandbox: &External) {
    let before = instance(aws, "orders");
    assert_eq!((&before["DBInstanceStatus"], &before["MultiAZ"]), (&"available".into(), &true.into()));
    aws.does("rds reboot-db-instance --db-instance-identifier orders --force-failover");
    aws.does("rds wait db-instance-available --db-instance-identifier orders");
    let events =
        aws.told("rds describe-events --source-identifier orders --source-type db-instance --duration 1440");
    let events = events["Events"].as_array().expect("a list");
    let messages: Vec<_> = events.iter().filter_map(|event| event["Message"].as_str()).collect();
    for message in ["Multi-AZ instance failover started.", "Multi-AZ instance failover completed"] {
        assert!(messages.contains(&message), "{messages:?}");
    }
    let after = instance(aws, "orders");
    assert_eq!(after["AvailabilityZone"], before["SecondaryAvailabilityZone"]);
    assert_eq!(after["Endpoint"], before["Endpoint"]);
    let orders = sandbox.database("orders");
    assert_eq!(after["Endpoint"]["Port"], orders.port);
    assert_eq!(one(&orders, "SELECT 1"), "1");
}

/// A second after the disaster's eve and before the disaster, on the server's clock, as the CLI takes it.
fn moment_before_a_disaster(orders: &Database) -> String {
    one(orders, "INSERT INTO experiments VALUES (101)");
    let at = one(orders, "SELECT extract(epoch FROM date_trunc('second', clock_timestamp()))::bigint + 2");
    let passed = format!("SELECT clock_timestamp() > to_timestamp({at} + 1)");
    eventually("the moment has passed", MINUTE, || match one(orders, &passed).as_str() {
        "t" => Ok(()),
        other => Err(other.to_owned()),
    });
    one(orders, "DELETE FROM experiments WHERE id > 50");
    let text = "YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"";
    one(orders, &format!("SELECT to_char(to_timestamp({at}) AT TIME ZONE 'UTC', '{text}')"))
}

fn begins_restores(aws: &Aws<'_>, moment: &str) {
    aws.does(
        "rds create-db-subnet-group --db-subnet-group-name private --db-subnet-group-description of-the-database \
         --subnet-ids subnet-a subnet-b",
    );
    aws.does("rds wait db-snapshot-available --db-snapshot-identifier orders-2026-11-21");
    let listed = aws.told("rds describe-db-snapshots --db-instance-identifier orders --snapshot-type manual");
    assert_eq!(listed["DBSnapshots"][0]["Status"], "available");
    assert!(listed["DBSnapshots"][0]["SnapshotCreateTime"].is_string(), "{listed}");
    aws.does(
        "rds restore-db-instance-from-db-snapshot --db-instance-identifier orders-dr-test \
         --db-snapshot-identifier orders-2026-11-21 --db-subnet-group-name private --vpc-security-group-ids sg-1 sg-2 \
         --db-instance-class db.t3.small",
    );
    // Times in the same form and zone can be compared as text.
    eventually("the restorable time reaches the moment", MINUTE, || {
        let now = instance(aws, "orders")["LatestRestorableTime"].as_str().expect("a time").to_owned();
        if now.trim_end_matches("+00:00") > moment.trim_end_matches('Z') { Ok(()) } else { Err(now) }
    });
    aws.does(&format!(
        "rds restore-db-instance-to-point-in-time --source-db-instance-identifier orders \
         --target-db-instance-identifier orders-pitr --restore-time {moment} --db-subnet-group-name private \
         --vpc-security-group-ids sg-1 sg-2 --db-instance-class db.t3.small --no-multi-az"
    ));
}

fn proves_restores(aws: &Aws<'_>, sandbox: &External) {
    aws.does("rds wait db-instance-available --db-instance-identifier orders-dr-test");
    aws.does("rds wait db-instance-available --db-instance-identifier orders-pitr");
    for (name, count) in [("orders-dr-test", "100"), ("orders-pitr", "101"), ("orders", "50")] {
        assert_eq!(experiments(&sandbox.database(name)), count, "{name}");
    }
    let copy = instance(aws, "orders-pitr");
    assert_eq!(copy["DBInstanceClass"], "db.t3.small");
    assert_eq!(copy["DBSubnetGroup"]["DBSubnetGroupName"], "private");
    assert_eq!(copy["VpcSecurityGroups"].as_array().expect("a list").len(), 2);
    assert_eq!(copy["MultiAZ"], false);
}

fn promotes(aws: &Aws<'_>, sandbox: &External) {
    let address = sandbox.database("orders");
    for (from, to) in [("orders", "orders-old"), ("orders-pitr", "orders")] {
        aws.does(&format!(
            "rds modify-db-instance --db-instance-identifier {from} --new-db-instance-identifier {to} --apply-immediately"
        ));
        aws.does(&format!("rds wait db-instance-available --db-instance-identifier {to}"));
    }
    assert_eq!(experiments(&address), "101", "services that know the name reach the copy");
    assert_eq!(experiments(&sandbox.database("orders-old")), "50");
}

fn begins_deletions(aws: &Aws<'_>) {
    aws.does("rds delete-db-instance --db-instance-identifier orders-old --final-db-snapshot-identifier orders-last");
    aws.does("rds delete-db-instance --db-instance-identifier orders-dr-test --skip-final-snapshot");
    aws.does("rds delete-db-snapshot --db-snapshot-identifier orders-2026-11-21");
}

fn proves_deletions(aws: &Aws<'_>) {
    aws.does("rds wait db-snapshot-deleted --db-snapshot-identifier orders-2026-11-21");
    aws.does("rds wait db-instance-deleted --db-instance-identifier orders-old");
    aws.does("rds wait db-instance-deleted --db-instance-identifier orders-dr-test");
    aws.does("rds wait db-snapshot-available --db-snapshot-identifier orders-last");
    let refusal = aws.refused("rds describe-db-instances --db-instance-identifier orders-old");
    assert!(refusal.contains("DBInstanceNotFound"), "{refusal}");
}

fn puts(aws: &Aws<'_>, table: &str, id: &str, hash: &str) {
    let item = format!(
        r#"{{"strategy_name":{{"S":"mean"}},"config_id":{{"S":"{id}"}},"config_hash":{{"S":"{hash}"}}}}"#
    );
    aws.does_with(&format!("dynamodb put-item --table-name {table} --item"), &item);
}

/// Whether an item with this key is in the table.
fn has(aws: &Aws<'_>, table: &str, id: &str) -> bool {
    let key = format!(r#"{{"strategy_name":{{"S":"mean"}},"config_id":{{"S":"{id}"}}}}"#);
    let found = aws.told_with(&format!("dynamodb get-item --table-name {table} --key"), &key);
    !found["Item"].is_null()
}

/// How many items a query on the index finds.
fn by_hash(aws: &Aws<'_>, table: &str, hash: &str) -> Value {
    let query = format!(
        "dynamodb query --table-name {table} --index-name config_hash-index \
         --key-condition-expression config_hash=:h --expression-attribute-values"
    );
    aws.told_with(&query, &format!(r#"{{":h":{{"S":"{hash}"}}}}"#))["Count"].clone()
}

fn makes_a_table(aws: &Aws<'_>) {
    let index = r#"[{"IndexName":"config_hash-index","KeySchema":[{"AttributeName":"config_hash","KeyType":"HASH"}],"Projection":{"ProjectionType":"ALL"}}]"#;
    let create = format!(
        "dynamodb create-table --table-name {TABLE} --billing-mode PAY_PER_REQUEST --attribute-definitions \
         AttributeName=strategy_name,AttributeType=S AttributeName=config_id,AttributeType=S \
         AttributeName=config_hash,AttributeType=S --key-schema AttributeName=strategy_name,KeyType=HASH \
         AttributeName=config_id,KeyType=RANGE --global-secondary-indexes"
    );
    aws.does_with(&create, index);
    aws.does(&format!("dynamodb wait table-exists --table-name {TABLE}"));
    puts(aws, TABLE, "first", "a");
    aws.does(&format!(
        "dynamodb update-continuous-backups --table-name {TABLE} \
         --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true"
    ));
    aws.does(&format!("dynamodb create-backup --table-name {TABLE} --backup-name {TABLE}-2026-11-21"));
}

fn restores_a_table(aws: &Aws<'_>) {
    // As the CLI of version 1 prints it: seconds since 1970.
    let latest = || {
        let told = aws.told(&format!("dynamodb describe-continuous-backups --table-name {TABLE}"));
        let window = &told["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"];
        window["LatestRestorableDateTime"].as_f64().expect("a time")
    };
    puts(aws, TABLE, "second", "b");
    // The end is a whole second that trails the clock by less than two: one so much later is after the write.
    let before = latest();
    let latest = eventually("the window reaches beyond the write", MINUTE, || match latest() {
        now if now > before + 2.0 => Ok(now),
        now => Err(now),
    });
    aws.does_with(
        &format!("dynamodb delete-item --table-name {TABLE} --key"),
        r#"{"strategy_name":{"S":"mean"},"config_id":{"S":"second"}}"#,
    );
    aws.does(&format!(
        "dynamodb restore-table-to-point-in-time --source-table-name {TABLE} --target-table-name {TABLE}-restored \
         --restore-date-time {latest}"
    ));
    let backups = aws.told(&format!("dynamodb list-backups --table-name {TABLE}"));
    let backup = &backups["BackupSummaries"][0];
    assert_eq!(backup["BackupStatus"], "AVAILABLE", "{backups}");
    let arn = backup["BackupArn"].as_str().expect("an ARN");
    aws.does(&format!(
        "dynamodb restore-table-from-backup --target-table-name {TABLE}-copy --backup-arn {arn}"
    ));
    for copy in ["restored", "copy"] {
        aws.does(&format!("dynamodb wait table-exists --table-name {TABLE}-{copy}"));
    }
    let (restored, copy) = (format!("{TABLE}-restored"), format!("{TABLE}-copy"));
    let present = |table: &str| (has(aws, table, "first"), has(aws, table, "second"));
    assert_eq!(present(TABLE), (true, false));
    assert_eq!(present(&restored), (true, true), "as it was before the deletion");
    assert_eq!(present(&copy), (true, false), "as it was when the backup was made");
    assert_eq!((by_hash(aws, &restored, "b"), by_hash(aws, &copy, "b")), (1.into(), 0.into()));
    for table in [restored, copy] {
        aws.does(&format!("dynamodb delete-table --table-name {table}"));
        aws.does(&format!("dynamodb wait table-not-exists --table-name {table}"));
    }
    assert_eq!(aws.told("dynamodb list-tables")["TableNames"], serde_json::json!([TABLE]));
}

#[test]
fn an_operator_goes_through_the_runbook() {
    let lab = Lab::new();
    let sandbox = External::start(&lab, SEED);
    let aws = Aws::new(&lab, &sandbox);
    let began = Instant::now();
    fails_over(&aws, &sandbox);
    aws.does(
        "rds create-db-snapshot --db-instance-identifier orders --db-snapshot-identifier orders-2026-11-21",
    );
    aws.does("rds wait db-instance-available --db-instance-identifier orders");
    let moment = moment_before_a_disaster(&sandbox.database("orders"));
    begins_restores(&aws, &moment);
    makes_a_table(&aws);
    proves_restores(&aws, &sandbox);
    promotes(&aws, &sandbox);
    begins_deletions(&aws);
    restores_a_table(&aws);
    proves_deletions(&aws);
    println!("{} calls of the AWS CLI in {:.1} s", aws.calls(), began.elapsed().as_secs_f64());
    sandbox.stop(&lab);
}
