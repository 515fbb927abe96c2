//! Calls whose credentials are refused: once more, with fresh ones.
//!
//! A token that has expired is refused before anything is done, so that a call that changes something may be made again as
//! well. Nothing else is made again here. The codes are looked for in the whole answer, whose form depends on the service:
//! a refusal that only quotes one of them costs one call more, which is refused like the first.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use aws_sdk_rds::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_rds::error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef, InterceptorContext,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, Metadata};
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction};
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use aws_smithy_types::retry::{ErrorKind, RetryConfig};

use super::connection::Retries;
use super::error::REFUSES_CREDENTIALS;
use super::kept::Kept;

/// Between the two requests.
const PAUSE: Duration = Duration::from_millis(100);

/// What lets the SDK make a second request, which only [`Refusals`] ever asks for.
pub(super) fn twice() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(2)
}

/// The key that a request was signed with.
#[derive(Debug)]
struct SignedWith(String);

impl Storable for SignedWith {
    type Storer = StoreReplace<Self>;
}

/// Sees refusals, has the credentials forgotten and lets the call be made again.
#[derive(Debug, Clone)]
pub(super) struct Refusals {
    pub kept: Arc<Kept>,
    pub retries: Retries,
}

/// The code of a refusal of credentials in an answer.
fn code_in(answer: Option<&HttpResponse>) -> Option<&'static str> {
    let answer = answer.filter(|answer| answer.status().is_client_error())?;
    let body = answer.body().bytes().unwrap_or_default();
    let holds = |text: &[u8], code: &str| text.windows(code.len()).any(|part| part == code.as_bytes());
    let in_headers = |code: &str| {
        let named = ["x-amzn-query-error", "x-amzn-errortype"].iter();
        named.filter_map(|name| answer.headers().get(*name)).any(|value| holds(value.as_bytes(), code))
    };
    // The longer of two that begin alike.
    REFUSES_CREDENTIALS
        .into_iter()
        .filter(|code| in_headers(code) || holds(body, code))
        .max_by_key(|code| code.len())
}

impl Intercept for Refusals {
    fn name(&self) -> &'static str {
        "Refusals"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let header = context.request().headers().get("authorization").unwrap_or_default();
        let key = header.split_once("Credential=").and_then(|(_, rest)| rest.split('/').next());
        if let Some(key) = key {
            cfg.interceptor_state().store_put(SignedWith(key.to_owned()));
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(SignedWith(key)) = cfg.load::<SignedWith>() else { return Ok(()) };
        if context.response().is_some_and(|answer| answer.status().is_success()) {
            self.kept.were_taken(key);
        }
        let Some(code) = code_in(context.response()) else { return Ok(()) };
        self.kept.forget(key);
        if cfg.load::<RequestAttempts>().is_some_and(|attempts| attempts.attempts() == 1) {
            let call = cfg.load::<Metadata>().map_or("call", Metadata::name);
            let mut retries = self.retries.lock().unwrap_or_else(PoisonError::into_inner);
            *retries.entry(format!("{call} {code}")).or_default() += 1;
        }
        Ok(())
    }
}

impl ClassifyRetry for Refusals {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        match code_in(context.response()) {
            Some(_) => RetryAction::retryable_error_with_explicit_delay(ErrorKind::ClientError, PAUSE),
            // Whatever the SDK's own rules say of it: that is for whoever knows what the call does.
            None => RetryAction::RetryForbidden,
        }
    }

    fn name(&self) -> &'static str {
        "Refusals"
    }
}
