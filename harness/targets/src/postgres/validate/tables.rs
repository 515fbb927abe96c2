//! The tables of a database compared one by one.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::Instant;

use super::describe::describe;
use super::digest::{Filter, count};
use super::relations::Target;
use super::shape::quote;
use super::side::on;
use super::snapshot::apart;
use super::{
    Comparison, DataFinding, DataOutcome, Pair, Side, Since, TableMode, TableResult, TableShape, WriteMarks,
    compare, table_shape,
};
use crate::postgres::{PgError, Session};

/// What all tables have in common.
#[derive(Clone, Copy)]
pub(super) struct Terms<'a> {
    pub since: &'a Since,
    pub show_values: bool,
    pub deadline: Instant,
    /// A session on the source outside of any transaction, where there are marks to hold against.
    pub source: Option<&'a Session>,
}

/// What was found of one table.
#[derive(Default)]
pub(super) struct Compared {
    pub findings: Vec<DataFinding>,
    pub result: Option<TableResult>,
    /// Whether the sessions cannot be used any more.
    pub lost: bool,
}

/// Compares one table on all these pairs at once.
pub(super) async fn compare_table(terms: Terms<'_>, pairs: &[Pair<'_>], target: &Target) -> Compared {
    let started = Instant::now();
    let subject = format!("table {}", target.name);
    let sessions: Vec<&Session> = pairs.iter().flat_map(|pair| pair.sessions()).collect();
    let done = apart(&sessions, terms.deadline, work(terms, pairs, target)).await;
    let mut compared = match done {
        Ok(compared) => compared,
        Err(error) => Compared {
            findings: vec![DataFinding::cannot_tell(subject, format!("could not be compared: {error}"))],
            lost: error.fatal,
            result: None,
        },
    };
    if let Some(result) = &mut compared.result {
        result.seconds = started.elapsed().as_secs_f64();
    }
    compared
}

/// Counts a table's rows on the copy.
pub(super) async fn count_table(
    copy: Side<'_>,
    deadline: Instant,
    target: &Target,
    least: u64,
) -> (DataFinding, TableResult) {
    let started = Instant::now();
    let subject = format!("table {}", target.name);
    let query = format!("SELECT count(*) FROM {}.{}", quote(&target.schema), quote(&target.table));
    let read = async { Ok(count(copy.session.client().query_one(&query, &[]).await?.get(0))) };
    let rows = apart(&[copy.session], deadline, read).await;
    let mut result = result(target);
    result.rows_copy = rows.as_ref().ok().copied();
    result.seconds = started.elapsed().as_secs_f64();
    let finding = match rows {
        Ok(rows) if rows >= least => {
            DataFinding::same(subject, format!("has {rows} rows, at least {least} expected"))
        }
        Ok(rows) => {
            DataFinding::different(subject, format!("has {rows} rows, at least {least} were expected"))
        }
        // Undefined table, undefined schema.
        Err(error) if matches!(error.code.as_deref(), Some("42P01" | "3F000")) => DataFinding::different(
            subject,
            format!("is not in the copy, at least {least} rows were expected"),
        ),
        Err(error) => DataFinding::cannot_tell(subject, format!("could not be counted: {error}")),
    };
    (finding, result)
}

fn result(target: &Target) -> TableResult {
    let mode = match &target.mode {
        TableMode::Exact => "exact".into(),
        TableMode::AsOf(column) => format!("as_of {column}"),
        TableMode::AtLeast(rows) => format!("at_least {rows}"),
    };
    TableResult {
        name: target.name.clone(),
        mode,
        rows_source: None,
        rows_copy: None,
        digest_source: None,
        digest_copy: None,
        seconds: 0.0,
    }
}

async fn work(terms: Terms<'_>, pairs: &[Pair<'_>], target: &Target) -> Result<Compared, PgError> {
    let mut compared = Compared::default();
    let subject = format!("table {}", target.name);
    let Some(pair) = pairs.first().copied() else { return Ok(compared) };
    let shape = async |side: Side<'_>| table_shape(side.session, &target.schema, &target.table).await;
    // A table that one side lacks is named among the definitions.
    let (Some(left), Some(right)) = pair.both(shape).await? else { return Ok(compared) };
    let shape = left.common(&right);
    let filter = match &target.mode {
        TableMode::AsOf(column) => match as_of(&shape, column, terms.since.at) {
            Ok(filter) => filter,
            Err(why) => {
                compared.findings.push(DataFinding::cannot_tell(subject, why));
                return Ok(compared);
            }
        },
        _ => Filter::default(),
    };
    if let TableMode::AsOf(column) = &target.mode {
        compared.findings.extend(undated(pair, &shape, column, &subject).await?);
    }
    let found = compare(pairs, &shape, &filter).await?;
    let mut result = result(target);
    result.rows_source = Some(found.left.rows);
    result.rows_copy = Some(found.right.rows);
    result.digest_source = Some(found.left.sum.to_string());
    result.digest_copy = Some(found.right.sum.to_string());
    compared.result = Some(result);
    let only = match left.columns.len().max(right.columns.len()) == shape.columns.len() {
        true => String::new(),
        false => format!(" (of the {} columns that both have)", shape.columns.len()),
    };
    compared.findings.push(if found.is_same() {
        DataFinding::same(subject, format!("has the same {} rows{only}", found.left.rows))
    } else {
        let message = describe(pair, &shape, &filter, &found, terms.show_values).await?;
        let (outcome, reason) = blame(terms, pair, target, &shape, &filter, &found).await?;
        DataFinding { subject, outcome, message: format!("differs{only}: {message}{reason}") }
    });
    Ok(compared)
}

