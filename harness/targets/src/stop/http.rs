//! An HTTP address that has to answer 2xx in time. It may hold a secret, so it is in no message.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use lifeboat_engine::{Seen, StopLook};
use tokio::time::timeout;

use crate::http::Health;

/// In time is within this.
const LIMIT: Duration = Duration::from_secs(5);

pub struct HttpLook(Health);

impl HttpLook {
    /// # Errors
    /// If the address is not an absolute one, or the system has no CA certificates.
    pub fn new(address: &str) -> Result<Self, String> {
        Ok(Self(Health::new("http", address)?))
    }
}

impl StopLook for HttpLook {
    fn look(&mut self) -> BoxFuture<'_, Seen> {
        async {
            match timeout(LIMIT, self.0.get()).await {
                Ok(Ok(answer)) if answer.status().is_success() => Seen::Well,
                Ok(Ok(answer)) => Seen::Trips(format!("the address answers {}", answer.status())),
                Ok(Err(error)) => Seen::Trips(format!("the address does not answer: {error}")),
                Err(_) => Seen::Trips(format!("the address did not answer within {} s", LIMIT.as_secs())),
            }
        }
        .boxed()
    }
}
