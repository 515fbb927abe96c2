//! A whole validation: what is asked for, and in which order it is done.
//!
//! Each side is read in one snapshot by several sessions, and both sides at the same time. Whatever cannot be read becomes
//! a finding that names it.

use std::sync::Mutex;
use std::time::Duration;

use futures_util::future::{join, join_all};
use tokio::time::Instant;

use super::definitions::definitions;
use super::indexes::check_indexes;
use super::large_objects::large_objects;
use super::queries::ask;
use super::relations::{Target, Targets, relations};
use super::schema::compare_definitions;
use super::sequences::check_sequences;
use super::side::on;
use super::snapshot::{Snapshot, apart, plain};
use super::tables::{Compared, Terms, compare_table, count_table};
use super::{DataFinding, Expectations, Pair, Side, Since, TableMode, Validation};
use crate::postgres::own_schema::schemas_of_drills;
use crate::postgres::{PgError, Server, Session};

/// Tables of at least so many pages are read by all sessions at once, one after the other.
const LARGE: i32 = 2_048;

/// What is validated.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The source; without it only what the copy shows by itself is looked at.
    pub source: Option<&'a Server>,
    /// The copy.
    pub copy: &'a Server,
    /// What is expected of it.
    pub expectations: &'a Expectations,
    /// The moment that the copy is of.
    pub since: &'a Since,
    /// Schemas that are no part of the comparison, as the drill's own.
    pub ignore_schemas: &'a [String],
    /// What the sessions are called.
    pub application_name: &'a str,
    /// Sessions on each side that read at the same time.
    pub workers: usize,
    /// All of it ends within this; what was not reached then is a finding.
    pub limit: Duration,
}

/// Validates a copy.
///
/// # Errors
/// [`PgError`] where one of the sides cannot be connected to.
pub async fn validate(subject: &Subject<'_>) -> Result<Validation, PgError> {
    let started = Instant::now();
    let deadline = started + subject.limit;
    let open = async |server: Option<&Server>, side: &'static str| match server {
        Some(server) => Snapshot::open(server, subject.application_name, subject.workers, deadline)
            .await
            .map(Some)
            .map_err(on(side)),
        None => Ok(None),
    };
    let (source, copy) = join(open(subject.source, "source"), open(Some(subject.copy), "copy")).await;
    let (source, copy) = (source?, copy?);
    let mut validation = Validation::default();
    if let Some(copy) = &copy {
        let ignored = subject.ignore_schemas.to_vec();
        let mut run = Run { subject, ignored, source: source.as_ref(), copy, deadline };
        run.leave_out_other_drills(&mut validation).await;
        run.all(&mut validation).await;
    }
    for snapshot in [source, copy].into_iter().flatten() {
        snapshot.close().await;
    }
    validation.seconds = started.elapsed().as_secs_f64();
    Ok(validation)
}

struct Run<'a> {
    subject: &'a Subject<'a>,
    ignored: Vec<String>,
    source: Option<&'a Snapshot>,
    copy: &'a Snapshot,
    deadline: Instant,
}

