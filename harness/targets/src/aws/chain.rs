//! The usual places of credentials, as AWS's tools look at them: the environment, profiles, a web identity, the container's
//! and the machine's role. Of a plan that names a profile, that profile alone.
//!
//! They are looked at anew each time: a tool that signs in writes new files. What is found is held against the account that
//! the run was begun on before it is used: a person may have signed in to another meanwhile.

use std::error::Error as _;

use aws_config::Region;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::imds;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use lifeboat_model::Environment;

use super::connection::Retries;
use super::kept::Source;
use super::limits::{self, INSTANCE_METADATA};
use super::no_credentials::{NoCredentials, may_come};
use super::{Aws, AwsError};

/// How to look for credentials.
#[derive(Debug)]
pub(super) struct Chain {
    /// Region, endpoint, profile and, once the run knows it, the account.
    pub environment: Environment,
    /// Leads calls of STS to the plan's endpoint.
    pub http: SharedHttpClient,
    /// Where calls that are made again are counted.
    pub retries: Retries,
}

impl Chain {
    /// What is found first; `had` says whether anything was before.
    ///
    /// # Errors
    /// What was not there or did not answer, and what to do.
    pub(super) async fn ask(&self, had: bool) -> Result<Credentials, NoCredentials> {
        let region = Region::new(self.environment.region.clone());
        let config = ProviderConfig::empty()
            .with_region(Some(region.clone()))
            .with_http_client(self.http.clone())
            .with_sleep_impl(TokioSleep::new())
            .with_timeout_config(limits::timeouts())
            .with_retry_config(RetryConfig::standard());
        let found = match &self.environment.profile {
            Some(name) => {
                let profile = ProfileFileCredentialsProvider::builder().configure(&config);
                profile.profile_name(name.as_str()).build().provide_credentials().await
            }
            None => {
                let metadata = imds::Client::builder()
                    .configure(&config)
                    .max_attempts(2)
                    .connect_timeout(INSTANCE_METADATA)
                    .read_timeout(INSTANCE_METADATA);
                let chain = DefaultCredentialsChain::builder()
                    .region(region)
                    .imds_client(metadata.build())
                    .configure(config);
                chain.build().await.provide_credentials().await
            }
        };
        let found = found
            .map_err(|error| NoCredentials { passing: may_come(&error, had), why: self.explain(&error) })?;
        self.hold_against_account(&found, had).await?;
        Ok(found)
    }

    /// Whose account credentials are of is asked with them alone. A role that is taken on has its own account in its ARN, and
    /// may be of another than whoever takes it on.
    async fn hold_against_account(&self, found: &Credentials, had: bool) -> Result<(), NoCredentials> {
        let Some(wanted) = self.environment.account.as_ref() else { return Ok(()) };
        if self.environment.assume_role.is_some() {
            return Ok(());
        }
        let fixed = Source::Fixed(found.clone());
        let asking = Aws::with(&self.environment, self.http.clone(), fixed, &self.retries).await;
        // A file that has had good ones may still hold those that have ended, until it is written anew.
        let cannot = |error: AwsError| NoCredentials {
            passing: error.is_passing() || (had && error.refuses_credentials()),
            why: error.to_string(),
        };
        let (account, _) = asking.caller().await.map_err(cannot)?;
        if account == *wanted {
            return Ok(());
        }
        Err(NoCredentials::for_good(format!(
            "the credentials are of account {account} by now and the run is of {wanted}: sign in to that again"
        )))
    }

    fn explain(&self, error: &CredentialsError) -> String {
        let cause = error.source().map_or_else(|| error.to_string(), super::error::causes);
        // What a process of the profile said there may hold what it was given.
        let cause = cause.split(" Stderr: ").next().unwrap_or_default();
        match &self.environment.profile {
            Some(name) => format!(
                "no credentials of profile `{name}`: {cause}; check it with `aws sts get-caller-identity --profile {name}`, \
                 and sign in where it needs that: `aws sso login --profile {name}`"
            ),
            None => format!(
                "no credentials: {cause}; name a profile in the plan, set AWS_PROFILE, or sign in anew: `aws sso login`"
            ),
        }
    }
}
