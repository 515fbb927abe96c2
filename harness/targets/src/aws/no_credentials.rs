//! Why there are no credentials, and whether there may be some a little later.

use aws_config::imds::client::error::ImdsError;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::error::SdkError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::ConnectorError;
use thiserror::Error;

use super::AwsError;
use super::error::causes;

/// What the SDK says of the file of a sign-in that is just being written anew. It has no type for it that others may know.
const HALF_WRITTEN: [&str; 2] =
    ["failed to load the cached SSO token", "invalid JSON in cached SSO token file"];

/// Why there are no credentials. Clones are for all who waited for the same ones.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{why}")]
pub(super) struct NoCredentials {
    pub why: String,
    /// Whether it may be otherwise a little later, without anybody's doing.
    pub passing: bool,
}

impl NoCredentials {
    /// Nobody answered, or not in time.
    pub(super) fn for_now(why: impl Into<String>) -> Self {
        Self { why: why.into(), passing: true }
    }

    /// Somebody has to do something first.
    pub(super) fn for_good(why: impl Into<String>) -> Self {
        Self { why: why.into(), passing: false }
    }

    /// What an error of the SDK says of it.
    pub(super) fn of(error: &CredentialsError) -> Self {
        let mut next = std::error::Error::source(error);
        while let Some(cause) = next {
            if let Some(found) = cause.downcast_ref::<Self>() {
                return found.clone();
            }
            next = cause.source();
        }
        Self::for_good(std::error::Error::source(error).map_or_else(|| error.to_string(), causes))
    }
}

/// Whether the usual places may have credentials a little later; `had` says whether they have had some in this run. Before
/// that, a place that is empty or does not answer is none; after it, it is one that is being written anew or is down.
pub(super) fn may_come(error: &CredentialsError, had: bool) -> bool {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(cause) = next {
        match cause.downcast_ref::<CredentialsError>() {
            Some(CredentialsError::CredentialsNotLoaded(_)) => return had,
            Some(CredentialsError::ProviderTimedOut(_)) => return true,
            _ => {}
        }
        let text = cause.to_string();
        let unreadable =
            cause.is::<std::io::Error>() || HALF_WRITTEN.iter().any(|part| text.starts_with(part));
        if is_outage(cause) || (had && unreadable) {
            return true;
        }
        next = cause.source();
    }
    false
}

/// Whether whoever was asked did not answer, or only that it cannot now.
fn is_outage(cause: &(dyn std::error::Error + 'static)) -> bool {
    if let Some(error) = cause.downcast_ref::<ConnectorError>() {
        return error.is_io() || error.is_timeout();
    }
    if let Some(ImdsError::ErrorResponse(answer)) = cause.downcast_ref::<ImdsError>() {
        return answer.response().status().is_server_error();
    }
    if let Some(error) = cause.downcast_ref::<SdkError<AssumeRoleError, HttpResponse>>() {
        return AwsError::of("AssumeRole", error).is_passing();
    }
    let of_token = cause.downcast_ref::<SdkError<AssumeRoleWithWebIdentityError, HttpResponse>>();
    of_token.is_some_and(|error| AwsError::of("AssumeRoleWithWebIdentity", error).is_passing())
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use super::*;

    #[test]
    fn an_outage_passes_and_a_refusal_does_not() {
        let refused = || ConnectorError::io(Error::from(ErrorKind::ConnectionRefused).into());
        let wrong = || ConnectorError::user("no such scheme".into());
        for (what, error, had_none, had) in [
            ("nobody answers", CredentialsError::provider_error(refused()), true, true),
            ("not in time", CredentialsError::provider_timed_out(std::time::Duration::ZERO), true, true),
            ("as it is set up", CredentialsError::provider_error(wrong()), false, false),
            ("no place has some", CredentialsError::not_loaded("nothing set"), false, true),
            ("no machine of EC2", CredentialsError::not_loaded(refused()), false, true),
            ("a profile that is wrong", CredentialsError::invalid_configuration("x"), false, false),
            ("no file", CredentialsError::provider_error(Error::from(ErrorKind::NotFound)), false, true),
            ("half a file", CredentialsError::provider_error(HALF_WRITTEN[0]), false, true),
            (
                "a sign-in that ran out",
                CredentialsError::provider_error("the SSO token has expired"),
                false,
                false,
            ),
        ] {
            assert_eq!((may_come(&error, false), may_come(&error, true)), (had_none, had), "{what}");
        }
    }

    #[test]
    fn what_was_found_out_is_kept_on_the_way_through_the_sdk() {
        for told in [NoCredentials::for_now("down"), NoCredentials::for_good("denied")] {
            assert_eq!(NoCredentials::of(&CredentialsError::provider_error(told.clone())), told);
        }
        let other = NoCredentials::of(&CredentialsError::provider_error("x"));
        assert_eq!(other, NoCredentials::for_good("x"));
    }
}
