//! Who makes the tokens of a plan's targets: the run's credentials.
//!
//! A token is made for each session, so that none is ever old. Where a server refuses one, its credentials may have ended before
//! their time: newer ones are asked for, now and then, and one more token is made of those.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use lifeboat_model::{Kept, NoPassword, Secret, TokenMaker};
use tokio::time::Instant;

use crate::Aws;
use crate::aws::key_of;

/// How long credentials are kept that follow refused ones, though their tokens are refused as well: it is then most likely not
/// the credentials, and whoever probes is refused many times a second.
const AGAIN_AFTER: Duration = Duration::from_secs(10);

/// Makes the tokens of one target.
pub(crate) struct Tokens {
    aws: Aws,
    target: String,
    asked: Mutex<Option<Instant>>,
}

impl Tokens {
    /// With the credentials of this connection.
    pub(crate) fn new(aws: &Aws, target: &str) -> Self {
        Self { aws: aws.clone(), target: target.into(), asked: Mutex::default() }
    }

    async fn make(
        &self,
        endpoint: &str,
        user: &str,
        refused: Option<&Secret>,
    ) -> Result<Option<Secret>, NoPassword> {
        let cannot = |NoPassword { why, passing }| NoPassword {
            why: format!("no token for `{user}` of target `{}`: {why}", self.target),
            passing,
        };
        let Some(refused) = refused else {
            return self
                .aws
                .database_token(endpoint, user)
                .await
                .map(|made| Some(made.token))
                .map_err(cannot);
        };
        let Some(key) = key_of(refused) else { return Ok(None) };
        let made = self.aws.database_token(endpoint, user).await.map_err(cannot)?;
        if made.key != key {
            return Ok(Some(made.token));
        }
        // What has no end of its own is not replaced either.
        if !made.passing || !self.may_ask() {
            return Ok(None);
        }
        self.aws.newer_credentials(key).await.map_err(cannot)?;
        let made = self.aws.database_token(endpoint, user).await.map_err(cannot)?;
        Ok((made.key != key).then_some(made.token))
    }

    fn may_ask(&self) -> bool {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.is_some_and(|at| at.elapsed() < AGAIN_AFTER) {
            return false;
        }
        *asked = Some(Instant::now());
        true
    }
}

impl TokenMaker for Tokens {
    fn token<'a>(&'a self, endpoint: &'a str, user: &'a str, refused: Option<&'a Secret>) -> Kept<'a> {
        self.make(endpoint, user, refused).boxed()
    }
}
