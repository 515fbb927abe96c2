//! What counts as left behind by a run, and what may be deleted of it.

use std::collections::BTreeMap;
use std::time::Duration;

use lifeboat_model::{run_began, run_of_name};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::claim::CLOCKS;
use crate::tags::{EXPIRES_TAG, RUN_TAG};

/// How long after its beginning a run may still make something.
const LONGEST_RUN: Duration = Duration::from_secs(24 * 3600);

/// What kind of thing it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftoverKind {
    /// A DB instance.
    Instance,
    /// A manual DB snapshot.
    Snapshot,
    /// A DynamoDB table.
    Table,
    /// An on-demand backup of a DynamoDB table.
    Backup,
}

impl LeftoverKind {
    /// As people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Instance => "DB instance",
            Self::Snapshot => "DB snapshot",
            Self::Table => "table",
            Self::Backup => "backup",
        }
    }

    /// Whether the call that makes it takes tags, so that without them it is nobody's leftover.
    fn is_tagged_when_made(self) -> bool {
        matches!(self, Self::Instance | Self::Snapshot)
    }
}

/// Something that exists, and may be a run's.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub kind: LeftoverKind,
    pub name: String,
    pub identity: String,
    pub created_at: Option<OffsetDateTime>,
    pub tags: BTreeMap<String, String>,
    pub cost: String,
    pub status: String,
    /// Whether it is protected against deletion.
    pub protected: bool,
}

/// What may be done with a leftover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Its time has passed: it may be deleted.
    Expired,
    /// A run may still need it.
    InUse {
        /// Why, as a sentence's end.
        why: String,
    },
    /// It has no tag, as AWS could not give it one: deleted only where a person names it.
    Untagged,
    /// Something does not fit: never deleted.
    Doubtful {
        /// What, as a sentence's end.
        why: String,
    },
}

/// Something that a run seems to have left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// What it is.
    pub kind: LeftoverKind,
    /// Its name, which only a backup shares with others.
    pub name: String,
    /// DbiResourceId of an instance, ARN of a snapshot or backup, TableId of a table.
    pub identity: String,
    /// The run's id.
    pub run: String,
    /// When it was made.
    pub created_at: Option<OffsetDateTime>,
    /// What it is billed by.
    pub cost: String,
    /// What may be done with it.
    pub standing: Standing,
}

impl Leftover {
    /// Judges something that exists at `now`; none where it is no run's. Nothing younger than `older_than` is expired.
    pub(super) fn of(candidate: Candidate, now: OffsetDateTime, older_than: Duration) -> Option<Self> {
        let in_name = run_of_name(&candidate.name).map(str::to_owned);
        let in_tag = candidate.tags.get(RUN_TAG).cloned();
        let doubtful = |why: &str| Standing::Doubtful { why: why.to_owned() };
        let (run, standing) = match (in_name, in_tag) {
            (None, None) => return None,
            // Its user keeps it: that takes the tags off.
            (Some(_), None) if candidate.kind.is_tagged_when_made() => return None,
            (None, Some(run)) => {
                let why =
                    "its name is not one that a run gives: its tags may have been copied, or it was renamed";
                (run, doubtful(why))
            }
            (Some(run), Some(tag)) if run != tag => {
                let why = format!("its name holds the id of run {run}, and its tag {RUN_TAG} is {tag}");
                (run, Standing::Doubtful { why })
            }
            (Some(run), tag) => {
                let standing = match fits(&run, candidate.created_at) {
                    // While it is being made, AWS may not say since when.
                    _ if expiry(&candidate.tags).is_ok_and(|(_, at)| at > now) => {
                        expired(&candidate.tags, now)
                    }
                    // A drill never protects what it makes.
                    _ if candidate.protected => doubtful("somebody has protected it against deletion"),
                    Err(why) => Standing::Doubtful { why },
                    Ok(made) if now - made < older_than => {
                        Standing::InUse { why: format!("it is younger than {} s", older_than.as_secs()) }
                    }
                    Ok(_) if tag.is_none() => Standing::Untagged,
                    Ok(_) => expired(&candidate.tags, now),
                };
                (run, standing)
            }
        };
        let Candidate { kind, name, identity, created_at, cost, .. } = candidate;
        Some(Self { kind, name, identity, run, created_at, cost, standing })
    }

