//! A role that is taken on with the credentials of somebody else, by STS AssumeRole at the plan's endpoint.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_credential_types::provider;
use aws_credential_types::provider::error::CredentialsError;
use lifeboat_model::AssumeRole;

use super::{Aws, AwsError};

const CALL: &str = "AssumeRole";

/// The name of the session where neither plan nor run has one.
const SESSION: &str = "lifeboat";

/// The role, and who takes it on.
#[derive(Debug)]
pub(super) struct Role {
    pub of: AssumeRole,
    pub caller: Aws,
}

impl Role {
    /// New credentials of the role.
    ///
    /// # Errors
    /// STS's refusal, with what to do.
    pub(super) async fn ask(&self) -> provider::Result {
        let sts = self.caller.sts();
        let answer = self.caller.read(|| async {
            let call = sts.assume_role().role_arn(&self.of.role_arn);
            let call = call.role_session_name(self.of.session_name.as_deref().unwrap_or(SESSION));
            let sent = call.set_external_id(self.of.external_id.clone()).send().await;
            sent.map_err(|error| AwsError::of(CALL, &error))
        });
        let answer = answer.await.map_err(|error| CredentialsError::provider_error(self.explain(&error)))?;
        let Some(given) = answer.credentials() else {
            return Err(CredentialsError::provider_error(self.explain(&AwsError::empty(CALL))));
        };
        let end = SystemTime::try_from(*given.expiration()).map_err(CredentialsError::unhandled)?;
        let (key, secret) = (given.access_key_id(), given.secret_access_key());
        Ok(Credentials::new(key, secret, Some(given.session_token().to_owned()), Some(end), "AssumeRole"))
    }

    fn explain(&self, error: &AwsError) -> String {
        let role = &self.of.role_arn;
        let what = match (error.code.as_str(), &self.of.external_id) {
            ("AccessDenied", Some(_)) => {
                "check that the role is there, that its trust policy names the caller and asks for this external_id, and that \
                 the caller may call sts:AssumeRole on it"
            }
            ("AccessDenied", None) => {
                "check that the role is there, that its trust policy names the caller and asks for no external id (give \
                 external_id where it does), and that the caller may call sts:AssumeRole on it"
            }
            _ => "check the credentials of the caller, and the endpoint",
        };
        format!("cannot take on the role {role}: {error}; {what}")
    }
}
