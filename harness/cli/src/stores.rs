//! Where S3 and KMS are asked, and with whose credentials: what outlives a run is kept there.
//!
//! An environment that a run starts for itself keeps nothing, and the sandbox has neither: then, and without a plan, the usual
//! credentials of AWS's tools count, and the variables that say where S3 and KMS are.

use lifeboat_engine::RunFiles;
use lifeboat_model::{Environment, KmsKeyArn, Provider};
use lifeboat_targets::{Aws, Bucket, KmsError, KmsKey};
use tokio::sync::OnceCell;

use crate::failure::Failure;
use crate::{control_plane, run_plan};

/// The region where neither plan nor variables give one. A bucket says itself where it is.
const REGION: &str = "us-east-1";

/// S3 and KMS. They are connected to when first needed.
pub struct Stores {
    environment: Environment,
    /// Where is asked what has no variable of its own.
    endpoint: Option<String>,
    aws: OnceCell<Aws>,
}

impl Stores {
    /// Those of a plan, whose endpoint is settled and not yet that of an environment that a run starts for itself.
    pub fn of_plan(environment: &Environment) -> Self {
        let elsewhere = environment.provider != Provider::Sandbox && environment.endpoint.is_some();
        if elsewhere || environment.is_aws_itself() {
            let mut environment = environment.clone();
            environment.name_session("lifeboat-evidence");
            return Self { endpoint: environment.endpoint.clone(), environment, aws: OnceCell::new() };
        }
        let region = region_of_tools().unwrap_or_else(|| environment.region.clone());
        Self::of_chain(&environment.name, &region, None)
    }

    /// Those of the plan of a run that was.
    ///
    /// # Errors
    /// If the plan cannot be read, or a variable in it is not set.
    pub fn of_run(files: &RunFiles) -> Result<Self, Failure> {
        let mut environment = run_plan::environment(files)?;
        // The sandbox has neither S3 nor KMS, so that its endpoint need not be known.
        if environment.provider != Provider::Sandbox {
            let account = environment.account.as_ref().filter(|_| environment.is_aws_itself());
            let places = [environment.endpoint.as_ref(), Some(&environment.region), account];
            if let Some(open) = places.into_iter().flatten().find(|place| place.contains("${")) {
                return Err(run_plan::wrong(&format!("{open} in [environment] is not set; export it")));
            }
            control_plane::settle_endpoint(&mut environment)?;
        }
        Ok(Self::of_plan(&environment))
    }

    /// Those of AWS's tools.
    pub fn of_tools() -> Self {
        let region = region_of_tools().unwrap_or_else(|| REGION.into());
        Self::of_chain("tools", &region, set("AWS_ENDPOINT_URL"))
    }

    fn of_chain(name: &str, region: &str, endpoint: Option<String>) -> Self {
        // Stores like S3 have addresses of their own, wherever those are.
        let environment =
            Environment { allow_loopback: true, ..Environment::new(name, Provider::Aws, region) };
        Self { environment, endpoint, aws: OnceCell::new() }
    }

    /// A bucket.
    pub async fn bucket(&self, name: &str) -> Bucket {
        let endpoint = self.endpoint_of("AWS_ENDPOINT_URL_S3");
        Bucket::open(self.aws().await, &self.environment.region, endpoint.as_deref(), name).await
    }

    /// A key.
    ///
    /// # Errors
    /// If it does not answer or is none that signs.
    pub async fn key(&self, arn: &KmsKeyArn) -> Result<KmsKey, KmsError> {
        let endpoint = self.endpoint_of("AWS_ENDPOINT_URL_KMS");
        KmsKey::open(self.aws().await, endpoint.as_deref(), arn).await
    }

    async fn aws(&self) -> &Aws {
        self.aws.get_or_init(|| Aws::connect(&self.environment)).await
    }

    fn endpoint_of(&self, variable: &str) -> Option<String> {
        set(variable).or_else(|| self.endpoint.clone())
    }
}

fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The region in the variables of AWS's tools.
pub fn region_of_tools() -> Option<String> {
    set("AWS_REGION").or_else(|| set("AWS_DEFAULT_REGION"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the plan's credentials count, and where is asked.
    fn of(provider: Provider, endpoint: Option<&str>) -> (bool, Option<String>) {
        let environment = Environment {
            endpoint: endpoint.map(str::to_owned),
            profile: Some("dr".into()),
            ..Environment::new("test", provider, "eu-west-1")
        };
        let stores = Stores::of_plan(&environment);
        (stores.environment.profile.is_some(), stores.endpoint)
    }

    #[test]
    fn the_plans_credentials_are_for_its_control_plane_and_for_aws_itself() {
        let at = "http://127.0.0.1:4566";
        assert_eq!(of(Provider::Aws, None), (true, None));
        assert_eq!(of(Provider::Aws, Some(at)), (true, Some(at.into())));
        assert_eq!(of(Provider::Localstack, Some(at)), (true, Some(at.into())));
        // Nothing is kept in what ends with the run, nor asked of the sandbox.
        assert_eq!(of(Provider::Localstack, None), (false, None));
        assert_eq!(of(Provider::Sandbox, Some(at)), (false, None));
    }
}
