//! Single items of the harness's own: their attributes, but for the key, are texts, and one of them marks whose they are.
//!
//! What is there and is not marked so is never written to: every write has a condition.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use lifeboat_model::ItemKey;

use super::Dynamo;
use super::attribute::key_of_json;
use super::item_digest::Item;
use crate::{AwsError, Effect};

/// The texts among an item's attributes, by name.
pub type Texts = BTreeMap<String, String>;

/// The attribute that marks items of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The attribute.
    pub attribute: String,
    /// The run's id.
    pub run: String,
}

impl Mark {
    /// Whether an item carries it.
    pub(super) fn is_on(&self, item: &Item) -> bool {
        matches!(item.get(&self.attribute), Some(AttributeValue::S(run)) if *run == self.run)
    }
}

/// The code of a write whose condition did not hold.
const CONDITION: &str = "ConditionalCheckFailedException";

impl AwsError {
    /// Whether the item was not as the write wanted it.
    pub fn is_condition(&self) -> bool {
        self.code == CONDITION
    }
}

impl Dynamo {
    /// GetItem with a consistent read: the item's texts, its key among them.
    ///
    /// # Errors
    /// [`AwsError`].
    pub async fn get(&self, table: &str, key: &ItemKey) -> Result<Option<Texts>, AwsError> {
        const CALL: &str = "GetItem";
        let key = key_of_json(key).map_err(|message| not_sent(CALL, message))?;
        let answer = self
            .aws()
            .read(|| async {
                let call = self.client().get_item().table_name(table).set_key(Some(key.clone()));
                let sent = call.consistent_read(true).send().await;
                sent.map_err(|error| AwsError::of(CALL, &error))
            })
            .await?;
        Ok(answer.item().map(|item| {
            let texts = item.iter().filter_map(|(name, value)| Some((name, value.as_s().ok()?)));
            texts.map(|(name, text)| (name.clone(), text.clone())).collect()
        }))
    }

    /// PutItem of an item that must not be there yet, with one attempt.
    ///
    /// # Errors
    /// [`AwsError`]; [`AwsError::is_condition`] where it is there.
    pub async fn put_new(&self, table: &str, key: &ItemKey, texts: &Texts) -> Result<(), AwsError> {
        const CALL: &str = "PutItem";
        let mut item = key_of_json(key).map_err(|message| not_sent(CALL, message))?;
        let any_key = item.keys().next().cloned().unwrap_or_default();
        item.extend(texts.iter().map(|(name, text)| (name.clone(), AttributeValue::S(text.clone()))));
        let call = self
            .client()
            .put_item()
            .table_name(table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(#k)")
            .expression_attribute_names("#k", any_key);
        call.send().await.map(drop).map_err(|error| AwsError::of(CALL, &error))
    }

    /// UpdateItem that sets one text of a marked item, with one attempt.
    ///
    /// # Errors
    /// [`AwsError`]; [`AwsError::is_condition`] where it is not there or not marked so.
    pub async fn overwrite_own(
        &self,
        table: &str,
        key: &ItemKey,
        mark: &Mark,
        (attribute, text): (&str, &str),
    ) -> Result<(), AwsError> {
        const CALL: &str = "UpdateItem";
        let key = key_of_json(key).map_err(|message| not_sent(CALL, message))?;
        let call = self
            .client()
            .update_item()
            .table_name(table)
            .set_key(Some(key))
            .update_expression("SET #t = :t")
            .condition_expression("#m = :m")
            .expression_attribute_names("#t", attribute)
            .expression_attribute_names("#m", &mark.attribute)
            .expression_attribute_values(":t", AttributeValue::S(text.to_owned()))
            .expression_attribute_values(":m", AttributeValue::S(mark.run.clone()));
        call.send().await.map(drop).map_err(|error| AwsError::of(CALL, &error))
    }

    /// DeleteItem of a marked item, with one attempt.
    ///
    /// # Errors
    /// [`AwsError`]; [`AwsError::is_condition`] where it is not there or not marked so.
    pub async fn delete_own(&self, table: &str, key: &ItemKey, mark: &Mark) -> Result<(), AwsError> {
        const CALL: &str = "DeleteItem";
        let key = key_of_json(key).map_err(|message| not_sent(CALL, message))?;
        let call = self
            .client()
            .delete_item()
            .table_name(table)
            .set_key(Some(key))
            .condition_expression("#m = :m")
            .expression_attribute_names("#m", &mark.attribute)
            .expression_attribute_values(":m", AttributeValue::S(mark.run.clone()));
        call.send().await.map(drop).map_err(|error| AwsError::of(CALL, &error))
    }
}

fn not_sent(call: &'static str, message: String) -> AwsError {
    AwsError { call, code: "not-sent".into(), message, effect: Effect::None }
}
