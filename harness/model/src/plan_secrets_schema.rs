//! What [`crate::plan_secrets::join`] takes, for the plan's schema: the keys that say where a role's password comes from.

use schemars::Schema;
use serde_json::{Value, json};

use crate::token::IAM;

/// The ARN or name of a secret of AWS Secrets Manager.
const SECRET_NAME: &str = concat!(
    r"^arn:[^:]*:secretsmanager:[^:]*:[^:]*:secret:[A-Za-z0-9/_+=.@!-]{1,512}$",
    r"|^[A-Za-z0-9/_+=.@!-]{1,512}$",
);

/// Of a DB instance: a password, a secret or tokens.
pub fn of_instance(schema: &mut Schema) {
    join(schema, true);
}

/// Of a server without a control plane: a password or a secret.
pub fn of_server(schema: &mut Schema) {
    join(schema, false);
}

/// Exactly one of the role's own has to be there, of the administrator's at most one.
fn join(schema: &mut Schema, has_tokens: bool) {
    let object = schema.ensure_object();
    if let Some(Value::Array(required)) = object.get_mut("required") {
        required.retain(|key| key != "password");
    }
    let mut rules = Vec::new();
    for (whose, key, auth) in
        [("The role's", "password", "auth"), ("The administrator's", "admin_password", "admin_auth")]
    {
        let kept = format!("{key}_secret");
        let mut keys = vec![key.to_owned(), kept.clone()];
        if let Some(properties) = object.get_mut("properties").and_then(Value::as_object_mut) {
            properties.insert(kept, secret(whose));
            if has_tokens {
                properties.insert(auth.into(), tokens(whose));
                keys.push(auth.into());
            }
        }
        let each: Vec<Value> = keys.iter().map(|key| json!({ "required": [key] })).collect();
        if key == "password" {
            rules.push(json!({ "oneOf": each }));
        } else {
            rules.extend(at_most_one(&keys));
            // A secret is of one role.
            rules.push(json!({
                "if": { "required": ["admin_user", "password_secret"] },
                "then": { "anyOf": each },
            }));
        }
    }
    object.insert("allOf".into(), rules.into());
}

fn at_most_one(keys: &[String]) -> Vec<Value> {
    let pairs =
        keys.iter().enumerate().flat_map(|(at, one)| keys[at + 1..].iter().map(move |other| [one, other]));
    pairs.map(|pair| json!({ "not": { "required": pair } })).collect()
}

fn secret(whose: &str) -> Value {
    let description = format!("{whose} password is in this secret of AWS Secrets Manager: its ARN or name.");
    json!({ "description": description, "type": "string", "pattern": SECRET_NAME })
}

fn tokens(whose: &str) -> Value {
    let description = format!("{whose} passwords are tokens of RDS IAM authentication.");
    json!({ "description": description, "type": "string", "enum": [IAM] })
}
