//! Credentials that are kept as long as they last, and forgotten when they were refused.
//!
//! They are asked for anew some time before their end, and the old ones serve meanwhile; where that fails, they serve to the
//! end. However many calls need new ones, they are asked for once, to the end of that question, whoever gives up waiting
//! for it; and what it failed for is the answer to all who waited.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex as Lock, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use time::OffsetDateTime;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::timeout;

use super::chain::Chain;
use super::limits::CREDENTIALS;
use super::no_credentials::NoCredentials;
use super::role::Role;

/// How long before their end credentials are replaced. Of those that are given for less than four times as long, the last
/// quarter.
const BEFORE_THE_END: time::Duration = time::Duration::minutes(5);

/// After an attempt to replace some that still last, until the next.
const NEXT_ATTEMPT: Duration = Duration::from_secs(30);

/// So many in a row that nobody has taken are asked for without a pause: the first ones may have been old already.
const AT_ONCE: u32 = 2;

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
    /// Asks; `had` says whether it has given some before.
    async fn ask(&self, had: bool) -> Result<Credentials, NoCredentials> {
        match self {
            Self::Fixed(credentials) => Ok(credentials.clone()),
            Self::Chain(chain) => chain.ask(had).await,
            Self::Role(role) => role.ask().await,
            #[cfg(test)]
            Self::Test(issuer) => issuer.ask().await,
        }
    }

    /// What it is, in words.
    fn name(&self) -> String {
        match self {
            Self::Chain(chain) => match &chain.environment.profile {
                Some(profile) => format!("of profile `{profile}`"),
                None => "from the usual places".into(),
            },
            Self::Role(role) => format!("of the role {}", role.of.role_arn),
            _ => "that are given".into(),
        }
    }
}

#[derive(Debug)]
struct Held {
    credentials: Credentials,
    /// From when on newer ones are asked for.
    until: Option<OffsetDateTime>,
}

/// What is known without asking.
#[derive(Debug, Default)]
struct Known {
    held: Option<Held>,
    /// The keys of those that were refused since the last ones were issued.
    refused: BTreeSet<String>,
    /// How many were issued since any was taken.
    not_taken: u32,
    /// When the last question ended, and why without credentials.
    last: Option<(Instant, Option<NoCredentials>)>,
}

impl Known {
    /// Those that last and were not refused.
    fn usable(&self, now: OffsetDateTime) -> Option<&Held> {
        let held = self.held.as_ref()?;
        let lasts = end_of(&held.credentials).is_none_or(|end| now < end);
        (lasts && !self.refused.contains(held.credentials.access_key_id())).then_some(held)
    }

    /// Whether who has come at `since` is to ask.
    fn is_due(&self, since: Instant, pace: Duration) -> bool {
        let now = OffsetDateTime::now_utc();
        if let Some(held) = self.usable(now) {
            return held.until.is_some_and(|until| until <= now);
        }
        match &self.last {
            None => true,
            Some((at, Some(_))) => *at < since && at.elapsed() >= pace,
            Some((at, None)) => self.not_taken < AT_ONCE || at.elapsed() >= pace,
        }
    }

    /// What is answered without asking. Those that were refused where no others may be asked for yet: the call then tells
    /// of the refusal.
    fn answer(&self) -> Result<Credentials, NoCredentials> {
        let held = self.held.as_ref().map(|held| held.credentials.clone());
        match (self.usable(OffsetDateTime::now_utc()), &self.last, held) {
            (None, Some((_, Some(why))), _) => Err(why.clone()),
            (_, _, Some(credentials)) => Ok(credentials),
            (_, _, None) => Err(NoCredentials::for_now("the question for credentials came to no end")),
        }
    }

    fn keep(&mut self, asked_at: OffsetDateTime, answer: Result<Credentials, NoCredentials>) {
        let failed = match answer {
            Ok(credentials) => {
                self.refused.clear();
                self.not_taken += 1;
                let until = end_of(&credentials).map(|end| end - before_the_end(end - asked_at));
                self.held = Some(Held { credentials, until });
                None
            }
            Err(why) => {
                let now = OffsetDateTime::now_utc();
                if self.usable(now).is_some()
                    && let Some(held) = &mut self.held
                {
                    tracing::warn!("the credentials near their end, and there are no newer ones: {why}");
                    held.until = Some(now + NEXT_ATTEMPT);
                }
                Some(why)
            }
        };
        self.last = Some((Instant::now(), failed));
    }
}

