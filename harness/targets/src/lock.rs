//! The lock on a target: a tag that names the run which drills it, and says until when.
//!
//! AWS has no conditional write of a tag, so the lock is advisory: it is read, written, and read back after a while. It does
//! not keep two runs apart of which one reads before the other's tag shows and writes after the other has read back; nor
//! does it keep out who takes the tag off.

use std::collections::BTreeMap;

use lifeboat_model::LockedTarget;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::claim::CLOCKS;
use crate::dynamodb::Dynamo;
use crate::rds::Rds;
use crate::tags::LOCK_TAG;
use crate::{Aws, AwsError};

/// What stands between the run's id and the time in the tag's value. AWS allows letters, digits, spaces and `+-=._:/@`.
const UNTIL: &str = " until ";

/// Who has a lock, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The run's id.
    pub run: String,
    /// When it is nobody's any more, in whole seconds.
    pub until: OffsetDateTime,
}

/// What a lock that is found means to a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// There is none, or it is the run's own.
    Free,
    /// It has expired: its run is dead, or has forgotten it.
    Expired(Holder),
    /// Another run's.
    Held(Holder),
    /// Not written by a run: nobody knows until when it counts.
    Unreadable(String),
}

impl Holder {
    /// The tag's value.
    pub fn value(&self) -> String {
        let until = self.until.to_offset(time::UtcOffset::UTC).replace_nanosecond(0).unwrap_or(self.until);
        format!("{}{UNTIL}{}", self.run, until.format(&Rfc3339).unwrap_or_default())
    }

    fn of(value: &str) -> Option<Self> {
        let (run, until) = value.split_once(UNTIL)?;
        let until = OffsetDateTime::parse(until, &Rfc3339).ok()?;
        (!run.is_empty()).then(|| Self { run: run.into(), until })
    }
}

impl Standing {
    /// What a tag's value means to a run at `now`. A lock counts a little longer than it says, for clocks that differ.
    pub fn of(value: Option<&str>, run: &str, now: OffsetDateTime) -> Self {
        let Some(value) = value else { return Self::Free };
        match Holder::of(value) {
            None => Self::Unreadable(value.into()),
            Some(holder) if holder.run == run => Self::Free,
            Some(holder) if holder.until < now - CLOCKS => Self::Expired(holder),
            Some(holder) => Self::Held(holder),
        }
    }
}

/// A target and its tag, as a look finds them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tagged {
    /// The target's ARN now: that of an instance follows its name.
    pub arn: String,
    /// The tag's value; none where it has no lock.
    pub lock: Option<String>,
}

/// The lock of one target.
#[derive(Debug, Clone)]
pub struct TargetLock {
    aws: Aws,
    target: LockedTarget,
}

impl TargetLock {
    /// Of a target; nothing is called.
    pub fn new(aws: &Aws, target: LockedTarget) -> Self {
        Self { aws: aws.clone(), target }
    }

    /// The target.
    pub fn target(&self) -> &LockedTarget {
        &self.target
    }

    /// The connection that it uses.
    pub fn aws(&self) -> &Aws {
        &self.aws
    }

    /// Looks at the target, whatever its name is by now; none where it is gone. Another of its name is not looked at.
    ///
    /// # Errors
    /// [`AwsError`].
    pub async fn look(&self) -> Result<Option<Tagged>, AwsError> {
        match &self.target {
            LockedTarget::DbInstance { identifier, resource_id } => {
                let rds = Rds::new(&self.aws);
                let named = rds.find(identifier).await?.filter(|found| found.resource_id == *resource_id);
                let found = match named {
                    Some(found) => Some(found),
                    None => rds.find_by_resource_id(resource_id).await?,
                };
                Ok(found.map(|found| Tagged { lock: found.tag(LOCK_TAG).map(str::to_owned), arn: found.arn }))
            }
            LockedTarget::DynamodbTable { table, table_id } => {
                let dynamo = Dynamo::new(&self.aws);
                let Some(found) = dynamo.find(table).await?.filter(|found| found.id == *table_id) else {
                    return Ok(None);
                };
                let lock = dynamo.tags(&found.arn).await?.remove(LOCK_TAG);
                Ok(Some(Tagged { arn: found.arn, lock }))
            }
        }
    }

    /// Writes the tag, over whatever is there, with one attempt.
    ///
    /// # Errors
    /// [`AwsError`]; its effect says whether it may have been written.
    pub async fn write(&self, arn: &str, holder: &Holder) -> Result<(), AwsError> {
        let tags = BTreeMap::from([(LOCK_TAG.to_owned(), holder.value())]);
        match &self.target {
            LockedTarget::DbInstance { .. } => Rds::new(&self.aws).add_tags(arn, &tags).await,
            LockedTarget::DynamodbTable { .. } => Dynamo::new(&self.aws).set_tags(arn, &tags).await,
        }
    }

    /// Takes the tag off, whosever it is, with one attempt.
    ///
    /// # Errors
    /// [`AwsError`]; its effect says whether it may be off.
    pub async fn remove(&self, arn: &str) -> Result<(), AwsError> {
        let keys = [LOCK_TAG.to_owned()];
        match &self.target {
            LockedTarget::DbInstance { .. } => Rds::new(&self.aws).remove_tags(arn, &keys).await,
            LockedTarget::DynamodbTable { .. } => Dynamo::new(&self.aws).remove_tags(arn, &keys).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const RUN: &str = "20261121-143954-0a1b2c";
    const OTHER: &str = "20261121-143954-0a1b2d";

    #[test]
    fn a_value_tells_its_run_and_has_no_letter_that_aws_refuses() {
        let written = datetime!(2026-11-22 14:39:54.123 +01:00);
        let value = Holder { run: RUN.into(), until: written }.value();
        assert_eq!(value, "20261121-143954-0a1b2c until 2026-11-22T13:39:54Z");
        assert!(value.chars().all(|c| c.is_ascii_alphanumeric() || " +-=._:/@".contains(c)), "{value}");
        assert!(value.len() <= 256);
        let until = datetime!(2026-11-22 13:39:54 UTC);
        assert_eq!(Holder::of(&value), Some(Holder { run: RUN.into(), until }));
    }

    #[test]
    fn only_what_has_expired_for_every_clock_is_taken_over() {
        let holder = Holder { run: OTHER.into(), until: datetime!(2026-11-22 13:39:54 UTC) };
        let value = holder.value();
        let of = |value: &str, run, now| Standing::of(Some(value), run, now);
        let until = holder.until;
        assert_eq!(Standing::of(None, RUN, until), Standing::Free);
        assert_eq!(of(&value, OTHER, until), Standing::Free, "the run's own");
        assert_eq!(of(&value, RUN, until - CLOCKS), Standing::Held(holder.clone()));
        assert_eq!(of(&value, RUN, until + CLOCKS), Standing::Held(holder.clone()));
        let later = until + CLOCKS + std::time::Duration::from_secs(1);
        assert_eq!(of(&value, RUN, later), Standing::Expired(holder));
        // Nobody's clock ends there.
        let forever = "ops until 9999-12-31T23:59:59Z";
        assert!(matches!(of(forever, RUN, later), Standing::Held(holder) if holder.run == "ops"));
        for odd in ["", "mine", " until 2020-01-01T00:00:00Z", "x until tomorrow"] {
            assert_eq!(
                of(odd, RUN, later),
                Standing::Unreadable(odd.into()),
                "nobody knows whether it has expired"
            );
        }
    }
}
