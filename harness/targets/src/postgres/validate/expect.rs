//! What a plan expects of a database's data.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the data of a copy is held against its source. Without tables, every user table is compared exactly.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expectations {
    /// The tables, each with its mode.
    pub tables: Vec<TableExpectation>,
    /// Queries on the copy.
    pub queries: Vec<QueryExpectation>,
    /// Whether findings may show the values of rows that differ; keys are always shown.
    pub show_values: bool,
}

/// One table and how it can be compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Written", into = "Written")]
pub struct TableExpectation {
    /// Its schema, `public` where none was written.
    pub schema: String,
    /// Its name, as the catalogue has it.
    pub table: String,
    /// How it is compared.
    pub mode: TableMode,
}

/// How a table is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableMode {
    /// All columns of all rows.
    Exact,
    /// All columns of the rows whose value in this column, a timestamp or a date, is not after the moment of the copy.
    /// Of dates only the days that had ended by then. A timestamp without time zone counts as UTC.
    AsOf(String),
    /// The copy has at least so many rows.
    AtLeast(u64),
}

/// A query with one value, run on the copy in a READ ONLY transaction, and the answer that it has to give as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QueryExpectation {
    /// One SELECT of one column that gives one row. Names are found by the role's own search path.
    pub sql: String,
    /// The value as text.
    pub answer: String,
}

/// An entry as a plan has it.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("not" = { "required": ["as_of", "at_least"] }))]
struct Written {
    /// `table` or `schema.table`, with "…" around a dot.
    name: String,
    /// A timestamp or date: only rows up to the moment of the copy are compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    as_of: Option<String>,
    /// The copy has at least so many rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at_least: Option<u64>,
}

impl TryFrom<Written> for TableExpectation {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written { name, as_of, at_least } = written;
        let (schema, table) = parse_name(&name).ok_or_else(|| {
            format!(
                "`{name}` does not name a table; write `table` or `schema.table`, with \"…\" around a dot"
            )
        })?;
        let mode = match (as_of, at_least) {
            (None, None) => TableMode::Exact,
            (Some(column), None) => TableMode::AsOf(column),
            (None, Some(rows)) => TableMode::AtLeast(rows),
            (Some(_), Some(_)) => {
                return Err(format!("table `{name}` has both `as_of` and `at_least`; keep one of them"));
            }
        };
        Ok(Self { schema, table, mode })
    }
}

impl From<TableExpectation> for Written {
    fn from(expectation: TableExpectation) -> Self {
        let part = |name: &str| match name.contains(['.', '"']) {
            true => format!("\"{}\"", name.replace('"', "\"\"")),
            false => name.to_owned(),
        };
        let name = format!("{}.{}", part(&expectation.schema), part(&expectation.table));
        let (as_of, at_least) = match expectation.mode {
            TableMode::Exact => (None, None),
            TableMode::AsOf(column) => (Some(column), None),
            TableMode::AtLeast(rows) => (None, Some(rows)),
        };
        Self { name, as_of, at_least }
    }
}

/// `table` or `schema.table`; quotes are needed around a part that has a dot in it only.
fn parse_name(name: &str) -> Option<(String, String)> {
    let mut parts = vec![String::new()];
    let mut letters = name.chars().peekable();
    let mut quoted = false;
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                parts.last_mut()?.push('"');
            }
            '"' => quoted = !quoted,
            '.' if !quoted => parts.push(String::new()),
            other => parts.last_mut()?.push(other),
        }
    }
    if quoted || parts.iter().any(String::is_empty) {
        return None;
    }
    match parts.as_slice() {
        [table] => Some(("public".into(), table.clone())),
        [schema, table] => Some((schema.clone(), table.clone())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_the_catalogue_has_them() {
        let read = |name: &str| parse_name(name);
        let pair = |schema: &str, table: &str| Some((schema.to_owned(), table.to_owned()));
        assert_eq!(read("orders"), pair("public", "orders"));
        assert_eq!(read("audit.Log"), pair("audit", "Log"));
        assert_eq!(read("\"a.b\".\"c\"\"d\""), pair("a.b", "c\"d"));
        for wrong in ["", ".", "a.", "a.b.c", "\"a"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_entry_has_one_mode_and_reads_back_as_it_was() {
        let read = |text: &str| serde_json::from_str::<TableExpectation>(text);
        for text in [
            r#"{"name":"public.orders","as_of":"created_at"}"#,
            r#"{"name":"audit.log","at_least":1000}"#,
            r#"{"name":"\"a.b\".prices"}"#,
        ] {
            assert_eq!(serde_json::to_string(&read(text).unwrap()).unwrap(), text);
        }
        assert!(read(r#"{"name":"a","as_of":"b","at_least":1}"#).is_err());
        assert!(read(r#"{"name":"a","exactly":1}"#).is_err());
    }
}
