//! The clients of AWS's services. There is no other way to one: what a client is made of is known in this folder alone, and
//! each is made here, with the limits and the second try after a refusal of credentials.

use aws_config::Region;

use super::{Aws, is_of_aws};

macro_rules! clients {
    ($($service:ident: $sdk:ident),+ $(,)?) => {
        impl Aws {
            $(
                #[doc = concat!("A client of the service `", stringify!($service), "`.")]
                pub(crate) fn $service(&self) -> $sdk::Client {
                    let config = $sdk::config::Builder::from(self.config())
                        .interceptor(self.refusals())
                        .retry_classifier(self.refusals());
                    $sdk::Client::from_conf(config.build())
                }
            )+
        }

        #[cfg(test)]
        impl Aws {
            /// The services that have a client.
            pub(super) const SERVICES: &[&str] = &[$(stringify!($service)),+];
        }
    };
}

clients! {
    cloudwatch: aws_sdk_cloudwatch,
    dynamodb: aws_sdk_dynamodb,
    kms: aws_sdk_kms,
    rds: aws_sdk_rds,
    s3: aws_sdk_s3,
    secretsmanager: aws_sdk_secretsmanager,
    sesv2: aws_sdk_sesv2,
    sns: aws_sdk_sns,
    sts: aws_sdk_sts,
}

/// What is kept apart from the control plane, at an address of its own; without one at AWS's, whatever the control plane's is.
impl Aws {
    /// A client of S3. Only AWS has a host of its own for each bucket.
    pub(crate) fn s3_at(&self, region: &str, endpoint: Option<&str>) -> aws_sdk_s3::Client {
        let mut config = self.s3().config().to_builder().region(Region::new(region.to_owned()));
        config.set_endpoint_url(endpoint.map(str::to_owned));
        config.set_force_path_style(Some(endpoint.is_some_and(|endpoint| !is_of_aws(endpoint))));
        aws_sdk_s3::Client::from_conf(config.build())
    }

    /// A client of KMS.
    pub(crate) fn kms_at(&self, region: &str, endpoint: Option<&str>) -> aws_sdk_kms::Client {
        let mut config = self.kms().config().to_builder().region(Region::new(region.to_owned()));
        config.set_endpoint_url(endpoint.map(str::to_owned));
        aws_sdk_kms::Client::from_conf(config.build())
    }
}