    /// Whether it is the same thing as before, and as fit to be deleted.
    pub(super) fn is_as(&self, before: &Self) -> bool {
        let known = |it: &Self| (it.identity.clone(), it.run.clone(), it.created_at, it.standing.clone());
        known(self) == known(before)
    }
}

/// When it was made, if the run can have made it then.
fn fits(run: &str, created_at: Option<OffsetDateTime>) -> Result<OffsetDateTime, String> {
    let (Some(began), Some(made)) = (run_began(run), created_at) else {
        return Err("it is not known when it was made".into());
    };
    // Not by adding to it: a name may hold the last day that there is.
    if began - made > CLOCKS || made - began > LONGEST_RUN {
        return Err(format!("it was made at {made}, which does not fit run {run}"));
    }
    Ok(made)
}

fn expired(tags: &BTreeMap<String, String>, now: OffsetDateTime) -> Standing {
    match expiry(tags) {
        Err(why) => Standing::Doubtful { why },
        Ok((text, at)) if at > now => Standing::InUse { why: format!("it expires at {text}") },
        Ok(_) => Standing::Expired,
    }
}

/// The tag that says until when it is needed, as text and as time.
fn expiry(tags: &BTreeMap<String, String>) -> Result<(&str, OffsetDateTime), String> {
    let text = tags.get(EXPIRES_TAG).ok_or_else(|| format!("it has no tag {EXPIRES_TAG}"))?;
    let at = OffsetDateTime::parse(text, &Rfc3339);
    at.map(|at| (text.as_str(), at)).map_err(|_| format!("its tag {EXPIRES_TAG} is no time: {text}"))
}

#[cfg(test)]
mod tests {
    use lifeboat_model::{name_beside, own_name};
    use rstest::rstest;
    use time::macros::datetime;

    use super::*;
    use crate::tags::LOCK_TAG;

    const RUN: &str = "20261121-143954-0a1b2c";
    const OTHER: &str = "20261120-143954-0a1b2c";
    const MADE: OffsetDateTime = datetime!(2026-11-21 14:41 UTC);
    const EXPIRES: &str = "2026-11-22T14:39:54Z";
    const AFTER: OffsetDateTime = datetime!(2026-11-22 14:39:55 UTC);
    const OLD: Duration = Duration::from_secs(6 * 3600);

    fn copy() -> Candidate {
        Candidate {
            kind: LeftoverKind::Instance,
            name: name_beside("orders", "lb", RUN, "monthly"),
            identity: "db-COPY".into(),
            created_at: Some(MADE),
            tags: [(RUN_TAG.to_owned(), RUN.to_owned()), (EXPIRES_TAG.to_owned(), EXPIRES.to_owned())].into(),
            cost: "db.t4g.micro".into(),
            status: "available".into(),
            protected: false,
        }
    }

    fn standing(candidate: Candidate, now: OffsetDateTime) -> Option<Standing> {
        Leftover::of(candidate, now, OLD).map(|found| found.standing)
    }

    #[test]
    fn a_copy_is_deleted_once_it_has_expired() {
        assert_eq!(standing(copy(), AFTER), Some(Standing::Expired));
        let before = datetime!(2026-11-22 14:39:53 UTC);
        assert!(matches!(standing(copy(), before), Some(Standing::InUse { why }) if why.contains(EXPIRES)));
    }

    #[test]
    fn what_is_being_made_is_in_use_though_it_has_no_time() {
        let making = Candidate { created_at: None, status: "creating".into(), ..copy() };
        let before = datetime!(2026-11-22 14:39:53 UTC);
        assert!(matches!(standing(making, before), Some(Standing::InUse { why }) if why.contains(EXPIRES)));
    }

