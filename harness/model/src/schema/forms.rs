//! Forms that types of another crate have, and names of which a newer version may know more.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

/// A moment as RFC 3339 writes it.
pub struct DateTime;

impl JsonSchema for DateTime {
    fn schema_name() -> Cow<'static, str> {
        "DateTime".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

/// Lets an enum of names have others as well, which a reader that does not know them leaves out.
pub fn open_names(schema: &mut Schema) {
    let known = branches(schema).iter().flat_map(names_of).collect::<Vec<_>>();
    let other = json!({ "description": NEWER, "type": "string", "not": { "enum": known } });
    add(schema, other);
}

/// Lets an enum that is told by a tag have others as well, of which nothing but the tag is known.
pub fn open_tags(tag: &'static str) -> impl FnMut(&mut Schema) {
    move |schema| {
        let tags = branches(schema).iter().filter_map(|branch| branch.get("properties")?.get(tag));
        let known = tags.flat_map(names_of).collect::<Vec<_>>();
        let name = json!({ "type": "string", "not": { "enum": known } });
        let properties = Map::from_iter([(tag.to_owned(), name)]);
        let other =
            json!({ "description": NEWER, "type": "object", "properties": properties, "required": [tag] });
        add(schema, other);
    }
}

const NEWER: &str = "One of a newer minor version: leave it out.";

/// The names that a schema of one or several allows.
pub fn names_of(schema: &Value) -> Vec<Value> {
    let several = schema.get("enum").and_then(Value::as_array).cloned().unwrap_or_default();
    schema.get("const").into_iter().cloned().chain(several).filter(Value::is_string).collect()
}

fn branches(schema: &Schema) -> &[Value] {
    schema.get("oneOf").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn add(schema: &mut Schema, branch: Value) {
    if let Some(branches) = schema.get_mut("oneOf").and_then(Value::as_array_mut) {
        branches.push(branch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_not_among_the_others() {
        let mut names = json_schema!({ "oneOf": [{ "const": "a" }, { "enum": ["b", "c"] }] });
        open_names(&mut names);
        assert_eq!(names.pointer("/oneOf/2/not/enum"), Some(&json!(["a", "b", "c"])));
        let mut tags =
            json_schema!({ "oneOf": [{ "properties": { "t": { "const": "a" }, "u": { "const": "z" } } }] });
        open_tags("t")(&mut tags);
        assert_eq!(tags.pointer("/oneOf/1/properties/t/not/enum"), Some(&json!(["a"])));
        assert_eq!(tags.pointer("/oneOf/1/required"), Some(&json!(["t"])));
    }
}
