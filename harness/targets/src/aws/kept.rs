//! Credentials that are kept as long as they last, and forgotten when they were refused.
//!
//! They are asked for anew some time before their end. Where that fails, the old ones serve to the end; then the error is
//! the call's. However many calls need new ones, they are asked for once.

use std::sync::Mutex as Lock;
use std::sync::PoisonError;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, future};
use time::OffsetDateTime;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::chain::Chain;
use super::limits::CREDENTIALS;
use super::role::Role;

/// How long before their end credentials are replaced. Of those that are given for less than four times as long, the last
/// quarter.
const BEFORE_THE_END: time::Duration = time::Duration::minutes(5);

/// After an attempt to replace some that still last, until the next.
const NEXT_ATTEMPT: Duration = Duration::from_secs(30);

/// Where credentials come from.
#[derive(Debug)]
pub(super) enum Source {
    /// They are what they are.
    Fixed(Credentials),
    /// The usual places of AWS tools, or one profile.
    Chain(Box<Chain>),
    /// A role that is taken on.
    Role(Box<Role>),
    #[cfg(test)]
    Test(tests::Issuer),
}

impl Source {
    async fn ask(&self) -> provider::Result {
        match self {
            Self::Fixed(credentials) => Ok(credentials.clone()),
            Self::Chain(chain) => chain.ask().await,
            Self::Role(role) => role.ask().await,
            #[cfg(test)]
            Self::Test(issuer) => issuer.ask(),
        }
    }
}

#[derive(Debug)]
struct Held {
    credentials: Credentials,
    /// From when on newer ones are asked for.
    until: Option<OffsetDateTime>,
}

/// Where credentials come from, and those that are in use.
#[derive(Debug)]
pub(super) struct Kept {
    source: Source,
    held: Mutex<Option<Held>>,
    /// The keys of those that were refused since the last ones were issued.
    refused: Lock<Vec<String>>,
}

impl Kept {
    pub(super) fn new(source: Source) -> Self {
        Self { source, held: Mutex::default(), refused: Lock::default() }
    }

    /// The credentials with this key were refused. Newer ones are not touched.
    pub(super) fn forget(&self, key: &str) {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).push(key.to_owned());
    }

    fn is_refused(&self, credentials: &Credentials) -> bool {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.iter().any(|key| key == credentials.access_key_id())
    }

    async fn give(&self) -> provider::Result {
        let mut held = self.held.lock().await;
        let now = OffsetDateTime::now_utc();
        let usable = held.as_ref().filter(|held| !self.is_refused(&held.credentials));
        if let Some(held) = usable.filter(|held| held.until.is_none_or(|until| now < until)) {
            return Ok(held.credentials.clone());
        }
        let asked = timeout(CREDENTIALS, self.source.ask()).await;
        match asked.unwrap_or_else(|_| Err(CredentialsError::provider_timed_out(CREDENTIALS))) {
            Ok(credentials) => {
                self.refused.lock().unwrap_or_else(PoisonError::into_inner).clear();
                let until = end_of(&credentials).map(|end| end - before_the_end(end - now));
                *held = Some(Held { credentials: credentials.clone(), until });
                Ok(credentials)
            }
            Err(error) => match held.as_mut().filter(|held| !self.is_refused(&held.credentials)) {
                Some(held) if end_of(&held.credentials).is_some_and(|end| now < end) => {
                    tracing::warn!("the credentials near their end, and there are no newer ones: {error}");
                    held.until = Some(now + NEXT_ATTEMPT);
                    Ok(held.credentials.clone())
                }
                _ => Err(error),
            },
        }
    }
}

fn end_of(credentials: &Credentials) -> Option<OffsetDateTime> {
    credentials.expiry().map(OffsetDateTime::from)
}

fn before_the_end(left: time::Duration) -> time::Duration {
    let quarter: time::Duration = left / 4_i32;
    quarter.clamp(time::Duration::ZERO, BEFORE_THE_END)
}

