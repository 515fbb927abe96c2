//! Whether something is a run's own where the run did not come to journal its identity: by its tag, and by when it was made.
//!
//! A name says nothing. AWS copies tags, from the source of a restore where the call gives none: a tag that the target
//! carries as well proves nothing either. It does not guard against somebody who tags something of theirs with the run's id
//! on purpose.

use std::time::Duration;

use lifeboat_model::run_began;
use time::OffsetDateTime;

use crate::AwsError;
use crate::rds::{InstanceView, Rds, SnapshotView};
use crate::tags::RUN_TAG;

/// By so much the clocks of a run and of AWS may differ.
pub(crate) const CLOCKS: Duration = Duration::from_secs(600);

/// What something is to a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// The run made it.
    Ours,
    /// It cannot be told yet, and why.
    NotYet(String),
    /// The run did not make it, or it is somebody's by now; why, as a sentence's end.
    Not(String),
}

/// By the time alone.
pub(crate) fn by_time(run: &str, created_at: Option<OffsetDateTime>) -> Claim {
    match (run_began(run), created_at) {
        (None, _) => Claim::Not(format!("it is not known when run {run} began")),
        (_, None) => Claim::NotYet("it does not say yet when it was made".into()),
        (Some(began), Some(made)) if made < began - CLOCKS => {
            Claim::Not(format!("it was made at {made}, before the run"))
        }
        _ => Claim::Ours,
    }
}

fn by_tag_and_time(tag: Option<&str>, run: &str, created_at: Option<OffsetDateTime>) -> Claim {
    if tag == Some(run) { by_time(run, created_at) } else { Claim::Not(untagged()) }
}

/// Why what has no tag of the run is left alone, as a sentence's end: whoever keeps it takes the tags off.
pub(crate) fn untagged() -> String {
    format!("it does not carry the tag {RUN_TAG} of this run (any more)")
}

impl Rds {
    /// Whether an instance is one that a run made whose target has that DbiResourceId.
    ///
    /// # Errors
    /// [`AwsError`], if the target cannot be looked at.
    pub async fn claim(&self, found: &InstanceView, run: &str, target: &str) -> Result<Claim, AwsError> {
        if found.resource_id == target {
            return Ok(Claim::Not("it is the target of the drill itself".into()));
        }
        let claim = by_tag_and_time(found.tag(RUN_TAG), run, found.created_at);
        self.unless_copied(claim, run, target).await
    }

    /// The same of a snapshot.
    ///
    /// # Errors
    /// [`AwsError`], if its source cannot be looked at.
    pub async fn claim_snapshot(&self, found: &SnapshotView, run: &str) -> Result<Claim, AwsError> {
        let claim = by_tag_and_time(found.tag(RUN_TAG), run, found.created_at);
        self.unless_copied(claim, run, &found.source_resource_id).await
    }

    async fn unless_copied(&self, claim: Claim, run: &str, source: &str) -> Result<Claim, AwsError> {
        // Some stand-ins give no such id.
        if matches!(claim, Claim::Not(_)) || source.is_empty() {
            return Ok(claim);
        }
        let source = self.find_by_resource_id(source).await?;
        Ok(match source {
            Some(source) if source.tag(RUN_TAG) == Some(run) => Claim::Not(format!(
                "its tag {RUN_TAG} may be a copy of its source's: `{}` carries it as well",
                source.identifier
            )),
            _ => claim,
        })
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const RUN: &str = "20261121-143954-0a1b2c";

    #[test]
    fn what_is_older_than_the_run_or_of_no_known_age_is_not_its_own() {
        let began = datetime!(2026-11-21 14:39:54 UTC);
        assert_eq!(by_time(RUN, Some(began)), Claim::Ours);
        assert_eq!(by_time(RUN, Some(began - CLOCKS)), Claim::Ours);
        assert!(matches!(by_time(RUN, Some(began - CLOCKS * 2)), Claim::Not(_)));
        assert!(matches!(by_time(RUN, None), Claim::NotYet(_)));
        assert!(matches!(by_time("run-7", Some(began)), Claim::Not(_)));
        assert!(matches!(by_tag_and_time(None, RUN, Some(began)), Claim::Not(_)));
        assert!(matches!(by_tag_and_time(Some("another"), RUN, None), Claim::Not(_)));
    }
}
