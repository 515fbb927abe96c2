//! Which tables there are, and which of them are compared.

use std::collections::BTreeMap;

use super::{Side, TableExpectation, TableMode};
use crate::postgres::PgError;

/// A table, or what a plan may take for one.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    pub schema: String,
    pub table: String,
    kind: Kind,
    /// Pages at the last vacuum or analyze.
    pub pages: i32,
    /// The leaf partitions, by the names in SQL.
    leaves: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Table,
    Partitioned,
    Unlogged,
    Foreign,
    Empty,
    View,
}

/// By their names as SQL writes them.
pub(super) type Relations = BTreeMap<String, Relation>;

/// One table to compare.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub name: String,
    pub schema: String,
    pub table: String,
    pub mode: TableMode,
    pub pages: i32,
}

/// What is to be compared, and what is not.
#[derive(Debug, Default)]
pub(super) struct Targets {
    pub compare: Vec<Target>,
    /// Sentences.
    pub left_out: Vec<String>,
    /// What the plan names and cannot be compared, with the reason.
    pub impossible: Vec<(String, String)>,
}

/// Reads them, outside `ignored` schemas.
pub(super) async fn relations(side: Side<'_>, ignored: &[String]) -> Result<Relations, PgError> {
    let rows = side
        .session
        .client()
        .query(
            "SELECT format('%I.%I', n.nspname, c.relname), n.nspname::text, c.relname::text, c.relkind::text, \
               c.relpersistence::text, c.relispopulated, c.relpages, \
               CASE WHEN c.relkind = 'p' THEN ARRAY(SELECT format('%I.%I', pn.nspname, p.relname) \
                 FROM pg_partition_tree(c.oid) l JOIN pg_class p ON p.oid = l.relid \
                 JOIN pg_namespace pn ON pn.oid = p.relnamespace WHERE l.isleaf AND p.relkind <> 'p') \
               ELSE '{}' END \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relkind IN ('r', 'p', 'f', 'm', 'v') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' \
               AND n.nspname <> 'information_schema' AND n.nspname <> ALL ($1)",
            &[&ignored],
        )
        .await?;
    let entry = |row: &tokio_postgres::Row| {
        let (kind, persistence, populated): (String, String, bool) = (row.get(3), row.get(4), row.get(5));
        let kind = match (kind.as_str(), persistence.as_str(), populated) {
            ("p", ..) => Kind::Partitioned,
            ("f", ..) => Kind::Foreign,
            ("v", ..) => Kind::View,
            (_, "u", _) => Kind::Unlogged,
            ("m", _, false) => Kind::Empty,
            _ => Kind::Table,
        };
        let (schema, table) = (row.get(1), row.get(2));
        (row.get(0), Relation { schema, table, kind, pages: row.get(6), leaves: row.get(7) })
    };
    Ok(rows.iter().map(entry).collect())
}

/// Why it is not compared row by row.
fn obstacle(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Table | Kind::Partitioned => None,
        Kind::Unlogged => Some("it is unlogged, and a restore leaves such tables empty"),
        Kind::Foreign => Some("it is a foreign table, whose data is elsewhere"),
        Kind::Empty => Some("it is a materialized view that was never filled"),
        Kind::View => Some("it is a view; compare what it reads"),
    }
}

impl Targets {
    /// The tables that the plan names, or without any every table, exactly. `all` are those of the source, or without one
    /// of the copy.
    pub(super) fn choose(all: &Relations, expected: &[TableExpectation]) -> Self {
        let mut targets = Self::default();
        if expected.is_empty() {
            for (name, relation) in all {
                match obstacle(relation.kind) {
                    None => targets.add(name, relation, &TableMode::Exact),
                    Some(_) if relation.kind == Kind::View => {}
                    Some(why) => targets.left_out.push(format!("table {name} was not compared: {why}")),
                }
            }
            return targets;
        }
        for expectation in expected {
            let named = |relation: &&Relation| {
                relation.schema == expectation.schema && relation.table == expectation.table
            };
            let written = format!("{}.{}", expectation.schema, expectation.table);
            let Some((name, relation)) = all.iter().find(|(_, relation)| named(relation)) else {
                // What it is to have at least is held against the copy, which may lack it or alone have it.
                if let TableMode::AtLeast(_) = expectation.mode {
                    let TableExpectation { schema, table, mode } = expectation.clone();
                    targets.compare.push(Target { name: written, schema, table, mode, pages: 0 });
                    continue;
                }
                targets
                    .impossible
                    .push((written, "there is no such table; check the name in the plan".into()));
                continue;
            };
            match (&expectation.mode, relation.kind) {
                (TableMode::AtLeast(_), _) => targets.add(name, relation, &expectation.mode),
                (mode, Kind::Partitioned) => {
                    for leaf in &relation.leaves {
                        match all.get(leaf).map(|leaf| (leaf, obstacle(leaf.kind))) {
                            Some((found, None)) => targets.add(leaf, found, mode),
                            Some((_, Some(why))) => targets.impossible.push((leaf.clone(), why.into())),
                            None => {}
                        }
                    }
                }
                (mode, kind) => match obstacle(kind) {
                    None => targets.add(name, relation, mode),
                    Some(why) => targets.impossible.push((name.clone(), why.into())),
                },
            }
        }
        let unnamed: Vec<&str> = all
            .iter()
            .filter(|(_, relation)| relation.kind == Kind::Table)
            .map(|(name, _)| name.as_str())
            .filter(|name| targets.compare.iter().all(|target| target.name != **name))
            .collect();
        if !unnamed.is_empty() {
            let names = unnamed.join(", ");
            targets
                .left_out
                .push(format!("the plan names other tables, so these were not compared: {names}"));
        }
        targets
    }

    fn add(&mut self, name: &str, relation: &Relation, mode: &TableMode) {
        // A partitioned table has no rows of its own.
        if relation.kind == Kind::Partitioned && !matches!(mode, TableMode::AtLeast(_)) {
            return;
        }
        self.compare.push(Target {
            name: name.into(),
            schema: relation.schema.clone(),
            table: relation.table.clone(),
            mode: mode.clone(),
            pages: relation.pages,
        });
    }
}
