//! How a drill reaches its target, whether it may harm it, and what its sessions are called.

use std::collections::BTreeMap;
use std::time::Duration;

use lifeboat_engine::{Context, OptionsError, Params, StepError};
use lifeboat_model::{
    DynamodbTableTarget, Environment, Password, Port, RdsInstanceTarget, ServerRef, TargetEntry, UndoAction,
    short_hash,
};
use lifeboat_targets::postgres::Server;
use lifeboat_targets::rds::{InstanceView, Rds, no_tokens};
use lifeboat_targets::{EXPIRES_TAG, RUN_TAG};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The tag that allows drills on a resource, and its value.
pub const ALLOW_TAG: (&str, &str) = ("lifeboat:drill", "allowed");

/// The beginning of the application name of every session of a drill: run and drill, so that undo finds them.
pub fn session_prefix(params: &Params) -> String {
    format!("lifeboat/{}/{:08x}/", params.run_id, short_hash(&params.drill))
}

/// The application name of the drill's sessions of one kind.
pub fn session_name(params: &Params, role: &str) -> String {
    format!("{}{role}", session_prefix(params))
}

/// What takes every session of the drill back.
pub fn end_sessions(params: &Params, server: &Server) -> UndoAction {
    UndoAction::EndSessions { server: server.reference().clone(), application_name: session_prefix(params) }
}

/// The same in words.
pub fn end_sessions_text(params: &Params) -> String {
    format!("end the sessions `{}*` and wait until the server counts none", session_prefix(params))
}

/// How long a drill may need something: a day, or longer where it waits `give_up` for one thing and `reads` for the data,
/// each of them more than once.
pub fn needed_for(give_up: Duration, reads: Duration) -> Duration {
    Duration::from_secs(24 * 3600).max(give_up * 10 + reads * 2)
}

/// The tags of what the drill makes: it expires when the drill cannot need it any more, and never later than the plan's
/// `longest_life` says.
pub fn tags(params: &Params, give_up: Duration, reads: Duration) -> BTreeMap<String, String> {
    let usual = needed_for(give_up, reads);
    // A drill that may need longer than the plan allows was refused before.
    let life = params.safety.longest_life.map_or(usual, |longest| longest.0.min(usual));
    let expires = OffsetDateTime::now_utc() + life;
    let expires = expires.replace_nanosecond(0).unwrap_or(expires);
    BTreeMap::from([
        (RUN_TAG.into(), params.run_id.clone()),
        (EXPIRES_TAG.into(), expires.format(&Rfc3339).unwrap_or_default()),
    ])
}

/// A step's act as the engine wants it, from what the drill's steps share.
pub fn act<S, Fut>(shared: &S, act: fn(S, Context) -> Fut) -> impl FnOnce(Context) -> Fut + Send + use<S, Fut>
where
    S: Clone + Send + 'static,
{
    let shared = shared.clone();
    move |context| act(shared, context)
}

/// The drill's target, which has to be a DB instance.
///
/// # Errors
/// If it is of another kind.
pub fn instance_target<'a>(
    params: &'a Params,
    scenario: &str,
) -> Result<&'a RdsInstanceTarget, OptionsError> {
    match &params.target {
        TargetEntry::RdsInstance(target) => Ok(target),
        _ => Err(of_another_kind(params, scenario, "rds-instance")),
    }
}

/// The drill's target, which has to be a DynamoDB table.
///
/// # Errors
/// If it is of another kind.
pub fn table_target<'a>(params: &'a Params, scenario: &str) -> Result<&'a DynamodbTableTarget, OptionsError> {
    match &params.target {
        TargetEntry::DynamodbTable(target) => Ok(target),
        _ => Err(of_another_kind(params, scenario, "dynamodb-table")),
    }
}

fn of_another_kind(params: &Params, scenario: &str, kind: &str) -> OptionsError {
    let target = &params.target_name;
    params.wrong(format!("scenario {scenario} needs a target of kind {kind}; `{target}` is none"))
}

/// The port of a target.
///
/// # Errors
/// If it is a variable without a value.
pub fn port(params: &Params, port: &Port) -> Result<u16, OptionsError> {
    match port {
        Port::Number(number) => Ok(*number),
        Port::Unresolved(text) => {
            Err(params.wrong(format!("the port {text} of target `{}` has no value", params.target_name)))
        }
    }
}

/// A server at an address, for the target's own role.
pub fn server(
    params: &Params,
    host: &str,
    port: u16,
    database: &str,
    user: &str,
    password: &Password,
) -> Server {
    let reference = ServerRef {
        target: params.target_name.clone(),
        host: host.into(),
        port,
        database: database.into(),
        user: user.into(),
        own_sandbox: params.own_sandbox,
        instance: None,
        patience_s: 0,
        copy: false,
        tls: params.target.server_tls(params.environment.provider),
        endpoint: None,
    };
    Server::new(reference, password.clone())
}