/// For the SDK, which keeps nothing itself.
#[derive(Debug, Clone)]
pub(super) struct Giving(pub std::sync::Arc<Kept>);

impl ProvideCredentials for Giving {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.0.give())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// Gives credentials that last so long, each with a key of its own, and none after so many.
    #[derive(Debug)]
    pub(in super::super) struct Issuer {
        lasting: Duration,
        most: u64,
        issued: AtomicU64,
    }

    impl Issuer {
        pub(super) fn ask(&self) -> provider::Result {
            let number = self.issued.fetch_add(1, Ordering::Relaxed);
            if number >= self.most {
                return Err(CredentialsError::provider_error("none any more"));
            }
            let end = OffsetDateTime::now_utc() + self.lasting;
            Ok(Credentials::new(format!("KEY{number}"), "secret", None, Some(end.into()), "test"))
        }
    }

    fn kept(lasting: Duration, most: u64) -> Kept {
        Kept::new(Source::Test(Issuer { lasting, most, issued: AtomicU64::new(0) }))
    }

    async fn key(kept: &Kept) -> String {
        kept.give().await.expect("credentials").access_key_id().to_owned()
    }

    /// Lets what is held be near its end.
    async fn near_its_end(kept: &Kept) {
        kept.held.lock().await.as_mut().expect("held").until = Some(OffsetDateTime::now_utc());
    }

    #[tokio::test]
    async fn they_are_kept_until_they_were_refused() {
        let kept = kept(Duration::from_secs(3600), 9);
        assert_eq!([key(&kept).await, key(&kept).await], ["KEY0", "KEY0"]);
        kept.forget("KEY0");
        assert_eq!([key(&kept).await, key(&kept).await], ["KEY1", "KEY1"]);
        kept.forget("KEY0");
        assert_eq!(key(&kept).await, "KEY1", "a late answer about the old ones");
        kept.forget("KEY1");
        kept.forget("KEY0");
        assert_eq!(key(&kept).await, "KEY2", "and one that comes after the refusal of the new ones");
    }

    #[tokio::test]
    async fn they_are_replaced_before_their_end() {
        let kept = kept(Duration::from_secs(3600), 9);
        key(&kept).await;
        let until = kept.held.lock().await.as_ref().and_then(|held| held.until).expect("an end");
        let left = until - OffsetDateTime::now_utc();
        assert!((time::Duration::minutes(54)..=time::Duration::minutes(55)).contains(&left), "{left}");
        assert_eq!(before_the_end(time::Duration::seconds(8)), time::Duration::seconds(2));
        assert_eq!(before_the_end(time::Duration::seconds(-8)), time::Duration::ZERO);
        near_its_end(&kept).await;
        assert_eq!(key(&kept).await, "KEY1");
    }

    #[tokio::test]
    async fn old_ones_serve_while_they_last_and_were_not_refused() {
        let kept = kept(Duration::from_secs(3600), 1);
        key(&kept).await;
        near_its_end(&kept).await;
        assert_eq!(key(&kept).await, "KEY0", "they last");
        assert_eq!(key(&kept).await, "KEY0", "and are not asked about at each call");
        kept.forget("KEY0");
        assert!(kept.give().await.is_err(), "they were refused");
    }

    #[tokio::test]
    async fn nothing_is_given_that_has_ended() {
        let kept = kept(Duration::ZERO, 1);
        key(&kept).await;
        assert!(kept.give().await.is_err());
    }

    #[tokio::test]
    async fn many_calls_ask_once() {
        let kept = kept(Duration::from_secs(3600), 99);
        key(&kept).await;
        kept.forget("KEY0");
        let keys = futures_util::future::join_all((0..50).map(|_| key(&kept))).await;
        assert!(keys.iter().all(|key| key == "KEY1"), "{keys:?}");
    }
}
