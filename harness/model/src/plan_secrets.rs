//! Secrets that stand in a plan: they would be in everything that shows it.
//!
//! It does not find those that stand where nobody would look for one, as in a query.

use toml::{Table, Value};

use crate::PlanFileError;
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
    for (key, value) in raw {
        if let Some(path) = with_password(value, key.clone()) {
            let (place, key) = path.rsplit_once('.').unwrap_or(("", &path));
            return Err(clear(place.into(), key));
        }
    }
    Ok(())
}

/// Joins the two keys that say where a password comes from to one, which a table stands in for where it is a secret:
/// exactly one of them has to be there, for `admin_password` at most one.
///
/// # Errors
/// The sentence that says what is wrong.
pub fn join(target: &mut Table) -> Result<(), String> {
    for (key, needed) in [("password", true), ("admin_password", false)] {
        let other = format!("{key}_secret");
        match (target.contains_key(key), target.remove(&other)) {
            (true, None) => {}
            // The role's own password would do for both, but a secret is of one role.
            (false, None)
                if !needed && target.contains_key("admin_user") && target["password"].is_table() =>
            {
                return Err(
                    "admin_user: its password is in a secret of its own; give admin_password_secret".into()
                );
            }
            (false, None) if !needed => {}
            (false, None) => {
                return Err(format!(
                    "missing field `{key}`, or `{other}` with the ARN or name of a secret of AWS Secrets Manager"
                ));
            }
            (true, Some(_)) => {
                return Err(format!(
                    "{key} and {other}: both say where the password comes from; drop one of the two"
                ));
            }
            (false, Some(Value::String(name))) if is_secret_name(&name) => {
                let kept = Table::from_iter([("secret".to_owned(), Value::String(name))]);
                target.insert(key.into(), Value::Table(kept));
            }
            // Somebody may have written the password itself.
            (false, Some(_)) => {
                return Err(format!("{other}: this is no ARN or name of a secret of AWS Secrets Manager"));
            }
        }
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
