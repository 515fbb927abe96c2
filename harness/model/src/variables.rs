//! `${NAME}` in the strings of a plan.

use thiserror::Error;

/// Why a string with variables could not be read.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum VariableError {
    /// The variable is not set.
    #[error("variable `{0}` is not set; export it, or take it out of the plan")]
    Unset(String),
    /// `${` without its `}`, or with a name that no shell accepts.
    #[error("`{0}` holds a `${{` that names no variable; write it as ${{NAME}}")]
    Malformed(String),
}

/// The names of the variables in a string, in order.
///
/// # Errors
/// [`VariableError::Malformed`].
pub fn names(text: &str) -> Result<Vec<String>, VariableError> {
    let mut found = Vec::new();
    walk(text, |name| {
        found.push(name.to_owned());
        Ok(String::new())
    })?;
    Ok(found)
}

/// The string with every variable replaced by what `lookup` gives for it.
///
/// # Errors
/// [`VariableError`].
pub fn expand(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, VariableError> {
    walk(text, |name| lookup(name).ok_or_else(|| VariableError::Unset(name.to_owned())))
}

fn walk(
    text: &str,
    mut value: impl FnMut(&str) -> Result<String, VariableError>,
) -> Result<String, VariableError> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        out.push_str(&rest[..at]);
        let after = &rest[at + 2..];
        let end = after.find('}').ok_or_else(|| VariableError::Malformed(text.to_owned()))?;
        let name = &after[..end];
        let well_formed = name.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !well_formed {
            return Err(VariableError::Malformed(text.to_owned()));
        }
        out.push_str(&value(name)?);
        rest = &after[end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(name: &str) -> Option<String> {
        (name == "ENV").then(|| "staging".to_owned())
    }

    #[test]
    fn replaces_in_place() {
        assert_eq!(expand("a-${ENV}-b-${ENV}", &lookup), Ok("a-staging-b-staging".into()));
        assert_eq!(expand("no $variable here", &lookup), Ok("no $variable here".into()));
        assert_eq!(names("${A}x${B_2}"), Ok(vec!["A".into(), "B_2".into()]));
    }

    #[test]
    fn an_unset_or_malformed_one_is_an_error() {
        assert_eq!(expand("${NOPE}", &lookup), Err(VariableError::Unset("NOPE".into())));
        for text in ["${", "${}", "${1A}", "${A B}"] {
            assert_eq!(expand(text, &lookup), Err(VariableError::Malformed(text.into())), "{text}");
        }
    }
}
