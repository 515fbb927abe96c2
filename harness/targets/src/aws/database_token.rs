//! Tokens of RDS IAM authentication: what stands in for the password of one session.
//!
//! Made here, without a call: a request that is signed and never sent. Only the credentials may have to be asked for. A token
//! lets its role in for a quarter of an hour, and no longer than its credentials last.

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_sdk_rds::auth_token::{AuthTokenGenerator, Config};
use lifeboat_model::{NoPassword, Secret};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tracing::Dispatch;
use tracing::instrument::WithSubscriber as _;

use super::Aws;
use super::no_credentials::NoCredentials;

/// What stays as it is in a signed query.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A token, and whose it is.
pub(crate) struct DatabaseToken {
    pub(crate) token: Secret,
    /// The access key that it was signed with.
    pub(crate) key: String,
    /// Whether the credentials have an end, and others can follow.
    pub(crate) passing: bool,
}

impl Aws {
    /// A token for one session of `user` on the DB instance with this endpoint, `HOST:PORT`.
    ///
    /// # Errors
    /// A sentence without a part of it: the credentials cannot be had, or the endpoint is none.
    pub(crate) async fn database_token(
        &self,
        endpoint: &str,
        user: &str,
    ) -> Result<DatabaseToken, NoPassword> {
        // The SDK panics over an address that is none.
        let sane = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        let (host, port) = endpoint
            .rsplit_once(':')
            .and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)))
            .filter(|(host, _)| !host.is_empty() && host.chars().all(sane))
            .ok_or_else(|| for_good(format!("`{endpoint}` is not the endpoint of a DB instance")))?;
        let credentials = self.kept().give().await.map_err(cannot_be_had)?;
        let passing = credentials.session_token().is_some() || credentials.expiry().is_some();
        let key = credentials.access_key_id().to_owned();
        let token = sign(self.config(), credentials, (host, port), user).await.map_err(for_good)?;
        Ok(DatabaseToken { token, key, passing })
    }

    /// A token of these credentials was refused: others are asked for, where there are any.
    pub(crate) async fn newer_credentials(&self, key: &str) -> Result<(), NoPassword> {
        self.kept().newer_than(key).await.map(drop).map_err(cannot_be_had)
    }
}

fn cannot_be_had(error: NoCredentials) -> NoPassword {
    let NoCredentials { why, passing } = error;
    NoPassword { why: format!("the credentials cannot be had: {why}"), passing }
}

fn for_good(why: String) -> NoPassword {
    NoPassword { why, passing: false }
}

async fn sign(
    region_and_time: &SdkConfig,
    credentials: Credentials,
    (host, port): (&str, u16),
    user: &str,
) -> Result<Secret, String> {
    let config = Config::builder()
        .hostname(host)
        .port(port.into())
        // The SDK puts it into the address as it is.
        .username(utf8_percent_encode(user, ENCODED).to_string())
        .credentials(credentials)
        .build();
    let made = match config {
        Ok(config) => {
            let generator = AuthTokenGenerator::new(config);
            // The SDK's log at its most talkative has what it signs, and the session token is in that.
            generator.auth_token(region_and_time).with_subscriber(Dispatch::none()).await
        }
        Err(error) => Err(error),
    };
    made.map(|token| Secret::new(token.as_str().to_owned()))
        .map_err(|error| format!("it cannot be signed: {error}"))
}

/// The access key that a token was signed with.
pub(crate) fn key_of(token: &Secret) -> Option<&str> {
    let (_, rest) = token.expose().split_once("X-Amz-Credential=")?;
    rest.split_once("%2F").map(|(key, _)| key)
}

#[cfg(test)]
#[path = "database_token_tests.rs"]
mod tests;
