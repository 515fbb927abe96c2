//! The SDK's times and the harness's.

use aws_sdk_dynamodb::primitives::DateTime;
use time::OffsetDateTime;

/// A time of an answer; `None` where it is out of range.
pub fn of_sdk(at: &DateTime) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(at.as_nanos()).ok()
}

/// A time for a call, in whole seconds: the wire's numbers are doubles.
pub fn to_sdk(at: OffsetDateTime) -> DateTime {
    DateTime::from_secs(at.unix_timestamp())
}
