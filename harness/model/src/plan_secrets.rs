//! Secrets that stand in a plan: they would be in everything that shows it.
//!
//! It does not find those that stand where nobody would look for one, as in a query.

use toml::{Table, Value};

use crate::PlanFileError;
use crate::token::IAM;
use crate::variables::names;

/// Refuses a plan that holds a secret in clear: in the keys that are for one, or in an address.
///
/// # Errors
/// [`PlanFileError::SecretInClear`].
pub fn refuse_in_clear(raw: &Table) -> Result<(), PlanFileError> {
    let clear = |place: String, key: &str| PlanFileError::SecretInClear { place, key: key.into() };
    let token = raw.get("environment").and_then(|environment| environment.get("localstack"));
    if !token.is_none_or(|localstack| is_variable(localstack, "auth_token")) {
        return Err(clear("environment.localstack".into(), "auth_token"));
    }
    let targets = raw.get("targets").and_then(Value::as_table);
    for (name, target) in targets.into_iter().flatten() {
        for key in ["password", "admin_password"] {
            if !is_variable(target, key) {
                return Err(clear(format!("targets.{name}"), key));
            }
        }
    }
    let notices = raw.get("notices").and_then(Value::as_array);
    for notice in notices.into_iter().flatten() {
        // Whoever has such an address can write there. A Pushgateway's alone may be in clear, without what stands in it for one.
        let open = notice.get("kind").and_then(Value::as_str) == Some("pushgateway")
            && notice.get("url").and_then(Value::as_str).is_some_and(|url| !url.contains(['@', '?', '#']));
        for key in ["url", "bearer"] {
            let may_be_read = key == "url" && open;
            if !may_be_read && !is_variable(notice, key) {
                let name = notice.get("name").and_then(Value::as_str).unwrap_or("?");
                return Err(clear(format!("notices.{name}"), key));
            }
        }
    }
    for (key, value) in raw {
        if let Some(path) = with_password(value, key.clone()) {
            let (place, key) = path.rsplit_once('.').unwrap_or(("", &path));
            return Err(clear(place.into(), key));
        }
    }
    Ok(())
}

/// Joins the keys that say where a password comes from to one, which a table stands in for where it is a secret or made for
/// each session: exactly one of them has to be there, for the administrator's at most one. Only a DB instance has tokens.
///
/// # Errors
/// The sentence that says what is wrong.
pub fn join(target: &mut Table, kind: &str) -> Result<(), String> {
    for (key, auth_key, needed) in [("password", "auth", true), ("admin_password", "admin_auth", false)] {
        let secret_key = format!("{key}_secret");
        let secret = target.remove(&secret_key);
        let auth = target.remove(auth_key);
        if auth.is_some() && kind != "rds-instance" {
            return Err(format!(
                "{auth_key}: tokens of IAM authentication are for targets of kind `rds-instance`; give {key} or {secret_key}"
            ));
        }
        let given =
            [(key, target.contains_key(key)), (&secret_key, secret.is_some()), (auth_key, auth.is_some())];
        let given: Vec<&str> = given.into_iter().filter(|(_, given)| *given).map(|(key, _)| key).collect();
        if let [one, other, ..] = given[..] {
            return Err(format!(
                "{one} and {other}: both say where the password comes from; drop one of the two"
            ));
        }
        let form = match (secret, auth) {
            (Some(Value::String(name)), _) if is_secret_name(&name) => ("secret", name),
            // Somebody may have written the password itself.
            (Some(_), _) => {
                return Err(format!(
                    "{secret_key}: this is no ARN or name of a secret of AWS Secrets Manager"
                ));
            }
            // In a plan that is printed, variables may have no value.
            (None, Some(Value::String(auth))) if auth == IAM || auth.contains("${") => ("auth", auth),
            (None, Some(auth)) => {
                return Err(format!(
                    "{auth_key}: there is no {auth}, only \"{IAM}\"; else drop it and give {key}"
                ));
            }
            (None, None) if target.contains_key(key) => continue,
            (None, None) if needed => {
                let token = if kind == "rds-instance" { ", or auth = \"iam\"" } else { "" };
                return Err(format!(
                    "missing field `{key}`, or `{secret_key}` with the ARN or name of a secret of AWS Secrets Manager{token}"
                ));
            }
            // The role's own password would do for both, and so do tokens, but a secret is of one role.
            (None, None) => match target.get("password") {
                Some(Value::Table(own))
                    if target.contains_key("admin_user") && own.contains_key("secret") =>
                {
                    return Err(
                        "admin_user: its password is in a secret of its own; give admin_password_secret"
                            .into(),
                    );
                }
                _ => continue,
            },
        };
        target
            .insert(key.into(), Value::Table(Table::from_iter([(form.0.to_owned(), Value::String(form.1))])));
    }
    Ok(())
}

/// Whether Secrets Manager would take it.
fn is_secret_name(text: &str) -> bool {
    // Those that RDS makes have a `!`.
    let sane = |c: char| c.is_ascii_alphanumeric() || "/_+=.@-!".contains(c);
    let name = match text.strip_prefix("arn:") {
        None => text,
        Some(arn) => match arn.splitn(5, ':').collect::<Vec<_>>()[..] {
            [_, "secretsmanager", _, _, resource] => resource.strip_prefix("secret:").unwrap_or_default(),
            _ => "",
        },
    };
    // In a plan that is printed, variables may have no value.
    text.contains("${") || (!name.is_empty() && name.len() <= 512 && name.chars().all(sane))
}

/// Whether a value of a section is absent, or a text of one variable and nothing else.
fn is_variable(section: &Value, key: &str) -> bool {
    match section.get(key) {
        None => true,
        Some(Value::String(text)) => is_one_variable(text),
        Some(_) => false,
    }
}

fn is_one_variable(text: &str) -> bool {
    names(text).is_ok_and(|names| matches!(&names[..], [name] if text == format!("${{{name}}}")))
}

/// Whether a text is an address with a password in clear, as in `https://user:password@host/`.
fn has_password(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let user = authority.rsplit_once('@').map(|(user, _)| user);
    let password = user.and_then(|user| user.split_once(':')).map(|(_, password)| password);
    password.is_some_and(|password| !password.is_empty() && !is_one_variable(password))
}

/// The way to the first address with a password in clear in a value, which is at `path` itself.
fn with_password(value: &Value, path: String) -> Option<String> {
    match value {
        Value::String(text) => has_password(text).then_some(path),
        Value::Table(table) => {
            table.iter().find_map(|(key, value)| with_password(value, format!("{path}.{key}")))
        }
        Value::Array(items) => {
            items.iter().zip(0..).find_map(|(item, number)| with_password(item, format!("{path}.{number}")))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_an_address_is_found() {
        for text in
            ["https://a:b@host/", "http://a:b@host", "https://:b@h", "https://a:${B}c@h", "x://a:b@c@h/"]
        {
            assert!(has_password(text), "{text}");
        }
        for text in [
            "https://host/a:b@c",
            "https://a@host",
            "https://a:${B}@host/",
            "${URL}",
            "a:b@c",
            "http://[::1]:80/?x=a:b@c",
        ] {
            assert!(!has_password(text), "{text}");
        }
    }
}
