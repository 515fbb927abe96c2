//! Where the password of a role comes from: a variable, AWS Secrets Manager, or tokens that are made for each session.
//!
//! Nothing is asked here. A kept password is bound to a [`Keeper`] once the run's account and endpoint are known; before
//! that, and in a plan that is only printed, it has no value.

use std::borrow::Cow;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize};

use crate::{Secret, TokenPassword};

/// Which version of a kept password, by the label that Secrets Manager gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// The one that counts now.
    #[serde(rename = "AWSCURRENT")]
    Current,
    /// The one before the last rotation.
    #[serde(rename = "AWSPREVIOUS")]
    Previous,
}

impl Stage {
    /// As Secrets Manager writes it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Current => "AWSCURRENT",
            Self::Previous => "AWSPREVIOUS",
        }
    }
}

/// Why a kept password cannot be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoPassword {
    /// A sentence that names the secret, and says what to do.
    pub why: String,
    /// Whether it may be otherwise a little later: whoever keeps it does not answer.
    pub passing: bool,
}

impl fmt::Display for NoPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

/// What a [`Keeper`] answers: the password, none where the stage has none, or why it cannot be had.
pub type Kept<'a> = Pin<Box<dyn Future<Output = Result<Option<Secret>, NoPassword>> + Send + 'a>>;

/// Who knows a password that is kept elsewhere.
pub trait Keeper: Send + Sync {
    /// The password of a stage as it is known; it is asked for where it is not, or where `refused` is what is known. Whoever
    /// asks again too soon after that gets the same answer.
    fn password<'a>(&'a self, stage: Stage, refused: Option<&'a Secret>) -> Kept<'a>;
}

/// A password that Secrets Manager keeps, known by the ARN or name of its secret. Clones are of one: where one of them is
/// bound, all are.
#[derive(Clone)]
pub struct KeptPassword {
    secret: String,
    keeper: Arc<OnceLock<Arc<dyn Keeper>>>,
}

impl KeptPassword {
    /// Of this secret, not bound yet.
    pub fn of(secret: String) -> Self {
        Self { secret, keeper: Arc::default() }
    }

    /// The secret's ARN or name.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// Says who knows it. The first one stays.
    pub fn bind(&self, keeper: impl FnOnce() -> Arc<dyn Keeper>) {
        self.keeper.get_or_init(keeper);
    }

    /// The password of a stage: see [`Keeper::password`].
    ///
    /// # Errors
    /// Why it cannot be had.
    pub async fn password(
        &self,
        stage: Stage,
        refused: Option<&Secret>,
    ) -> Result<Option<Secret>, NoPassword> {
        match self.keeper.get() {
            Some(keeper) => keeper.password(stage, refused).await,
            None => {
                let why =
                    format!("secret `{}` was not asked for: the control plane could not be had", self.secret);
                Err(NoPassword { why, passing: false })
            }
        }
    }
}

impl fmt::Debug for KeptPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeptPassword({:?})", self.secret)
    }
}

impl PartialEq for KeptPassword {
    fn eq(&self, other: &Self) -> bool {
        self.secret == other.secret
    }
}

impl Eq for KeptPassword {}

/// The password of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Password {
    /// From a variable.
    Given(Secret),
    /// Kept by AWS Secrets Manager.
    Kept(KeptPassword),
    /// Made for each session: a token of RDS IAM authentication.
    Token(TokenPassword),
}

impl Password {
    /// Where Secrets Manager keeps it, if it does.
    pub fn kept(&self) -> Option<&KeptPassword> {
        match self {
            Self::Given(_) | Self::Token(_) => None,
            Self::Kept(kept) => Some(kept),
        }
    }

    /// The tokens in its place, if it is made for each session.
    pub fn token(&self) -> Option<&TokenPassword> {
        match self {
            Self::Given(_) | Self::Kept(_) => None,
            Self::Token(token) => Some(token),
        }
    }
}

impl From<Secret> for Password {
    fn from(secret: Secret) -> Self {
        Self::Given(secret)
    }
}

/// As [`crate::plan_secrets::join`] leaves it: a text is a password, a table names a secret or has `auth`, which is looked at
/// there.
impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(form: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Given(Secret),
            Kept { secret: String },
            Token { auth: IgnoredAny },
        }
        match Form::deserialize(form) {
            Ok(Form::Given(secret)) => Ok(Self::Given(secret)),
            Ok(Form::Kept { secret }) => Ok(Self::Kept(KeptPassword::of(secret))),
            Ok(Form::Token { auth: IgnoredAny }) => Ok(Self::Token(TokenPassword::default())),
            // Serde's own words would tell what was found.
            Err(_) => Err(D::Error::custom("a password is the text of one variable")),
        }
    }
}

/// As a plan gives it. The keys that stand in its place are in [`crate::plan_secrets_schema`].
impl JsonSchema for Password {
    fn schema_name() -> Cow<'static, str> {
        Secret::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        Secret::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Secret::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_prints_where_it_is_and_never_what_it_is() {
        let given = Password::from(Secret::new("hunter2".into()));
        let kept = Password::Kept(KeptPassword::of("prod/orders".into()));
        assert_eq!(format!("{given:?} {kept:?}"), "Given(***) Kept(KeptPassword(\"prod/orders\"))");
    }
}
