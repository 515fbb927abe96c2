//! What a table is made of, as far as its digest needs it.

use crate::postgres::{PgError, Session};

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type as `format_type` writes it, with modifiers.
    pub type_name: String,
    /// The same without modifiers, of a domain the type under it.
    pub(super) base: String,
    /// An expression of it whose value changes whenever the stored value does.
    pub(super) exact: String,
}

/// A table, its columns in order, and its primary key's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableShape {
    /// The schema.
    pub schema: String,
    /// The table.
    pub name: String,
    /// The columns that are stored, by position.
    pub columns: Vec<Column>,
    /// The primary key's columns in its order; empty without one.
    pub key: Vec<String>,
}

/// How a column enters the digest.
///
/// Types whose equality is identity go in as they are. `hash_record` equates 1.10 and 1.1, −0 and 0, and padded
/// characters, and has no hash for some types: those go in as what their send function gives, which is exact and does not
/// depend on a setting. Arrays, ranges and composites are sent with the object ids of their elements, which a logical
/// restore changes: those go in as text, and so do types that are sent by another type's function.
fn exact(name: &str, type_name: &str, has_length: bool, kind: &str, category: &str, send: &str) -> String {
    let quoted = quote(name);
    const IDENTITY: [&str; 12] = [
        "boolean",
        "smallint",
        "integer",
        "bigint",
        "date",
        "uuid",
        "bytea",
        "oid",
        "timestamp without time zone",
        "timestamp with time zone",
        "time without time zone",
        "pg_lsn",
    ];
    let bare = type_name.split('(').next().unwrap_or(type_name);
    match (kind, category) {
        ("b", "A") | ("r" | "m" | "c", _) => format!("{quoted}::text COLLATE \"C\""),
        // Under another collation two different strings may be equal.
        ("b", "S") if matches!(bare, "text" | "character varying" | "name") => {
            format!("{quoted}::text COLLATE \"C\"")
        }
        // Of a declared length: the blanks at its end, which equality leaves out, are no data.
        ("b", "S") if bare == "character" && has_length => format!("{quoted} COLLATE \"C\""),
        ("b", _) if IDENTITY.contains(&bare) => quoted,
        ("b" | "e", _) if send != "-" => format!("{send}({quoted})"),
        _ => format!("{quoted}::text COLLATE \"C\""),
    }
}

/// A quoted identifier.
pub(super) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl TableShape {
    /// The primary key's columns in its order.
    pub(super) fn key_columns(&self) -> impl Iterator<Item = &Column> {
        self.key.iter().filter_map(|name| self.columns.iter().find(|column| column.name == *name))
    }

    /// What both have: columns of the same name and type. It has no key where one of its columns is not among them.
    pub(super) fn common(&self, other: &Self) -> Self {
        let columns: Vec<Column> =
            self.columns.iter().filter(|column| other.columns.contains(column)).cloned().collect();
        let kept = |name: &String| columns.iter().any(|column| column.name == *name);
        let key = if self.key.iter().all(kept) { self.key.clone() } else { Vec::new() };
        Self { columns, key, ..self.clone() }
    }

    /// The quoted name with its schema.
    pub fn quoted(&self) -> String {
        format!("{}.{}", quote(&self.schema), quote(&self.name))
    }
}

/// Reads what a table is made of; `None` if there is no such table. A domain counts as the type under it.
///
/// # Errors
/// [`PgError`].
pub async fn table_shape(
    session: &Session,
    schema: &str,
    table: &str,
) -> Result<Option<TableShape>, PgError> {
    let rows = session
        .client()
        .query(
            "WITH RECURSIVE base(attnum, type, depth) AS ( \
               SELECT a.attnum, a.atttypid, 0 FROM pg_attribute a \
               JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
               WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'm') \
                 AND a.attnum > 0 AND NOT a.attisdropped \
               UNION ALL SELECT b.attnum, t.typbasetype, b.depth + 1 FROM base b \
               JOIN pg_type t ON t.oid = b.type WHERE t.typtype = 'd') \
             SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), format_type(t.oid, NULL), t.typtype::text, \
                    t.typcategory::text, \
                    CASE WHEN (SELECT p.proargtypes[0] FROM pg_proc p WHERE p.oid = t.typsend) = t.oid \
                      THEN t.typsend::text ELSE '-' END, \
                    coalesce(array_position(k.conkey, a.attnum), 0)::int4 \
             FROM base b JOIN pg_type t ON t.oid = b.type AND t.typtype <> 'd' \
             JOIN pg_namespace n ON n.nspname = $1 JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = $2 \
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = b.attnum \
             LEFT JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'p' ORDER BY a.attnum",
            &[&schema, &table],
        )
        .await?;
    let exists = session
        .client()
        .query_opt(
            "SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'm')",
            &[&schema, &table],
        )
        .await?;
    if exists.is_none() {
        return Ok(None);
    }
    let mut key: Vec<(i32, String)> = Vec::new();
    let columns = rows
        .iter()
        .map(|row| {
            let name: String = row.get(0);
            let place: i32 = row.get(6);
            if place > 0 {
                key.push((place, name.clone()));
            }
            let has_length = row.get::<_, &str>(1).starts_with("character(");
            let exact = exact(&name, row.get(2), has_length, row.get(3), row.get(4), row.get(5));
            Column { name, type_name: row.get(1), base: row.get(2), exact }
        })
        .collect();
    key.sort();
    Ok(Some(TableShape {
        schema: schema.into(),
        name: table.into(),
        columns,
        key: key.into_iter().map(|(_, name)| name).collect(),
    }))
}
