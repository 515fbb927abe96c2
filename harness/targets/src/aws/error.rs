//! What a call that failed says: its code, and whether it may have had an effect.

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_rds::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use lifeboat_engine::StepError;
use thiserror::Error;

use super::no_credentials::NoCredentials;

/// The status of a call that the server does not have, and the code that stands for it here.
const NOT_IMPLEMENTED_STATUS: u16 = 501;
const NOT_IMPLEMENTED: &str = "NotImplemented";

/// What stands for a call that had no credentials to be made with.
const NO_CREDENTIALS: &str = "no-credentials";

/// The same, where there may be some a little later.
const NO_CREDENTIALS_NOW: &str = "no-credentials-now";

/// The codes of a token that was good and is not any more, or of a new one that is not known everywhere yet.
pub(super) const REFUSES_CREDENTIALS: [&str; 5] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "UnrecognizedClientException",
    "InvalidClientTokenId",
];

/// What to do when credentials were refused, and so were fresh ones.
const SIGN_IN: &str = "the credentials were refused, and so were those that were asked for anew; sign in again (`aws sso \
                       login`, with the plan's profile where it has one), or look at the variables, the clock, and the trust \
                       policy of the role";

/// Whether a call that failed may have changed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It was refused: nothing changed.
    None,
    /// No answer, or one that says nothing about it.
    Perhaps,
}

/// A call that failed.
#[derive(Debug, Clone, Error)]
#[error("{call}: {code}: {message}")]
pub struct AwsError {
    /// The API call.
    pub call: &'static str,
    /// AWS's error code, or what stands in for it: `timeout`, `no-answer`, `not-sent`,
    /// `no-credentials`, `no-credentials-now`.
    pub code: String,
    /// AWS's message, or the cause.
    pub message: String,
    /// Whether it may have changed something.
    pub effect: Effect,
}

impl AwsError {
    /// From the SDK's error.
    pub fn of<E>(call: &'static str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let status = error.raw_response().map(|answer| answer.status().as_u16());
        // Whatever its code: a server that says 5xx may have done it, one that says 4xx has not.
        let fault = status.is_none_or(|status| status >= 500 && status != NOT_IMPLEMENTED_STATUS);
        let (code, effect) = match error {
            SdkError::ServiceError(answered) => {
                let code = match (status, answered.err().code()) {
                    // What comes beside it is up to the stand-in: LocalStack says `InternalFailure`.
                    (Some(NOT_IMPLEMENTED_STATUS), _) => NOT_IMPLEMENTED.to_owned(),
                    (_, code) => code.unwrap_or("unknown").to_owned(),
                };
                let effect = if fault { Effect::Perhaps } else { Effect::None };
                (code, effect)
            }
            other if let Some(why) = without_credentials(other) => {
                let code = if why.passing { NO_CREDENTIALS_NOW } else { NO_CREDENTIALS };
                return Self { call, code: code.into(), message: why.why, effect: Effect::None };
            }
            SdkError::ConstructionFailure(_) => ("not-sent".into(), Effect::None),
            SdkError::DispatchFailure(failure) if failure.is_user() => ("not-sent".into(), Effect::None),
            SdkError::TimeoutError(_) => ("timeout".into(), Effect::Perhaps),
            SdkError::DispatchFailure(failure) if failure.is_timeout() => ("timeout".into(), Effect::Perhaps),
            _ => ("no-answer".into(), Effect::Perhaps),
        };
        let message = match error {
            SdkError::ServiceError(answered) => {
                let message = answered.err().message().unwrap_or("the answer has no message");
                if REFUSES_CREDENTIALS.contains(&code.as_str()) {
                    format!("{message}; {SIGN_IN}")
                } else {
                    message.to_owned()
                }
            }
            other => causes(other),
        };
        Self { call, code, message, effect }
    }

    /// An answer without what it should hold: what the call did is not told.
    pub(crate) fn empty(call: &'static str) -> Self {
        let message = "the answer does not hold what the call made".into();
        Self { call, code: "no-answer".into(), message, effect: Effect::Perhaps }
    }

    /// Whether the environment does not have this call at all, as a stand-in for AWS may not.
    pub fn is_unsupported(&self) -> bool {
        matches!(self.code.as_str(), NOT_IMPLEMENTED | "UnknownOperationException" | "InvalidAction")
    }

    /// The error as the end of a step: `what` says in a phrase what the step could not do.
    pub fn ends_step(&self, what: impl std::fmt::Display) -> StepError {
        match self.effect {
            _ if self.is_unsupported() => {
                StepError::Unsupported(format!("{what}: this environment does not have the call: {self}"))
            }
            Effect::None => StepError::Failed(format!("{what}: {self}")),
            Effect::Perhaps => StepError::Indeterminate(format!("{what}: {self}")),
        }
    }

    /// Whether trying again later may help.
    pub fn is_passing(&self) -> bool {
        self.effect == Effect::Perhaps || self.is_throttle() || self.code == NO_CREDENTIALS_NOW
    }

    /// Whether it was not made, since there were no credentials to make it with.
    pub fn lacks_credentials(&self) -> bool {
        matches!(self.code.as_str(), NO_CREDENTIALS | NO_CREDENTIALS_NOW)
    }

    /// The same, where somebody has to do something first: to wait does not help, and says nothing of what is waited for.
    pub fn lacks_credentials_for_good(&self) -> bool {
        self.code == NO_CREDENTIALS
    }

    /// Whether its credentials were refused: they have ended, or are not known.
    pub fn refuses_credentials(&self) -> bool {
        REFUSES_CREDENTIALS.contains(&self.code.as_str())
    }

    /// Whether it was refused because there were too many calls.
    pub fn is_throttle(&self) -> bool {
        matches!(
            self.code.as_str(),
            "Throttling"
                | "ThrottlingException"
                | "ProvisionedThroughputExceededException"
                | "RequestLimitExceeded"
                | "TooManyRequestsException"
                | "SlowDown"
        )
    }
}

/// Why there were no credentials to make the call with, if that was it.
fn without_credentials(error: &(dyn std::error::Error + 'static)) -> Option<NoCredentials> {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(found) = cause.downcast_ref::<CredentialsError>() {
            return Some(NoCredentials::of(found));
        }
        next = cause.source();
    }
    None
}

/// An error with what caused it.
pub(super) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
