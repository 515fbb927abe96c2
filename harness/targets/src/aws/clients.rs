//! The clients of AWS's services. There is no other way to one: what a client is made of is known in this folder alone, and
//! each is made here, with the limits and the second try after a refusal of credentials.

use super::Aws;

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
    rds: aws_sdk_rds,
    secretsmanager: aws_sdk_secretsmanager,
    sts: aws_sdk_sts,
}
