//! Key attributes, between DynamoDB's JSON and the SDK. Keys are texts, numbers or bytes; nothing else is one.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use lifeboat_model::ItemKey;
use serde_json::{Value, json};

/// A key as the SDK wants it.
///
/// # Errors
/// If a value is no key attribute in DynamoDB's JSON.
pub fn key_of_json(key: &ItemKey) -> Result<HashMap<String, AttributeValue>, String> {
    key.iter()
        .map(|(name, value)| {
            let attribute = attribute_of_json(value)
                .ok_or_else(|| format!("`{value}` of key attribute `{name}` is no text, number or bytes"))?;
            Ok((name.clone(), attribute))
        })
        .collect()
}

fn attribute_of_json(value: &Value) -> Option<AttributeValue> {
    let object = value.as_object().filter(|object| object.len() == 1)?;
    let (kind, value) = object.iter().next()?;
    let text = value.as_str()?;
    match kind.as_str() {
        "S" => Some(AttributeValue::S(text.to_owned())),
        "N" => Some(AttributeValue::N(text.to_owned())),
        "B" => Some(AttributeValue::B(Blob::new(BASE64.decode(text).ok()?))),
        _ => None,
    }
}

/// A key attribute in DynamoDB's JSON; `None` for what is no key attribute.
pub fn json_of_attribute(value: &AttributeValue) -> Option<Value> {
    match value {
        AttributeValue::S(text) => Some(json!({ "S": text })),
        AttributeValue::N(number) => Some(json!({ "N": number })),
        AttributeValue::B(bytes) => Some(json!({ "B": BASE64.encode(bytes) })),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_key_survives_the_way_there_and_back() {
        let key: ItemKey = [
            ("text".to_owned(), json!({ "S": "lifeboat#1" })),
            ("number".to_owned(), json!({ "N": "-1.5" })),
            ("bytes".to_owned(), json!({ "B": "AAH/" })),
        ]
        .into();
        let there = key_of_json(&key).expect("a key");
        assert_eq!(there["bytes"], AttributeValue::B(Blob::new([0, 1, 255])));
        for (name, value) in &there {
            assert_eq!(json_of_attribute(value).as_ref(), key.get(name));
        }
    }

    #[test]
    fn what_is_no_key_is_refused_with_its_name() {
        for wrong in
            [json!({ "BOOL": true }), json!({ "S": 1 }), json!("text"), json!({ "S": "a", "N": "1" })]
        {
            let error = key_of_json(&[("id".to_owned(), wrong.clone())].into()).expect_err("no key");
            assert!(error.contains("`id`"), "{error}");
        }
        assert!(key_of_json(&[("id".to_owned(), json!({ "B": "not base64!" }))].into()).is_err());
        assert_eq!(json_of_attribute(&AttributeValue::Bool(true)), None);
    }
}
