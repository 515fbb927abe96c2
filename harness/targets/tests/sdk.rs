//! The SDK's own client against the sandbox's DynamoDB: it parses every answer, and takes every refusal for what it is.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BackupStatus, ContinuousBackupsStatus,
    CreateGlobalSecondaryIndexAction, GlobalSecondaryIndexUpdate, IndexStatus, KeySchemaElement, KeyType,
    KeysAndAttributes, PointInTimeRecoverySpecification, PointInTimeRecoveryStatus, Projection,
    ProjectionType, Put, ReturnValue, ScalarAttributeType, Tag, TimeToLiveSpecification, TimeToLiveStatus,
    TransactWriteItem,
};
use lifeboat_engine::wait_for;
use support::{Item, active, create, n, put_all, s, sandbox, sdk};

fn item(customer: &str, number: u32) -> Item {
    Item::from([
        ("pk".to_owned(), s(customer)),
        ("sk".to_owned(), n(number)),
        ("state".to_owned(), s(if number.is_multiple_of(2) { "even" } else { "odd" })),
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn items_of_every_type_are_read_as_they_were_written() {
    let sandbox = sandbox().await;
    let client = sdk(&sandbox.endpoint());
    create(&client, "types").await;
    let blob = |bytes: &[u8]| Blob::new(bytes);
    let mut all = item("a", 1);
    all.extend([
        ("n".to_owned(), n("-1.2345678901234567890123456789012345678e-100")),
        ("b".to_owned(), AttributeValue::B(blob(&[0, 255, 10]))),
        ("bool".to_owned(), AttributeValue::Bool(false)),
        ("null".to_owned(), AttributeValue::Null(true)),
        ("list".to_owned(), AttributeValue::L(vec![s("é\n\""), AttributeValue::L(vec![])])),
        ("map".to_owned(), AttributeValue::M(Item::from([("".to_owned(), s(""))]))),
        ("ss".to_owned(), AttributeValue::Ss(vec!["a".into(), "b".into()])),
        ("ns".to_owned(), AttributeValue::Ns(vec!["1".into(), "2.5".into()])),
        ("bs".to_owned(), AttributeValue::Bs(vec![blob(&[1]), blob(&[2])])),
    ]);
    client.put_item().table_name("types").set_item(Some(all.clone())).send().await.unwrap();
    let key = |call: aws_sdk_dynamodb::operation::get_item::builders::GetItemFluentBuilder| {
        call.table_name("types").key("pk", s("a")).key("sk", n("1.0"))
    };
    let mut read = key(client.get_item()).send().await.unwrap().item.unwrap();
    let spelled = read.insert("n".to_owned(), all["n"].clone()).unwrap();
    assert_eq!(spelled.as_n().unwrap().parse::<f64>().unwrap(), -1.234_567_890_123_456_8e-100);
    assert_eq!(read, all);

    let updated = client
        .update_item()
        .table_name("types")
        .key("pk", s("a"))
        .key("sk", n(1))
        .update_expression("SET #n = if_not_exists(visits, :zero) + :one REMOVE ss")
        .expression_attribute_names("#n", "visits")
        .expression_attribute_values(":zero", n(0))
        .expression_attribute_values(":one", n(1))
        .return_values(ReturnValue::AllNew);
    let after = updated.send().await.unwrap().attributes.unwrap();
    assert_eq!((after.get("visits"), after.get("ss")), (Some(&n(1)), None));

    let again = client
        .put_item()
        .table_name("types")
        .set_item(Some(item("a", 1)))
        .condition_expression("attribute_not_exists(pk)");
    let refusal = again.send().await.unwrap_err().into_service_error();
    assert!(refusal.is_conditional_check_failed_exception(), "{refusal:?}");

    let put = |number| {
        let put = Put::builder().table_name("types").set_item(Some(item("t", number)));
        let put = put.condition_expression("attribute_not_exists(pk)").build().unwrap();
        TransactWriteItem::builder().put(put).build()
    };
    client.transact_write_items().transact_items(put(1)).transact_items(put(2)).send().await.unwrap();
    let refusal = client.transact_write_items().transact_items(put(2)).transact_items(put(3)).send().await;
    let refusal = refusal.unwrap_err().into_service_error();
    assert!(refusal.is_transaction_canceled_exception(), "{refusal:?}");
    let keys =
        (1..=3).map(|number| Item::from([("pk".to_owned(), s("t")), ("sk".to_owned(), n(number))])).collect();
    let keys = KeysAndAttributes::builder().set_keys(Some(keys)).build().unwrap();
    let found = client.batch_get_item().request_items("types", keys).send().await.unwrap();
    assert_eq!(found.responses.unwrap()["types"].len(), 2);

    let unknown = client.list_exports().send().await.unwrap_err();
    assert_eq!(unknown.code(), Some("UnknownOperationException"));
    sandbox.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_scans_and_indexes_are_paged_through() {
    let sandbox = sandbox().await;
    let client = sdk(&sandbox.endpoint());
    create(&client, "pages").await;
    put_all(&client, "pages", (0..100).map(|number| item(&format!("c{}", number % 4), number))).await;
    let query = client
        .query()
        .table_name("pages")
        .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
        .expression_attribute_values(":pk", s("c1"))
        .expression_attribute_values(":from", n(10))
        .expression_attribute_values(":to", n(60))
        .limit(5);
    let mut pages = query.into_paginator().items().send();
    let mut sorted = Vec::new();
    while let Some(found) = pages.next().await {
        sorted.push(found.unwrap()["sk"].as_n().unwrap().parse::<u32>().unwrap());
    }
    assert_eq!(sorted, (10..=60).filter(|number| number % 4 == 1).collect::<Vec<_>>());
    let mut count = 0;
    for segment in 0..3 {
        let scan = client.scan().table_name("pages").segment(segment).total_segments(3).limit(7);
        let mut pages = scan.into_paginator().items().send();
        while let Some(found) = pages.next().await {
            found.unwrap();
            count += 1;
        }
    }
    assert_eq!(count, 100);

    let key =
        |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
    let attribute = |name: &str, kind| {
        AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build().unwrap()
    };
    let index = CreateGlobalSecondaryIndexAction::builder()
        .index_name("by-state")
        .key_schema(key("state", KeyType::Hash))
        .key_schema(key("sk", KeyType::Range))
        .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build());
    let change = GlobalSecondaryIndexUpdate::builder().create(index.build().unwrap()).build();
    let update = client
        .update_table()
        .table_name("pages")
        .attribute_definitions(attribute("pk", ScalarAttributeType::S))
        .attribute_definitions(attribute("sk", ScalarAttributeType::N))
        .attribute_definitions(attribute("state", ScalarAttributeType::S))
        .global_secondary_index_updates(change);
    update.send().await.unwrap();
    let ready = || async {
        let table = client.describe_table().table_name("pages").send().await.unwrap().table.unwrap();
        match table.global_secondary_indexes().first().and_then(|index| index.index_status()) {
            Some(IndexStatus::Active) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    };
    wait_for("the index", Duration::from_millis(5), Duration::from_secs(20), ready).await.unwrap();
    let query = client
        .query()
        .table_name("pages")
        .index_name("by-state")
        .key_condition_expression("#s = :s")
        .expression_attribute_names("#s", "state")
        .expression_attribute_values(":s", s("odd"));
    assert_eq!(query.send().await.unwrap().count(), 50);
    sandbox.shutdown().await.unwrap();
}

/// The status of a restore: what is asked for is there, and active.
async fn restored(client: &Client, table: &str) -> i32 {
    active(client, table).await;
    client.scan().table_name(table).send().await.unwrap().count()
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_backups_and_restores_are_understood() {
    let sandbox = sandbox().await;
    let client = sdk(&sandbox.endpoint());
    create(&client, "kept").await;
    put_all(&client, "kept", (0..10).map(|number| item("a", number))).await;

    let ttl = TimeToLiveSpecification::builder().enabled(true).attribute_name("expires").build().unwrap();
    client.update_time_to_live().table_name("kept").time_to_live_specification(ttl).send().await.unwrap();
    let shown = client.describe_time_to_live().table_name("kept").send().await.unwrap();
    let status = shown.time_to_live_description().and_then(|ttl| ttl.time_to_live_status()).cloned();
    assert!(matches!(status, Some(TimeToLiveStatus::Enabling | TimeToLiveStatus::Enabled)), "{status:?}");
    let arn =
        client.describe_table().table_name("kept").send().await.unwrap().table.unwrap().table_arn.unwrap();
    let tag = Tag::builder().key("team").value("a").build().unwrap();
    client.tag_resource().resource_arn(&arn).tags(tag.clone()).send().await.unwrap();
    assert_eq!(client.list_tags_of_resource().resource_arn(&arn).send().await.unwrap().tags(), [tag]);

    let on =
        PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(true).build().unwrap();
    let enabled = client.update_continuous_backups().table_name("kept");
    enabled.point_in_time_recovery_specification(on).send().await.unwrap();
    let window = || async {
        let shown = client.describe_continuous_backups().table_name("kept").send().await.unwrap();
        let shown = shown.continuous_backups_description.unwrap();
        assert_eq!(shown.continuous_backups_status, ContinuousBackupsStatus::Enabled);
        let window = shown.point_in_time_recovery_description.unwrap();
        assert_eq!(window.point_in_time_recovery_status, Some(PointInTimeRecoveryStatus::Enabled));
        let (from, to) =
            (window.earliest_restorable_date_time.unwrap(), window.latest_restorable_date_time.unwrap());
        if from < to { Ok(to) } else { Err(format!("{from} to {to}")) }
    };
    let every = Duration::from_millis(20);
    let latest = wait_for("the window to grow", every, Duration::from_secs(20), window).await.unwrap();
    let restore = client
        .restore_table_to_point_in_time()
        .source_table_name("kept")
        .target_table_name("then")
        .restore_date_time(latest);
    let described = restore.send().await.unwrap().table_description.unwrap();
    assert!(described.restore_summary.unwrap().restore_in_progress);
    assert_eq!(restored(&client, "then").await, 10);

    let made = client.create_backup().table_name("kept").backup_name("before").send().await.unwrap();
    let backup = made.backup_details.unwrap().backup_arn;
    let available = || async {
        let shown =
            client.describe_backup().backup_arn(&backup).send().await.unwrap().backup_description.unwrap();
        match shown.backup_details.unwrap().backup_status {
            BackupStatus::Available => Ok(()),
            other => Err(other),
        }
    };
    wait_for("the backup", every, Duration::from_secs(20), available).await.unwrap();
    let restore = client.restore_table_from_backup().backup_arn(&backup).target_table_name("back");
    restore.send().await.unwrap();
    assert_eq!(restored(&client, "back").await, 10);
    let listed = client.list_backups().table_name("kept").send().await.unwrap();
    assert_eq!(listed.backup_summaries().len(), 1);
    client.delete_backup().backup_arn(&backup).send().await.unwrap();

    let far = aws_sdk_dynamodb::primitives::DateTime::from_secs(4_000_000_000);
    let late = client
        .restore_table_to_point_in_time()
        .source_table_name("kept")
        .target_table_name("never")
        .restore_date_time(far);
    let refusal = late.send().await.unwrap_err();
    assert!(
        matches!(&refusal, SdkError::ServiceError(error) if error.err().is_invalid_restore_time_exception())
    );
    client.delete_table().table_name("then").send().await.unwrap();
    let gone = || async {
        match client.describe_table().table_name("then").send().await {
            Err(error)
                if error.as_service_error().is_some_and(|error| error.is_resource_not_found_exception()) =>
            {
                Ok(())
            }
            other => Err(format!("{other:?}")),
        }
    };
    wait_for("the table to go", every, Duration::from_secs(20), gone).await.unwrap();
    sandbox.shutdown().await.unwrap();
}
