//! The connection to a control plane.
//!
//! Every call runs with one attempt, and once more where its credentials were refused. Reads are tried again here, so that the
//! record can say how often; a call that changes something is never repeated without reading the state first. TLS is rustls
//! over ring.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::identity::IdentityCache;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_smithy_http_client::{Builder, tls};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use lifeboat_model::{Environment, Provider};
use tokio::time::{MissedTickBehavior, interval};

use super::addresses::is_loopback;
use super::again::Again;
use super::chain::Chain;
use super::kept::{Giving, Kept, Source};
use super::only_aws::OnlyAws;
use super::plans_sts::PlansSts;
use super::refused::{self, Refusals};
use super::role::Role;
use super::{AwsError, Effect, limits};
use crate::sane_dates::SaneDates;

/// How often which call was made again: one count for all that one control plane is asked, whoever asks.
pub(super) type Retries = Arc<Mutex<BTreeMap<String, u64>>>;

/// How often a read is tried.
const READ_ATTEMPTS: u32 = 6;

/// How often a call that changes something is made, each time after the state was read.
const CHANGE_ATTEMPTS: u32 = 5;

/// A pause between two calls, as AWS asks for after a throttle: there is no condition to wait for.
pub async fn pause(length: Duration) {
    let mut ticks = interval(length);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    ticks.tick().await;
}

fn pace_of(endpoint: Option<&str>) -> Duration {
    if endpoint.is_some_and(is_loopback) { Duration::from_millis(100) } else { Duration::from_secs(5) }
}

/// A control plane and who asks it.
#[derive(Debug, Clone)]
pub struct Aws {
    config: SdkConfig,
    kept: Arc<Kept>,
    retries: Retries,
}

impl Aws {
    /// Prepares the connection; nothing is called yet. The sandbox gets dummy credentials, and so does LocalStack where none
    /// are set; AWS those of the plan's profile or the usual chain, or of the role that is taken on with them.
    pub async fn connect(environment: &Environment) -> Self {
        let http = Builder::new()
            .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
            .build_https();
        let http = SharedHttpClient::new(SaneDates(http));
        let dummy = match environment.provider {
            Provider::Sandbox => Some("sandbox"),
            // Its account follows from the key, so one that is set counts.
            Provider::Localstack if std::env::var_os("AWS_ACCESS_KEY_ID").is_none() => Some("test"),
            Provider::Localstack | Provider::Aws => None,
        };
        let retries = Retries::default();
        let source = match dummy {
            Some(key) => Source::Fixed(Credentials::new(key, key, None, None, "lifeboat")),
            None => Source::Chain(Box::new(Chain {
                environment: environment.clone(),
                http: match &environment.endpoint {
                    Some(endpoint) => {
                        SharedHttpClient::new(PlansSts { http: http.clone(), endpoint: endpoint.clone() })
                    }
                    None if environment.is_aws_itself() => {
                        SharedHttpClient::new(OnlyAws { http: http.clone(), looks: true })
                    }
                    None => http.clone(),
                },
                retries: Arc::clone(&retries),
            })),
        };
        let caller = Self::with(environment, http.clone(), source, &retries).await;
        match &environment.assume_role {
            Some(role) => {
                let role = Role { of: role.clone(), caller };
                Self::with(environment, http, Source::Role(Box::new(role)), &retries).await
            }
            None => caller,
        }
    }

    /// A connection with credentials from there.
    pub(super) async fn with(
        environment: &Environment,
        http: SharedHttpClient,
        source: Source,
        retries: &Retries,
    ) -> Self {
        let kept = Arc::new(Kept::new(source, pace_of(environment.endpoint.as_deref())));
        let http = match environment.is_aws_itself() {
            true => SharedHttpClient::new(OnlyAws { http, looks: false }),
            false => http,
        };
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .region(Region::new(environment.region.clone()))
            .http_client(http)
            .timeout_config(limits::timeouts())
            .stalled_stream_protection(limits::stalled_streams())
            .retry_config(refused::twice())
            .credentials_provider(Giving(Arc::clone(&kept)))
            .identity_cache(IdentityCache::no_cache());
        if let Some(endpoint) = &environment.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        Self { config: loader.load().await, kept, retries: Arc::clone(retries) }
    }

    /// The caller's account and ARN.
    ///
    /// # Errors
    /// [`AwsError`].
    pub async fn caller(&self) -> Result<(String, String), AwsError> {
        let client = self.sts();
        let answer = self
            .read(|| async {
                let sent = client.get_caller_identity().send().await;
                sent.map_err(|error| AwsError::of("GetCallerIdentity", &error))
            })
            .await?;
        Ok((answer.account().unwrap_or_default().to_owned(), answer.arn().unwrap_or_default().to_owned()))
    }

    /// Runs a read, again after a throttle, a server fault, no answer or no credentials for now, each of which is counted.
    ///
    /// # Errors
    /// The last error.
    pub async fn read<T, F, Fut>(&self, call: F) -> Result<T, AwsError>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, AwsError>>,
    {
        self.read_with(self.reading(), call).await
    }

    /// When a read is made again.
    pub(super) fn reading(&self) -> Again {
        Again::new(READ_ATTEMPTS, Duration::from_millis(50), self.pace())
    }

    /// The same as [`Aws::read`], made again when `again` says so.
    pub(super) async fn read_with<T, F, Fut>(&self, mut again: Again, mut call: F) -> Result<T, AwsError>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, AwsError>>,
    {
        loop {
            let error = match call().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let Some(wait) = again.after(&error) else { return Err(error) };
            self.count_retry(&error);
            pause(wait).await;
        }
    }

