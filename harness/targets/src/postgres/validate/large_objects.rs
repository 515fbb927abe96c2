//! Large objects: their pages are compared as a table where the role may read them, else they are counted.

use super::digest::count;
use super::relations::Target;
use super::snapshot::apart;
use super::tables::{Compared, Terms, compare_table};
use super::{DataFinding, Pair, Side, TableMode};

/// Compares them; what cannot be goes to `not_compared`.
pub(super) async fn large_objects(
    terms: Terms<'_>,
    pair: Pair<'_>,
    not_compared: &mut Vec<String>,
) -> Compared {
    let query = "SELECT (SELECT count(*) FROM pg_largeobject_metadata), \
                 has_table_privilege('pg_catalog.pg_largeobject', 'SELECT')";
    let read = async |side: Side<'_>| {
        let row = side.session.client().query_one(query, &[]).await?;
        Ok((count(row.get(0)), row.get::<_, bool>(1)))
    };
    let subject = "large objects";
    let (source, copy) = match apart(&pair.sessions(), terms.deadline, pair.both(read)).await {
        Ok(found) => found,
        Err(error) => {
            let finding = DataFinding::cannot_tell(subject, format!("could not be counted: {error}"));
            return Compared { findings: vec![finding], ..Compared::default() };
        }
    };
    if (source.0, copy.0) == (0, 0) {
        return Compared::default();
    }
    if !(source.1 && copy.1) {
        not_compared.push(format!(
            "the contents of the large objects were not compared: the role may not read pg_largeobject \
             ({} in the source, {} in the copy)",
            source.0, copy.0
        ));
        let message = format!("{} in the source, {} in the copy", source.0, copy.0);
        let finding = match source.0 == copy.0 {
            true => DataFinding::same(subject, message),
            // Nothing says when they came or went.
            false => DataFinding::cannot_tell(subject, message),
        };
        return Compared { findings: vec![finding], ..Compared::default() };
    }
    let target = Target {
        name: "pg_catalog.pg_largeobject".into(),
        schema: "pg_catalog".into(),
        table: "pg_largeobject".into(),
        mode: TableMode::Exact,
        pages: 0,
    };
    let mut compared = compare_table(terms, &[pair], &target).await;
    for finding in &mut compared.findings {
        finding.subject = subject.into();
    }
    compared
}