/// The server behind a DB instance: at the plan's host and port where it gives them, else at the endpoint. Its certificate
/// is of the endpoint in either case.
///
/// # Errors
/// If neither gives an address.
pub fn instance_server(
    params: &Params,
    target: &RdsInstanceTarget,
    instance: &InstanceView,
) -> Result<Server, StepError> {
    let endpoint = instance.endpoint.as_ref();
    let host = target.host.as_deref().or(endpoint.map(|(host, _)| host.as_str()));
    let port = match &target.port {
        Some(own) => Some(port(params, own).map_err(StepError::failed)?),
        None => endpoint.map(|(_, port)| *port),
    };
    // Tokens are of the endpoint, whatever the way.
    let known = endpoint.is_some() || params.target.token_passwords().next().is_none();
    let (Some(host), Some(port), true) = (host, port, known) else {
        let text = format!(
            "instance `{}` has no endpoint yet; wait until it is available, or give host and port in the plan",
            target.identifier
        );
        return Err(StepError::Failed(text));
    };
    let mut found = server(params, host, port, &target.database, &target.user, &target.password);
    if let Some((of_endpoint, _)) = endpoint.filter(|(of_endpoint, _)| of_endpoint != host) {
        found = found.with_certificate_of(of_endpoint);
    }
    let with_tokens = params.target.token_passwords().next().is_some();
    if let (true, Some((of_endpoint, own_port))) = (with_tokens, endpoint)
        && (of_endpoint.as_str(), *own_port) != (host, port)
    {
        found = found.with_endpoint(of_endpoint, *own_port);
    }
    // What answers at an address of the plan's own may be there when the control plane knows of no such instance.
    let at_endpoint = target.host.is_none() && target.port.is_none();
    Ok(if at_endpoint { found.of_instance(&instance.resource_id) } else { found })
}

/// Refuses what is of another account or region than the run's, by its ARN: an endpoint may lead elsewhere than the one that
/// said who calls.
///
/// # Errors
/// The sentence that names both.
pub fn is_of_the_run(environment: &Environment, arn: &str) -> Result<(), StepError> {
    let mut parts = arn.split(':').skip(3);
    let (region, account) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let wanted = environment.account.as_deref().unwrap_or(account);
    if region == environment.region && account == wanted {
        return Ok(());
    }
    Err(StepError::Failed(format!(
        "the target is of another account or region: its ARN is {arn}, and the run is for account {wanted} in {}; nothing \
         was done; check endpoint, credentials and region of the plan",
        environment.region
    )))
}

/// Looks a DB instance up, journals what it is, keeps it under this name, and refuses it if nobody released it for
/// drills.
///
/// # Errors
/// The sentence that says what is wrong.
pub async fn released_instance(
    params: &Params,
    rds: &Rds,
    context: &Context,
    id: &str,
    kept_as: &str,
) -> Result<InstanceView, StepError> {
    let instance = rds.describe(id).await.map_err(|error| {
        let hint = match error.code.as_str() {
            "DBInstanceNotFound" => " (check identifier, region and account of the plan)",
            _ => "",
        };
        error.ends_step(format!("cannot look up DB instance `{id}`{hint}"))
    })?;
    is_of_the_run(&params.environment, &instance.arn)?;
    context.identified(instance.identity()).await?;
    context.observe(kept_as, &instance);
    let (key, value) = ALLOW_TAG;
    may_harm(params, id, Some(instance.tag(key) == Some(value)))?;
    takes_tokens(params, &instance)?;
    Ok(instance)
}

/// Refuses an instance that takes no tokens where the plan's roles have nothing else.
fn takes_tokens(params: &Params, instance: &InstanceView) -> Result<(), StepError> {
    match params.target.token_passwords().next() {
        Some((user, _)) if !instance.settings.iam_authentication => {
            let id = &instance.identifier;
            Err(StepError::Failed(no_tokens(id, user)))
        }
        _ => Ok(()),
    }
}

/// Refuses a target that nobody released for drills: it needs the tag or its name in `--confirm`, and in production
/// both. What a run started itself needs neither.
///
/// # Errors
/// The sentence that says what is missing.
pub fn may_harm(params: &Params, id: &str, tagged: Option<bool>) -> Result<(), StepError> {
    if params.own_sandbox {
        return Ok(());
    }
    let confirmed = params.confirmed.contains(id);
    let (key, value) = ALLOW_TAG;
    let tag_missing = tagged == Some(false);
    let missing = match (params.environment.production, tagged, confirmed) {
        (false, Some(true), _) | (_, None | Some(true), true) | (false, Some(false), true) => return Ok(()),
        (true, Some(true), false) => format!("it is production, so add --confirm={id}"),
        (true, Some(false), _) => {
            format!("it is production, so tag it {key} = {value} and add --confirm={id}")
        }
        (_, None, false) => format!("it has no tags to ask, so add --confirm={id}"),
        (false, Some(false), false) => format!("tag it {key} = {value}, or add --confirm={id}"),
    };
    let because = if tag_missing { format!(" (its tag {key} is not `{value}`)") } else { String::new() };
    Err(StepError::Failed(format!("`{id}` is not released for drills{because}: {missing}")))
}

#[cfg(test)]
#[path = "access_tests.rs"]
mod tests;
