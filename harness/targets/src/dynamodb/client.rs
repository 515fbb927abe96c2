//! Calls to Amazon DynamoDB about whole tables.
//!
//! A call that changes something is made once; what came of one without an answer is read, by the caller, before it is
//! made again.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TableDescription, Tag,
};
use lifeboat_engine::wait_for;
use std::time::Duration;
use time::OffsetDateTime;

use super::TableView;
use super::times::to_sdk;
use crate::pages::Pages;
use crate::{Aws, AwsError, Effect};

/// Amazon DynamoDB as one caller sees it.
#[derive(Debug, Clone)]
pub struct Dynamo {
    client: Client,
    aws: Aws,
}

/// A table to be made: its partition key is a text, it is billed by request.
#[derive(Debug, Clone)]
pub struct NewTable {
    /// Its name.
    pub name: String,
    /// The name of its partition key.
    pub key: String,
    /// Its tags.
    pub tags: Vec<(String, String)>,
}

impl Dynamo {
    /// Through a control plane's connection.
    pub fn new(aws: &Aws) -> Self {
        Self { client: aws.dynamodb(), aws: aws.clone() }
    }

    /// The connection that it uses.
    pub fn aws(&self) -> &Aws {
        &self.aws
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// DescribeTable, tried again where that may help.
    ///
    /// # Errors
    /// [`AwsError`]; code `ResourceNotFoundException` where there is none.
    pub async fn describe(&self, table: &str) -> Result<TableView, AwsError> {
        const CALL: &str = "DescribeTable";
        let answer = self
            .aws
            .read(|| async {
                let sent = self.client.describe_table().table_name(table).send().await;
                sent.map_err(|error| AwsError::of(CALL, &error))
            })
            .await?;
        answer.table().map(TableView::of).ok_or_else(|| AwsError {
            call: CALL,
            code: "no-answer".into(),
            message: format!("the answer holds no table `{table}`"),
            effect: Effect::None,
        })
    }

    /// The same; `None` where there is no table of that name.
    ///
    /// # Errors
    /// [`AwsError`].
    pub async fn find(&self, table: &str) -> Result<Option<TableView>, AwsError> {
        match self.describe(table).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.code == "ResourceNotFoundException" => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The names of all tables, on all pages.
    ///
    /// # Errors
    /// [`AwsError`].
    pub async fn tables(&self) -> Result<Vec<String>, AwsError> {
        let mut found = Vec::new();
        let (mut after, mut pages): (Option<String>, _) = (None, Pages::default());
        loop {
            let page = self
                .aws
                .read(|| async {
                    let sent =
                        self.client.list_tables().set_exclusive_start_table_name(after.clone()).send().await;
                    sent.map_err(|error| AwsError::of("ListTables", &error))
                })
                .await?;
            found.extend(page.table_names().iter().cloned());
            after = pages.next("ListTables", page.last_evaluated_table_name())?;
            if after.is_none() {
                return Ok(found);
            }
        }
    }

    /// Waits until a table is active and not being restored any more.
    ///
    /// # Errors
    /// What was seen last.
    pub async fn await_ready(
        &self,
        table: &str,
        every: Duration,
        limit: Duration,
    ) -> Result<TableView, String> {
        wait_for(format!("table `{table}` to be ACTIVE"), every, limit, || async {
            match self.describe(table).await {
                Ok(found) if found.is_ready() => Ok(found),
                Ok(found) => Err(format!("status {}", found.status)),
                Err(error) => Err(error.to_string()),
            }
        })
        .await
        .map_err(|error| error.to_string())
    }

    /// CreateTable, with one attempt; the new table.
    ///
    /// # Errors
    /// [`AwsError`]; its effect says whether it may be under way.
    pub async fn create(&self, table: &NewTable) -> Result<TableView, AwsError> {
        const CALL: &str = "CreateTable";
        let incomplete = |error: &dyn std::fmt::Display| AwsError {
            call: CALL,
            code: "not-sent".into(),
            message: error.to_string(),
            effect: Effect::None,
        };
        let key = KeySchemaElement::builder().attribute_name(&table.key).key_type(KeyType::Hash).build();
        let attribute = AttributeDefinition::builder()
            .attribute_name(&table.key)
            .attribute_type(ScalarAttributeType::S)
            .build();
        let mut call = self
            .client
            .create_table()
            .table_name(&table.name)
            .key_schema(key.map_err(|error| incomplete(&error))?)
            .attribute_definitions(attribute.map_err(|error| incomplete(&error))?)
            .billing_mode(BillingMode::PayPerRequest);
        for (key, value) in &table.tags {
            let tag = Tag::builder().key(key).value(value).build();
            call = call.tags(tag.map_err(|error| incomplete(&error))?);
        }
        let answer = call.send().await.map_err(|error| AwsError::of(CALL, &error))?;
        made(CALL, answer.table_description())
    }

    /// DeleteTable, with one attempt.
    ///
    /// # Errors
    /// [`AwsError`]; its effect says whether it may be under way.
    pub async fn delete(&self, table: &str) -> Result<(), AwsError> {
        let call = self.client.delete_table().table_name(table);
        call.send().await.map(drop).map_err(|error| AwsError::of("DeleteTable", &error))
    }

    /// RestoreTableToPointInTime, with one attempt; the new table. The moment is sent in whole seconds.
    ///
    /// # Errors
    /// [`AwsError`]; its effect says whether it may be under way.
    pub async fn restore_to(
        &self,
        source: &str,
        target: &str,
        at: OffsetDateTime,
    ) -> Result<TableView, AwsError> {
        const CALL: &str = "RestoreTableToPointInTime";
        let call = self
            .client
            .restore_table_to_point_in_time()
            .source_table_name(source)
            .target_table_name(target)
            .restore_date_time(to_sdk(at));
        let answer = call.send().await.map_err(|error| AwsError::of(CALL, &error))?;
        made(CALL, answer.table_description())
    }
}

/// The table in an answer. One without is as good as none: what was made has to be looked for.
pub(super) fn made(call: &'static str, answered: Option<&TableDescription>) -> Result<TableView, AwsError> {
    answered.map(TableView::of).ok_or_else(|| AwsError::empty(call))
}
