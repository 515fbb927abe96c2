//! `${NAME}` in the schema of a plan: it may stand in any string, also where only some strings are taken.

use schemars::Schema;
use schemars::transform::transform_subschemas;
use serde_json::{Value, json};

use super::forms::names_of;

/// A text that is one variable and nothing else.
pub const ONE_VARIABLE: &str = r"^\$\{[A-Za-z_][A-Za-z0-9_]*\}$";

/// A text with a variable in it.
const VARIABLE: &str = r"\$\{[A-Za-z_][A-Za-z0-9_]*\}";

/// Lets every string of a schema of TOML hold variables, where it does not say itself how. TOML has no null, so there is none
/// afterwards.
pub fn accept_variables(schema: &mut Schema) {
    drop_null(schema);
    transform_subschemas(&mut accept_variables, schema);
    let Some(object) = schema.as_object_mut() else { return };
    if let Some(Value::String(pattern)) = object.get_mut("pattern")
        && !pattern.contains(r"\$\{")
    {
        *pattern = format!("{pattern}|{VARIABLE}");
    }
    let with_variable = || json!({ "description": "A variable.", "type": "string", "pattern": VARIABLE });
    if let Some(Value::Array(branches)) = object.get_mut("oneOf")
        && branches.iter().any(|branch| !names_of(branch).is_empty())
    {
        branches.push(with_variable());
    } else if object.get("enum").is_some() && object.get("type").is_some_and(|kind| kind == "string") {
        let names = object.remove("enum");
        object.remove("type");
        object.insert("anyOf".into(), json!([{ "type": "string", "enum": names }, with_variable()]));
    }
}

/// Takes out that a value may be null: a key that is left out has none.
fn drop_null(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else { return };
    if let Some(Value::Array(kinds)) = object.get_mut("type") {
        kinds.retain(|kind| kind != "null");
        if let [only] = &kinds[..] {
            let only = only.clone();
            object.insert("type".into(), only);
        }
    }
    if let Some(Value::Array(branches)) = object.get_mut("anyOf") {
        branches.retain(|branch| branch.get("type").is_none_or(|kind| kind != "null"));
        if let [Value::Object(only)] = &branches[..]
            && only.keys().all(|key| key == "$ref")
        {
            let only = only.clone();
            object.remove("anyOf");
            object.extend(only);
        }
    }
}

#[cfg(test)]
mod tests {
    use schemars::json_schema;

    use super::*;

    fn accepted(mut schema: Schema) -> Value {
        accept_variables(&mut schema);
        schema.to_value()
    }

    #[test]
    fn a_variable_may_stand_where_only_some_strings_are_taken() {
        let pattern = accepted(json_schema!({ "type": "string", "pattern": "^a$" }));
        assert_eq!(pattern["pattern"], format!("^a$|{VARIABLE}"));
        let names = accepted(json_schema!({ "type": "string", "enum": ["a"] }));
        assert_eq!(names["anyOf"][1]["pattern"], VARIABLE);
        let inside = accepted(
            json_schema!({ "properties": { "p": { "oneOf": [{ "const": "a" }, { "type": "object" }] } } }),
        );
        assert_eq!(inside["properties"]["p"]["oneOf"][2]["pattern"], VARIABLE);
    }

    #[test]
    fn nor_a_number_nor_a_secret_takes_more_than_it_did() {
        for schema in [
            json_schema!({ "type": "integer", "minimum": 1 }),
            json_schema!({ "type": "string", "pattern": ONE_VARIABLE }),
            json_schema!({ "oneOf": [{ "required": ["a"] }, { "required": ["b"] }] }),
        ] {
            assert_eq!(accepted(schema.clone()), schema.to_value());
        }
    }

    #[test]
    fn nothing_is_null() {
        let schema =
            json_schema!({ "anyOf": [{ "$ref": "#/$defs/A" }, { "type": "null" }], "description": "d" });
        assert_eq!(accepted(schema), json!({ "$ref": "#/$defs/A", "description": "d" }));
        assert_eq!(accepted(json_schema!({ "type": ["string", "null"] })), json!({ "type": "string" }));
    }
}
