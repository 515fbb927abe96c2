//! A role that is taken on with the credentials of somebody else, by STS AssumeRole at the plan's endpoint.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use lifeboat_model::AssumeRole;

use super::no_credentials::NoCredentials;
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
    /// New credentials of the role. Calls that are made again count where those with the credentials do.
    ///
    /// # Errors
    /// STS's refusal, with what to do.
    pub(super) async fn ask(&self) -> Result<Credentials, NoCredentials> {
        let sts = self.caller.sts();
        let answer = self.caller.read_with(self.caller.reading().only_with_credentials(), || async {
            let call = sts.assume_role().role_arn(&self.of.role_arn);
            let call = call.role_session_name(self.of.session_name.as_deref().unwrap_or(SESSION));
            let sent = call.set_external_id(self.of.external_id.clone()).send().await;
            sent.map_err(|error| AwsError::of(CALL, &error))
        });
        let answer = answer.await.map_err(|error| self.explain(&error))?;
        let Some(given) = answer.credentials() else {
            return Err(self.explain(&AwsError::empty(CALL)));
        };
        let end = SystemTime::try_from(*given.expiration());
        let end = end.map_err(|error| NoCredentials::for_good(format!("{CALL}: {error}")))?;
        let (key, secret) = (given.access_key_id(), given.secret_access_key());
        Ok(Credentials::new(key, secret, Some(given.session_token().to_owned()), Some(end), "AssumeRole"))
    }

    fn explain(&self, error: &AwsError) -> NoCredentials {
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
        let why = format!("cannot take on the role {role}: {error}; {what}");
        NoCredentials { why, passing: error.is_passing() }
    }
}