/// The rows that were there at that moment, by a column; or why it cannot tell them.
fn as_of(shape: &TableShape, column: &str, at: OffsetDateTime) -> Result<Filter, String> {
    let Some(found) = shape.columns.iter().find(|found| found.name == column) else {
        return Err(format!("has no column `{column}` on both sides; check the table's `as_of` in the plan"));
    };
    let name = quote(column);
    let condition = match found.base.as_str() {
        "timestamp with time zone" => format!("{name} <= $1::text::timestamptz"),
        "timestamp without time zone" => format!("{name} <= ($1::text::timestamptz AT TIME ZONE 'UTC')"),
        "date" => format!("{name} < ($1::text::timestamptz AT TIME ZONE 'UTC')::date"),
        other => {
            return Err(format!(
                "cannot be compared by `{column}`: it is a {other}, not a timestamp or date"
            ));
        }
    };
    let at = at.format(&Rfc3339).map_err(|error| format!("cannot be compared as of {at}: {error}"))?;
    Ok(Filter::new(condition, vec![at]))
}

/// Rows that have no date are on neither side of the moment.
async fn undated(
    pair: Pair<'_>,
    shape: &TableShape,
    column: &str,
    subject: &str,
) -> Result<Option<DataFinding>, PgError> {
    let query = format!("SELECT count(*) FROM ONLY {} WHERE {} IS NULL", shape.quoted(), quote(column));
    let read = async |side: Side<'_>| Ok(count(side.session.client().query_one(&query, &[]).await?.get(0)));
    let (source, copy) = pair.both(read).await?;
    let message = format!(
        "was not compared where `{column}` is NULL: {source} rows in the source, {copy} in the copy; \
         fill the column or choose another one"
    );
    Ok((source + copy > 0).then(|| DataFinding::cannot_tell(subject, message)))
}

/// Whether a difference is the copy's fault, and if that cannot be told, why.
async fn blame(
    terms: Terms<'_>,
    pair: Pair<'_>,
    target: &Target,
    shape: &TableShape,
    filter: &Filter,
    found: &Comparison,
) -> Result<(DataOutcome, String), PgError> {
    let as_of = matches!(target.mode, TableMode::AsOf(_));
    let Some(marks) = &terms.since.marks else {
        // The plan says that such rows neither come nor go. Without a key, one that was changed looks like both.
        let came_or_went = found.left.rows != found.right.rows
            || (!shape.key.is_empty()
                && found.rows.iter().any(|row| !matches!(row, super::DifferentRow::Changed(_))));
        return Ok(match as_of && came_or_went {
            true => (DataOutcome::Different, String::new()),
            false => (
                DataOutcome::CannotTell,
                "; whether the source was written since that moment is not known".into(),
            ),
        });
    };
    let written = written_since(pair.left, shape, filter, marks).await.map_err(on("source"))?;
    if written > 0 {
        let reason = format!("; {written} of the source's rows were written after that moment");
        return Ok((DataOutcome::CannotTell, reason));
    }
    // As of a moment, what was deleted since is a difference: the plan says that nothing is.
    if !as_of && let Some(source) = terms.source {
        // Rows that the copy has and the source does not can have been deleted since; nothing else is left.
        let deleted = !found.all || found.right.rows > found.left.rows || has_more(found);
        if deleted && marks.deleted_since(source, &target.name).await.map_err(on("source"))? {
            return Ok((
                DataOutcome::CannotTell,
                "; rows of the source were deleted after that moment".into(),
            ));
        }
    }
    Ok((DataOutcome::Different, String::new()))
}

/// Whether the copy has a row that the source does not have as often.
fn has_more(found: &Comparison) -> bool {
    found.rows.iter().any(|row| match row {
        super::DifferentRow::OnlyRight(_) => true,
        super::DifferentRow::Repeated { left, right, .. } => right > left,
        _ => false,
    })
}

async fn written_since(
    side: Side<'_>,
    shape: &TableShape,
    filter: &Filter,
    marks: &WriteMarks,
) -> Result<u64, PgError> {
    let filter = filter.and(marks.written_since());
    let query = format!("SELECT count(*) FROM ONLY {}{}", shape.quoted(), filter.clause());
    Ok(count(side.session.client().query_one(&query, &filter.values()).await?.get(0)))
}