impl Run<'_> {
    /// A backup that was taken while another drill ran has that drill's schema, which is data of nobody's.
    async fn leave_out_other_drills(&mut self, validation: &mut Validation) {
        for snapshot in self.source.into_iter().chain([self.copy]) {
            let session = snapshot.side().session;
            match apart(&[session], self.deadline, schemas_of_drills(session)).await {
                Ok(found) => {
                    for name in found {
                        if !self.ignored.contains(&name) {
                            let what =
                                format!("schema {name} was not compared: another drill made it for itself");
                            validation.not_compared.push(what);
                            self.ignored.push(name);
                        }
                    }
                }
                Err(error) => validation.findings.push(unread("schemas", &error)),
            }
        }
    }

    async fn all(&self, validation: &mut Validation) {
        self.definitions(validation).await;
        self.tables(validation).await;
        let source = self.source.map(Snapshot::side);
        let ignored = self.ignored.as_slice();
        match check_sequences(source, self.copy.side(), ignored, self.deadline).await {
            Ok(found) => validation.findings.extend(found),
            Err(error) => validation.findings.push(unread("sequences", &error)),
        }
        self.indexes(validation).await;
        self.queries(validation).await;
    }

    fn pairs(&self) -> Vec<Pair<'_>> {
        let Some(source) = self.source else { return Vec::new() };
        let sides = source.sides().into_iter().zip(self.copy.sides());
        sides.map(|(left, right)| Pair { left, right }).collect()
    }

    async fn definitions(&self, validation: &mut Validation) {
        let Some(pair) = self.pairs().first().copied() else {
            validation
                .not_compared
                .push("the schema was not compared: there is no source to compare with".into());
            return;
        };
        let ignored = self.ignored.as_slice();
        let read = pair.both(async |side: Side<'_>| definitions(side.session, ignored).await);
        match apart(&pair.sessions(), self.deadline, read).await {
            Ok((source, copy)) => {
                let marks = self.subject.since.marks.as_ref();
                validation.findings.extend(compare_definitions(&source, &copy, marks));
            }
            Err(error) => validation.findings.push(unread("schema", &error)),
        }
    }

    async fn tables(&self, validation: &mut Validation) {
        let all = self.source.unwrap_or(self.copy).side();
        let read = relations(all, &self.ignored);
        let all = match apart(&[all.session], self.deadline, read).await {
            Ok(all) => all,
            Err(error) => return validation.findings.push(unread("tables", &error)),
        };
        let targets = Targets::choose(&all, &self.subject.expectations.tables);
        validation.not_compared.extend(targets.left_out);
        for (name, why) in targets.impossible {
            let message = format!("cannot be compared: {why}");
            validation.findings.push(DataFinding::cannot_tell(format!("table {name}"), message));
        }
        if targets.compare.is_empty() {
            validation.not_compared.push("no table was compared: there is none".into());
        }
        let mut compare = Vec::new();
        for target in targets.compare {
            if let TableMode::AtLeast(least) = target.mode {
                let (finding, result) = count_table(self.copy.side(), self.deadline, &target, least).await;
                validation.findings.push(finding);
                validation.tables.push(result);
            } else {
                compare.push(target);
            }
        }
        let pairs = self.pairs();
        if pairs.is_empty() {
            for target in compare {
                let message = "cannot be compared: there is no source to compare with";
                validation.findings.push(DataFinding::cannot_tell(format!("table {}", target.name), message));
            }
            return;
        }
        // Marks are held against a session that sees the present.
        let watch = match (self.subject.source, &self.subject.since.marks) {
            (Some(source), Some(_)) => {
                match plain(source, self.subject.application_name, self.deadline).await {
                    Ok(session) => Some(session),
                    Err(error) => return validation.findings.push(unread("tables", &error)),
                }
            }
            _ => None,
        };
        let terms = Terms {
            since: self.subject.since,
            show_values: self.subject.expectations.show_values,
            deadline: self.deadline,
            source: watch.as_ref(),
        };
        let mut found = compare_all(terms, &pairs, compare).await;
        found.push(large_objects(terms, pairs[0], &mut validation.not_compared).await);
        for compared in found {
            validation.findings.extend(compared.findings);
            validation.tables.extend(compared.result);
        }
        if let Some(session) = watch {
            session.close().await;
        }
    }

    async fn indexes(&self, validation: &mut Validation) {
        let found = async {
            let session = plain(self.subject.copy, self.subject.application_name, self.deadline).await?;
            let found = check_indexes(&session, &self.ignored, self.deadline).await;
            end(session).await;
            found
        };
        match found.await {
            Ok(Some(found)) => validation.findings.extend(found),
            Ok(None) => validation.not_compared.push(
                "the structure of the indexes was not measured: amcheck is not installed in the copy, or not for this role"
                    .into(),
            ),
            Err(error) => validation.findings.push(unread("indexes", &error)),
        }
    }

    async fn queries(&self, validation: &mut Validation) {
        let queries = &self.subject.expectations.queries;
        if queries.is_empty() {
            return;
        }
        let found = async {
            let session = plain(self.subject.copy, self.subject.application_name, self.deadline).await?;
            self.copy.join(&session).await?;
            let found = ask(&session, queries, self.subject.expectations.show_values, self.deadline).await;
            end(session).await;
            Ok(found)
        };
        match found.await {
            Ok(found) => validation.findings.extend(found),
            Err::<_, PgError>(error) => validation.findings.push(unread("queries", &error)),
        }
    }
}

/// Ends a session even if it owes an answer.
async fn end(session: Session) {
    session.give_up(Duration::from_secs(5)).await;
}

fn unread(subject: &str, error: &PgError) -> DataFinding {
    DataFinding::cannot_tell(subject, format!("could not be read: {error}"))
}

/// Compares every table: the large ones by all pairs at once, of the others as many at a time as there are pairs.
async fn compare_all(terms: Terms<'_>, pairs: &[Pair<'_>], targets: Vec<Target>) -> Vec<Compared> {
    let (large, small): (Vec<Target>, Vec<Target>) =
        targets.into_iter().partition(|target| target.pages >= LARGE);
    let mut found = Vec::new();
    let mut usable = pairs.to_vec();
    for target in &large {
        let compared = compare_table(terms, &usable, target).await;
        usable.retain(|pair| !pair.sessions().iter().any(|session| session.is_closed()));
        found.push(compared);
    }
    let queue = Mutex::new(small.into_iter());
    let next = || queue.lock().ok().and_then(|mut queue| queue.next());
    let work = async |pair: &Pair<'_>| {
        let mut done = Vec::new();
        while let Some(target) = next() {
            let compared = compare_table(terms, &[*pair], &target).await;
            let lost = compared.lost;
            done.push(compared);
            if lost {
                break;
            }
        }
        done
    };
    found.extend(join_all(usable.iter().map(work)).await.into_iter().flatten());
    // Left over where every pair has lost its session.
    while let Some(target) = next() {
        let message = "was not compared: the sessions had ended";
        let finding = DataFinding::cannot_tell(format!("table {}", target.name), message);
        found.push(Compared { findings: vec![finding], ..Compared::default() });
    }
    found
}
