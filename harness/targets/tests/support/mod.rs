//! A sandbox in this process, the SDK's client of it, and what its admin endpoint is told.
#![allow(dead_code, reason = "no test needs all of it")]

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, PutRequest,
    ScalarAttributeType, TableStatus, WriteRequest,
};
use lifeboat_engine::wait_for;
use lifeboat_model::{Environment, Provider};
use lifeboat_sandbox::{Config, RuntimeChoice, Sandbox};
use lifeboat_targets::Aws;
use lifeboat_targets::dynamodb::Dynamo;

pub type Item = HashMap<String, AttributeValue>;

pub fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub fn n(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

pub async fn sandbox() -> Sandbox {
    Sandbox::start(Config { runtime: RuntimeChoice::Native, ..Config::default() }).await.unwrap()
}

/// Asks a sandbox's admin endpoint; gives the answer's body, which must be a success.
pub fn admin(endpoint: &str, method: &str, what: &str, body: &str) -> String {
    let address = endpoint.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let request = format!(
        "{method} /_sandbox/{what} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

/// How many calls of this action a sandbox has answered.
pub fn calls_of(endpoint: &str, action: &str) -> usize {
    let calls: serde_json::Value = serde_json::from_str(&admin(endpoint, "GET", "calls", "")).unwrap();
    calls.as_array().unwrap().iter().filter(|call| call["action"] == action).count()
}

/// The SDK's own client, as a user of it sets it up.
pub fn sdk(endpoint: &str) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("sandbox", "sandbox", None, None, "test"))
        .endpoint_url(endpoint)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Client::from_conf(config)
}

/// The harness's client.
pub async fn dynamo(endpoint: &str) -> Dynamo {
    let environment = Environment {
        endpoint: Some(endpoint.to_owned()),
        ..Environment::new("test", Provider::Sandbox, "us-east-1")
    };
    Dynamo::new(&Aws::connect(&environment).await)
}

/// A table with the key `pk` (text), `sk` (number), once it is active.
pub async fn create(client: &Client, table: &str) {
    let attribute = |name: &str, kind| {
        AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build().unwrap()
    };
    let key =
        |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
    let call = client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(attribute("pk", ScalarAttributeType::S))
        .attribute_definitions(attribute("sk", ScalarAttributeType::N))
        .key_schema(key("pk", KeyType::Hash))
        .key_schema(key("sk", KeyType::Range));
    call.send().await.unwrap();
    active(client, table).await;
}

/// Waits until a table is active.
pub async fn active(client: &Client, table: &str) {
    let look = || async {
        let described = client.describe_table().table_name(table).send().await.unwrap();
        match described.table().and_then(|table| table.table_status()) {
            Some(TableStatus::Active) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    };
    wait_for("the table to be active", Duration::from_millis(5), Duration::from_secs(20), look)
        .await
        .unwrap();
}

/// Writes items in batches.
pub async fn put_all(client: &Client, table: &str, items: impl IntoIterator<Item = Item>) {
    let mut requests: Vec<WriteRequest> = Vec::new();
    let mut items = items.into_iter().peekable();
    while let Some(item) = items.next() {
        let put = PutRequest::builder().set_item(Some(item)).build().unwrap();
        requests.push(WriteRequest::builder().put_request(put).build());
        if requests.len() == 25 || items.peek().is_none() {
            let batch = std::mem::take(&mut requests);
            let answer = client.batch_write_item().request_items(table, batch).send().await.unwrap();
            assert!(answer.unprocessed_items().is_none_or(HashMap::is_empty));
        }
    }
}
