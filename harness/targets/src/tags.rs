//! The tags on what a run makes.

/// The tag that holds the run's id.
pub const RUN_TAG: &str = "lifeboat:run";

/// The tag that names the source of a copy.
pub const COPY_OF_TAG: &str = "lifeboat:copy-of";

/// The tag on a target that says which run drills it, and until when: see [`crate::Holder`].
pub const LOCK_TAG: &str = "lifeboat:lock";

/// The tag that says until when a run may need what it made, in RFC 3339.
pub const EXPIRES_TAG: &str = "lifeboat:expires-at";
