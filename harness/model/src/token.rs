//! Passwords that are made for each session: tokens of RDS IAM authentication.
//!
//! Nothing is made here. A role's tokens are bound to a [`TokenMaker`] once the run's account and credentials are known;
//! before that, and in a plan that is only printed, there are none.

use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::{Kept, NoPassword, Secret};

/// How a plan says that a role has tokens.
pub const IAM: &str = "iam";

/// Who makes the tokens of a target's roles.
pub trait TokenMaker: Send + Sync {
    /// A token for one session of `user` on the DB instance whose own endpoint is `endpoint`, as `HOST:PORT`. Where the
    /// server has just refused one, another only if it is of newer credentials.
    fn token<'a>(&'a self, endpoint: &'a str, user: &'a str, refused: Option<&'a Secret>) -> Kept<'a>;
}

/// A role that logs in with tokens. Clones are of one: where one of them is bound, all are.
#[derive(Clone, Default)]
pub struct TokenPassword {
    maker: Arc<OnceLock<Arc<dyn TokenMaker>>>,
}

impl TokenPassword {
    /// Says who makes them. The first one stays.
    pub fn bind(&self, maker: impl FnOnce() -> Arc<dyn TokenMaker>) {
        self.maker.get_or_init(maker);
    }

    /// A token for one session: see [`TokenMaker::token`].
    ///
    /// # Errors
    /// Why there is none.
    pub async fn token(
        &self,
        endpoint: &str,
        user: &str,
        refused: Option<&Secret>,
    ) -> Result<Option<Secret>, NoPassword> {
        match self.maker.get() {
            Some(maker) => maker.token(endpoint, user, refused).await,
            None => {
                let why = format!("no token for `{user}` was made: the control plane could not be had");
                Err(NoPassword { why, passing: false })
            }
        }
    }
}

impl fmt::Debug for TokenPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenPassword")
    }
}

impl PartialEq for TokenPassword {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for TokenPassword {}
