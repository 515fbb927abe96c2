//! How long a call of the control plane may take: the limits of every client, one constant each.
//!
//! A connection that is slow to come ends after [`CONNECT`], a server that does not begin to answer after [`READ`], one whose
//! answer does not end after [`ATTEMPT`]; and whatever happens, getting credentials included, after [`OPERATION`]. Nothing
//! else watches an answer: the SDK's own look at stalled streams would end some of these calls with other codes.

use std::time::Duration;

use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;

/// Until there is a connection.
pub(crate) const CONNECT: Duration = Duration::from_secs(3);

/// From the request to the first byte of its answer.
pub(crate) const READ: Duration = Duration::from_secs(10);

/// From a request to the end of its answer. The largest answers are a megabyte of items.
pub(crate) const ATTEMPT: Duration = Duration::from_secs(15);

/// The whole of a call: credentials, and the second request where the first was refused for them.
pub(crate) const OPERATION: Duration = Duration::from_secs(20);

/// Until there are credentials, wherever they come from. Shorter than [`ATTEMPT`], so that the error names them.
pub(crate) const CREDENTIALS: Duration = Duration::from_secs(12);

/// Until the metadata service of EC2 has answered once; on a machine that is none nobody does.
pub(crate) const INSTANCE_METADATA: Duration = Duration::from_secs(1);

/// The limits for the SDK.
pub(super) fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .read_timeout(READ)
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(OPERATION)
        .build()
}

/// Off: the limits above are what ends an answer that does not come.
pub(super) fn stalled_streams() -> StalledStreamProtectionConfig {
    StalledStreamProtectionConfig::disabled()
}
