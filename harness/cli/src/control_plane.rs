//! The control plane that a plan means: at which endpoint it is, that it may be asked, and who asks it.

use lifeboat_model::{Environment, EnvironmentRecord, Provider};
use lifeboat_targets::{Aws, is_loopback, is_of_aws};

use crate::failure::Failure;

/// Gives the environment the endpoint that AWS tools would use, and refuses those that are not released.
pub fn settle_endpoint(environment: &mut Environment) -> Result<(), Failure> {
    if environment.endpoint.is_none() && environment.provider != Provider::Sandbox {
        environment.endpoint = endpoint_of_tools(&|name| std::env::var(name).ok())?;
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
        (_, true, _) | (Provider::Localstack | Provider::Sandbox, _, None) => Ok(()),
        (Provider::Aws, false, _) => Err(Failure::usage(
            "provider \"aws\" is not released for real endpoints yet: its interlocks are not complete; give a loopback \
             endpoint, or use provider = \"sandbox\"",
        )),
        (Provider::Localstack | Provider::Sandbox, false, Some(endpoint)) => Err(Failure::usage(format!(
            "endpoint `{}` is not on this machine, where LocalStack and the sandbox have to be",
            shown(endpoint)
        ))),
    }
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
/// not differ.
fn endpoint_of_tools(variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<String>, Failure> {
    let set = |name: &'static str| Some((name, variable(name).filter(|value| !value.is_empty())?));
    let of_services = ["AWS_ENDPOINT_URL_RDS", "AWS_ENDPOINT_URL_DYNAMODB"].map(set);
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
    match environment.endpoint {
        Some(_) => Ok(Aws::connect(environment).await),
        None => Err("the run has no control plane".into()),
    }
}

/// Asks the control plane who calls, and refuses another account than the plan's. It is the first call of a run.
pub async fn identify(
    environment: &Environment,
    runtime: Option<String>,
    needs_control_plane: bool,
) -> Result<(EnvironmentRecord, Option<String>), Failure> {
    let (account, operator) = if environment.endpoint.is_some() && needs_control_plane {
        // With whatever account: which one it is has to be told.
        let any = Environment { account: None, ..environment.clone() };
        let caller = Aws::connect(&any).await.caller().await;
        let (account, arn) = caller.map_err(|error| {
            let at = environment.endpoint.as_deref().unwrap_or("AWS");
            Failure::not_run(format!(
                "the control plane at {at} does not answer who calls: {error}; check that it runs, and the credentials"
            ))
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
        // What answers at an address that is not AWS's own may be anything.
        simulated: environment.provider != Provider::Aws
            || environment.endpoint.as_deref().is_some_and(|endpoint| !is_of_aws(endpoint)),
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
        let of = |set: &[(&str, &str)]| {
            let value =
                |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned());
            endpoint_of_tools(&value).map_err(|_| ())
        };
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&[(all, "a"), (dynamodb, "")]), Ok(Some("a".into())));
        assert_eq!(of(&[(all, "a"), (dynamodb, "b")]), Ok(Some("b".into())));
        assert_eq!(of(&[(all, "a"), (rds, "b"), (dynamodb, "b")]), Ok(Some("b".into())));
        assert_eq!(of(&[(rds, "b"), (dynamodb, "c")]), Err(()));
    }
}