/// Where credentials come from, and those that are in use.
#[derive(Debug)]
pub(super) struct Kept {
    source: Source,
    /// How far apart two questions are where the first has not helped.
    pace: Duration,
    known: Lock<Known>,
    /// Whoever asks has it.
    turn: Arc<Mutex<()>>,
}

impl Kept {
    pub(super) fn new(source: Source, pace: Duration) -> Self {
        Self { source, pace, known: Lock::default(), turn: Arc::default() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The credentials with this key were refused. Newer ones are not touched.
    pub(super) fn forget(&self, key: &str) {
        self.known().refused.insert(key.to_owned());
    }

    /// A call with the credentials with this key was granted.
    pub(super) fn were_taken(&self, key: &str) {
        let mut known = self.known();
        if known.held.as_ref().is_some_and(|held| held.credentials.access_key_id() == key) {
            known.not_taken = 0;
        }
    }

    /// Those that are in use, or others where they are not good any more.
    pub(super) async fn give(self: &Arc<Self>) -> Result<Credentials, NoCredentials> {
        let since = Instant::now();
        if !self.known().is_due(since, self.pace) {
            return self.known().answer();
        }
        let old = self.known().usable(OffsetDateTime::now_utc()).map(|held| held.credentials.clone());
        let turn = match &old {
            // They serve while newer ones are asked for.
            Some(old) => match Arc::clone(&self.turn).try_lock_owned() {
                Ok(turn) => turn,
                Err(_) => return Ok(old.clone()),
            },
            None => Arc::clone(&self.turn).lock_owned().await,
        };
        // Another may have asked meanwhile.
        if self.known().is_due(since, self.pace) {
            let asking = tokio::spawn(Arc::clone(self).ask(turn));
            match old {
                Some(old) => return Ok(old),
                None => asking.await.map_err(|error| {
                    let name = self.source.name();
                    NoCredentials::for_now(format!(
                        "the question for credentials {name} came to no end: {error}"
                    ))
                })?,
            }
        }
        self.known().answer()
    }

    /// Others than those with this key, where there are any: who held them against something else than AWS was refused. AWS may
    /// take them still, so they serve meanwhile, and afterwards where there are no others.
    pub(super) async fn newer_than(self: &Arc<Self>, key: &str) -> Result<Credentials, NoCredentials> {
        if let Some(held) = self.known().held.as_mut().filter(|held| held.credentials.access_key_id() == key)
        {
            held.until = Some(OffsetDateTime::now_utc());
        }
        self.give().await?;
        // The question's end.
        drop(self.turn.lock().await);
        self.known().answer()
    }

    /// Asks, and keeps what is answered. It runs on its own: where who waits gave up at a deadline, and the question with
    /// them, the next one would begin anew, and a source that is slow would never have answered.
    async fn ask(self: Arc<Self>, turn: OwnedMutexGuard<()>) {
        let (had, now) = (self.known().held.is_some(), OffsetDateTime::now_utc());
        let asked = timeout(CREDENTIALS, self.source.ask(had)).await;
        let answer = asked.unwrap_or_else(|_| {
            let (name, limit) = (self.source.name(), CREDENTIALS.as_secs());
            Err(NoCredentials::for_now(format!(
                "no credentials {name} within {limit} s; see that whoever gives them can be reached"
            )))
        });
        self.known().keep(now, answer);
        drop(turn);
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
pub(super) struct Giving(pub Arc<Kept>);

impl ProvideCredentials for Giving {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let given = async { self.0.give().await.map_err(CredentialsError::provider_error) };
        future::ProvideCredentials::new(given)
    }
}

#[cfg(test)]
#[path = "kept_tests.rs"]
pub(super) mod tests;
