//! The control plane that a plan means: at which endpoint it is, that it may be asked, and who asks it.

use lifeboat_model::{Environment, EnvironmentRecord, Provider};
use lifeboat_targets::{Aws, is_loopback, is_of_aws};

use crate::failure::Failure;

/// Gives the environment the endpoint that AWS tools would use, and refuses one that is not the provider's.
pub fn settle_endpoint(environment: &mut Environment) -> Result<(), Failure> {
    if environment.endpoint.is_none() && environment.provider != Provider::Sandbox {
        environment.endpoint = endpoint_of_variables(environment.provider)?;
    }
    let loopback = environment.endpoint.as_deref().is_some_and(is_loopback);
    match (environment.provider, loopback, &environment.endpoint) {
        // Variables set an endpoint for all tools, and a plan for AWS that meets one on this machine would prove nothing.
        (Provider::Aws, true, Some(endpoint)) if !environment.allow_loopback => Err(Failure::usage(format!(
            "the plan is for provider \"aws\" and the endpoint `{}` is on this machine, so what answers there is not \
             AWS; say allow_loopback = true in [environment] where that is meant, or unset AWS_ENDPOINT_URL",
            shown(endpoint)
        ))),
        (Provider::Localstack | Provider::Sandbox, ..) if environment.allow_loopback => {
            Err(Failure::usage(format!(
                "allow_loopback is for provider \"aws\"; drop it: provider \"{}\" is on this machine anyway",
                environment.provider.name()
            )))
        }
        (Provider::Aws, false, None) if environment.allow_loopback => Err(Failure::usage(
            "the plan says allow_loopback = true, so what stands in for AWS on this machine is meant, and nothing says where \
             it is; give `endpoint` in [environment] or AWS_ENDPOINT_URL, or drop allow_loopback where AWS itself is meant",
        )),
        (_, true, _) | (_, _, None) => Ok(()),
        (Provider::Aws, false, Some(endpoint)) => Err(Failure::usage(format!(
            "the endpoint `{}` is neither on this machine nor all of AWS, each of whose services has its own; for AWS itself \
             leave `endpoint` out and unset AWS_ENDPOINT_URL (VPC endpoints without private DNS go into \
             AWS_ENDPOINT_URL_RDS, AWS_ENDPOINT_URL_STS and so on, as https addresses of AWS)",
            shown(endpoint)
        ))),
        (Provider::Localstack | Provider::Sandbox, false, Some(endpoint)) => Err(Failure::usage(format!(
            "endpoint `{}` is not on this machine, where LocalStack and the sandbox have to be",
            shown(endpoint)
        ))),
    }
}

/// The endpoint that the variables of AWS tools name, if they do.
pub fn endpoint_of_variables(provider: Provider) -> Result<Option<String>, Failure> {
    endpoint_of_tools(provider, &|name| std::env::var(name).ok())
}

/// An address without the user and password that may stand in it.
fn shown(address: &str) -> String {
    let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://…@{host}{}", &rest[end..]),
        None => address.to_owned(),
    }
}

/// The endpoint in the variables of AWS tools. Those of one service come first; as a plan has one control plane, they must
/// not differ. A service's own address at AWS, which may be a VPC endpoint, leaves AWS the control plane.
fn endpoint_of_tools(
    provider: Provider,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<String>, Failure> {
    let set = |name: &'static str| Some((name, variable(name).filter(|value| !value.is_empty())?));
    let of_service = |name| set(name).filter(|(_, value)| provider != Provider::Aws || !is_of_aws(value));
    let of_services = ["AWS_ENDPOINT_URL_RDS", "AWS_ENDPOINT_URL_DYNAMODB"].map(of_service);
    if let [Some((rds, one)), Some((dynamodb, other))] = &of_services
        && one != other
    {
        return Err(Failure::usage(format!(
            "{rds} is {} and {dynamodb} is {}, and a plan has one control plane; give its endpoint in the plan's [environment]",
            shown(one),
            shown(other)
        )));
    }
    let found = of_services.into_iter().flatten().next().or_else(|| set("AWS_ENDPOINT_URL"));
    Ok(found.map(|(_, value)| value))
}

/// The control plane, where there is one; nothing is called.
pub async fn connect(environment: &Environment) -> Result<Aws, String> {
    if environment.endpoint.is_some() || environment.is_aws_itself() {
        Ok(Aws::connect(environment).await)
    } else {
        Err("the run has no control plane".into())
    }
}

/// Asks the control plane who calls, and refuses another account than the plan's. It is the first call of a run, and made on
/// AWS itself also where nothing else is asked of it: a record says in which account its run was.
pub async fn identify(
    environment: &Environment,
    runtime: Option<String>,
    needs_control_plane: bool,
) -> Result<(EnvironmentRecord, Option<String>), Failure> {
    let asks = environment.is_aws_itself() || (environment.endpoint.is_some() && needs_control_plane);
    let (account, operator) = if asks {
        // With whatever account: which one it is has to be told.
        let any = Environment { account: None, ..environment.clone() };
        let caller = Aws::connect(&any).await.caller().await;
        let (account, arn) = caller.map_err(|error| {
            Failure::not_run(match &environment.endpoint {
                Some(at) => format!(
                    "the control plane at {at} does not answer who calls: {error}; check that it runs, and the credentials"
                ),
                None => format!(
                    "AWS does not answer who calls: {error}; check the credentials, and the way to AWS from here"
                ),
            })
        })?;
        (Some(account), Some(arn))
    } else {
        (None, None)
    };
    if let (Some(wanted), Some(found)) = (&environment.account, &account)
        && wanted != found
    {
        return Err(Failure::usage(format!(
            "the plan is for account {wanted} and the credentials are of {found}; nothing was done"
        )));
    }
    let record = EnvironmentRecord {
        name: environment.name.clone(),
        provider: environment.provider.name().into(),
        region: environment.region.clone(),
        account,
        endpoint: environment.endpoint.clone(),
        runtime,
        simulated: !environment.is_aws_itself(),
        production: environment.production,
        change_ticket: None,
    };
    Ok((record, operator))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endpoint_of_a_service_comes_first_and_two_must_agree() {
        let (rds, dynamodb, all) = ("AWS_ENDPOINT_URL_RDS", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL");
        let of_provider = |provider: Provider, set: &[(&str, &str)]| {
            let value =
                |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned());
            endpoint_of_tools(provider, &value).map_err(|_| ())
        };
        let of = |set: &[(&str, &str)]| of_provider(Provider::Aws, set);
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&[(all, "a"), (dynamodb, "")]), Ok(Some("a".into())));
        assert_eq!(of(&[(all, "a"), (dynamodb, "b")]), Ok(Some("b".into())));
        assert_eq!(of(&[(all, "a"), (rds, "b"), (dynamodb, "b")]), Ok(Some("b".into())));
        assert_eq!(of(&[(rds, "b"), (dynamodb, "c")]), Err(()));
        let vpc = "https://vpce-1.rds.eu-west-1.vpce.amazonaws.com";
        assert_eq!(of(&[(rds, vpc)]), Ok(None), "the SDK leads the calls of that service there");
        assert_eq!(of(&[(rds, vpc), (dynamodb, "b")]), Ok(Some("b".into())));
        assert_eq!(of(&[(all, vpc)]), Ok(Some(vpc.into())), "no address is that of all services");
        assert_eq!(of_provider(Provider::Localstack, &[(rds, vpc)]), Ok(Some(vpc.into())));
    }
}
