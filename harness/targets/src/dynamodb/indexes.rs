//! Whether an index answers.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, Select};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::attribute::json_of_attribute;
use super::{Dynamo, IndexView};
use crate::AwsError;

/// What an index answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexAnswer {
    /// The value of its partition key that was asked for, in DynamoDB's JSON.
    pub asked: Option<Value>,
    /// Whether that is the value of an item that a scan of the index found; else it is made up, for the index is empty.
    pub found: bool,
    /// How many items a query for it answered, of at most one.
    pub items: i32,
}

impl Dynamo {
    /// Takes a key from the first item of an index and asks the index for it. An empty index is asked for a key that is
    /// made up; `kind` is that attribute's type: `S`, `N` or `B`.
    ///
    /// # Errors
    /// [`AwsError`].
    pub async fn ask_index(
        &self,
        table: &str,
        index: &IndexView,
        kind: &str,
    ) -> Result<IndexAnswer, AwsError> {
        let first = self
            .aws()
            .read(|| async {
                let call = self.client().scan().table_name(table).index_name(&index.name).limit(1);
                call.send().await.map_err(|error| AwsError::of("Scan", &error))
            })
            .await?;
        let taken = first.items().first().and_then(|item| item.get(&index.key.partition)).cloned();
        let found = taken.is_some();
        let value = taken.unwrap_or_else(|| match kind {
            "N" => AttributeValue::N("0".into()),
            "B" => AttributeValue::B(Blob::new("lifeboat")),
            _ => AttributeValue::S("lifeboat: no item has this".into()),
        });
        let answer = self
            .aws()
            .read(|| async {
                let call = self
                    .client()
                    .query()
                    .table_name(table)
                    .index_name(&index.name)
                    .key_condition_expression("#p = :p")
                    .expression_attribute_names("#p", &index.key.partition)
                    .expression_attribute_values(":p", value.clone())
                    .select(Select::Count)
                    .limit(1);
                call.send().await.map_err(|error| AwsError::of("Query", &error))
            })
            .await?;
        Ok(IndexAnswer { asked: json_of_attribute(&value), found, items: answer.count() })
    }
}