    /// Makes a call that changes something: again after a throttle, without credentials for now, and after an answer that does not say whether it was
    /// done only once `took_effect` has read the state and did not find it done. Gives whether it was answered; if not, the
    /// state shows it.
    ///
    /// # Errors
    /// The call's last error; its effect is [`Effect::Perhaps`] if any of the calls may have had one.
    pub async fn change<C, Called, L, Looked>(
        &self,
        mut call: C,
        mut took_effect: L,
    ) -> Result<bool, AwsError>
    where
        C: FnMut() -> Called,
        Called: Future<Output = Result<(), AwsError>>,
        L: FnMut() -> Looked,
        Looked: Future<Output = Result<bool, AwsError>>,
    {
        let mut again = Again::new(CHANGE_ATTEMPTS, Duration::from_millis(200), self.pace());
        let mut perhaps = false;
        loop {
            let Err(mut error) = call().await else { return Ok(true) };
            let wait = again.after(&error);
            perhaps |= error.effect == Effect::Perhaps;
            // A refusal after a call without an answer may be of what that one did.
            let readable = match perhaps {
                false => true,
                true => match took_effect().await {
                    Ok(true) => {
                        self.count_retry(&error);
                        return Ok(false);
                    }
                    Ok(false) => true,
                    Err(_) => false,
                },
            };
            if perhaps {
                error.effect = Effect::Perhaps;
            }
            let Some(wait) = wait.filter(|_| readable) else { return Err(error) };
            self.count_retry(&error);
            pause(wait).await;
        }
    }

    /// How far apart two looks at a state are that takes its time: AWS counts calls, an endpoint on this machine does not.
    pub fn pace(&self) -> Duration {
        pace_of(self.config.endpoint_url())
    }

    /// Counts a call that is made again.
    pub fn count_retry(&self, error: &AwsError) {
        let mut retries = self.retries.lock().unwrap_or_else(PoisonError::into_inner);
        *retries.entry(format!("{} {}", error.call, error.code)).or_default() += 1;
    }

    /// How often which call was made again, and after what error.
    pub fn retries(&self) -> BTreeMap<String, u64> {
        self.retries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn config(&self) -> &SdkConfig {
        &self.config
    }

    pub(super) fn kept(&self) -> &Arc<Kept> {
        &self.kept
    }

    pub(super) fn refusals(&self) -> Refusals {
        Refusals { kept: Arc::clone(&self.kept), retries: Arc::clone(&self.retries) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(code: &str, effect: Effect) -> Result<(), AwsError> {
        Err(AwsError { call: "X", code: code.into(), message: String::new(), effect })
    }

    /// Makes a call that answers one after the other, and looks that find the state so; how often each was done.
    async fn changed(
        answers: Vec<Result<(), AwsError>>,
        took_effect: Result<bool, AwsError>,
    ) -> (Result<bool, AwsError>, usize, usize) {
        let kept = Source::Fixed(Credentials::new("x", "x", None, None, "test"));
        let kept = Arc::new(Kept::new(kept, Duration::ZERO));
        let aws = Aws { config: SdkConfig::builder().build(), kept, retries: Arc::default() };
        let (all, looks) = (answers.len(), std::sync::atomic::AtomicUsize::new(0));
        let left = Mutex::new(answers.into_iter());
        let ended = aws
            .change(
                || std::future::ready(left.lock().unwrap().next().unwrap()),
                || {
                    looks.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    std::future::ready(took_effect.clone())
                },
            )
            .await;
        let left = left.lock().unwrap().len();
        (ended, all - left, looks.into_inner())
    }

    #[tokio::test]
    async fn a_change_is_made_again_only_after_a_look() {
        let lost = || answer("no-answer", Effect::Perhaps);
        let (ended, calls, looks) = changed(vec![lost(), Ok(())], Ok(true)).await;
        assert!(
            ended.is_ok_and(|answered| !answered) && calls == 1 && looks == 1,
            "its effect was there: {calls} calls, {looks} looks"
        );
        let (ended, calls, looks) = changed(vec![lost(), Ok(())], Ok(false)).await;
        assert!(
            ended.is_ok_and(|answered| answered) && calls == 2 && looks == 1,
            "its effect was not there: {calls} calls, {looks} looks"
        );
        let (ended, calls, looks) = changed(vec![answer("Throttling", Effect::None), Ok(())], Ok(true)).await;
        assert!(
            ended.is_ok() && calls == 2 && looks == 0,
            "a throttle has no effect: {calls} calls, {looks} looks"
        );
        let (ended, calls, looks) = changed(vec![answer("InvalidX", Effect::None), Ok(())], Ok(true)).await;
        assert!(ended.is_err() && calls == 1 && looks == 0, "a refusal holds: {calls} calls, {looks} looks");
    }

    #[tokio::test]
    async fn an_answer_that_was_lost_is_not_forgotten() {
        let lost = || answer("no-answer", Effect::Perhaps);
        // The first call may have done it, and what the second is refused for says nothing of that.
        let (ended, calls, looks) =
            changed(vec![lost(), answer("InstanceQuotaExceeded", Effect::None)], Ok(false)).await;
        assert_eq!(ended.map_err(|error| error.effect), Err(Effect::Perhaps));
        assert_eq!((calls, looks), (2, 2));
        let unreadable =
            AwsError { call: "Y", code: "AccessDenied".into(), message: String::new(), effect: Effect::None };
        let (ended, calls, looks) = changed(vec![lost(), Ok(())], Err(unreadable)).await;
        assert_eq!(ended.map_err(|error| (error.call, error.effect)), Err(("X", Effect::Perhaps)));
        assert_eq!((calls, looks), (1, 1), "without a look it is not made again");
    }
}