    #[test]
    fn what_has_changed_since_it_was_found_is_not_the_same() {
        let of = |candidate| Leftover::of(candidate, AFTER, OLD).expect("a leftover");
        let before = of(copy());
        assert!(of(copy()).is_as(&before));
        let changes: [fn(&mut Candidate); 4] = [
            |it| it.identity = "db-OTHER".into(),
            |it| it.protected = true,
            |it| it.created_at = Some(MADE + CLOCKS),
            |it| {
                it.tags.insert(EXPIRES_TAG.into(), "2026-12-01T00:00:00Z".into());
            },
        ];
        for change in changes {
            let mut other = copy();
            change(&mut other);
            assert!(!of(other).is_as(&before));
        }
    }

    #[test]
    fn what_is_young_is_left_to_its_run() {
        let mut copy = copy();
        copy.tags.insert(EXPIRES_TAG.into(), "2026-11-21T14:42:00Z".into());
        let young = standing(copy.clone(), datetime!(2026-11-21 20:40 UTC));
        assert!(matches!(young, Some(Standing::InUse { why }) if why.contains("younger than 21600 s")));
        assert_eq!(standing(copy, datetime!(2026-11-21 20:42 UTC)), Some(Standing::Expired));
    }

    #[test]
    fn what_its_user_keeps_is_nobodys_leftover() {
        let mut kept = copy();
        kept.tags = [("team".to_owned(), "payments".to_owned())].into();
        assert_eq!(standing(kept, AFTER), None);
        let mut target = copy();
        target.name = "orders".into();
        target.tags = [("lifeboat:drill".to_owned(), "allowed".to_owned())].into();
        assert_eq!(standing(target.clone(), AFTER), None);
        // A lock names a run as well, and says when it expires: it is on what the run drills, not on what it made.
        target.tags =
            [(LOCK_TAG.to_owned(), "20261121-143954-0a1b2c until 2026-11-22T00:00:00Z".to_owned())].into();
        assert_eq!(standing(target, AFTER), None);
    }

    #[rstest]
    #[case::the_tags_were_copied_to_another(|it: &mut Candidate| it.name = "orders-of-mine".into(), "its name is not one")]
    #[case::of_another_run(|it: &mut Candidate| { it.tags.insert(RUN_TAG.into(), OTHER.into()); }, "holds the id of run")]
    #[case::older_than_the_run(|it: &mut Candidate| it.created_at = Some(datetime!(2026-11-21 14:20 UTC)), "does not fit")]
    #[case::long_after_the_run(|it: &mut Candidate| it.created_at = Some(datetime!(2026-11-22 14:40 UTC)), "does not fit")]
    #[case::of_an_unknown_time(|it: &mut Candidate| it.created_at = None, "not known when")]
    #[case::protected(|it: &mut Candidate| it.protected = true, "somebody has protected it")]
    #[case::without_expiry(|it: &mut Candidate| { it.tags.remove(EXPIRES_TAG); }, "has no tag")]
    #[case::with_another_expiry(|it: &mut Candidate| { it.tags.insert(EXPIRES_TAG.into(), "soon".into()); }, "no time: soon")]
    fn what_does_not_fit_is_never_deleted(#[case] change: fn(&mut Candidate), #[case] said: &str) {
        let mut doubtful = copy();
        change(&mut doubtful);
        let found = standing(doubtful, datetime!(2027-01-01 0:00 UTC));
        assert!(matches!(&found, Some(Standing::Doubtful { why }) if why.contains(said)), "{found:?}");
    }

    #[test]
    fn a_table_without_tags_waits_for_a_person() {
        let table = |name: &str, tagged: bool| Candidate {
            kind: LeftoverKind::Table,
            name: name.into(),
            tags: if tagged { copy().tags } else { BTreeMap::new() },
            ..copy()
        };
        let name = own_name("copy", RUN, "monthly");
        assert_eq!(standing(table(&name, false), AFTER), Some(Standing::Untagged));
        assert_eq!(standing(table(&name, true), AFTER), Some(Standing::Expired));
        assert_eq!(standing(table("orders", false), AFTER), None);
    }
}
