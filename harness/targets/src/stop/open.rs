//! From the conditions of a plan to what the engine watches.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use lifeboat_engine::{StopWatch, Tripwire, Watched, close};
use lifeboat_model::{Port, Provider, ServerRef, StopCondition, StopKind, TargetEntry};

use super::alarm::AlarmLook;
use super::http::HttpLook;
use super::sql::SqlLook;
use crate::Aws;
use crate::postgres::Server;
use crate::rds::{Rds, no_tokens};

/// An HTTP look always says something; this is longer than any takes.
const HTTP_SAYS_WITHIN: Duration = Duration::from_secs(60);

/// What the conditions are opened with.
#[derive(Clone, Copy)]
pub struct OfRun<'a> {
    /// Where the control plane is.
    pub provider: Provider,
    /// The targets that conditions name.
    pub targets: &'a BTreeMap<String, TargetEntry>,
    /// The run's id.
    pub run_id: &'a str,
    /// The control plane, or why there is none.
    pub aws: &'a Result<Aws, String>,
}

/// Makes a plan's conditions ready to be watched: connections are opened, nothing is asked of them yet.
///
/// # Errors
/// A sentence for each that cannot be had; the others are closed again.
pub async fn open_conditions(
    conditions: &[StopCondition],
    of_run: OfRun<'_>,
) -> Result<Vec<StopWatch>, Vec<String>> {
    let opening = conditions.iter().map(|condition| async move {
        let tripwire = open(condition, of_run).await;
        let name = condition.name.clone();
        match tripwire {
            Ok(tripwire) => Ok(StopWatch { name, tripwire }),
            Err(error) => Err(format!("stop condition `{name}` cannot be read: {error}")),
        }
    });
    let (mut ready, mut wrong) = (Vec::new(), Vec::new());
    for opened in join_all(opening).await {
        match opened {
            Ok(condition) => ready.push(condition),
            Err(error) => wrong.push(error),
        }
    }
    if wrong.is_empty() {
        return Ok(ready);
    }
    close(ready).await;
    Err(wrong)
}

async fn open(condition: &StopCondition, of_run: OfRun<'_>) -> Result<Tripwire, String> {
    Ok(Tripwire::Watched(match &condition.kind {
        StopKind::TimeBudget(budget) => return Ok(Tripwire::TimeBudget(*budget)),
        StopKind::Alarm { alarm, pace } => Watched {
            look: Box::new(AlarmLook::new(of_run.aws.as_ref().map_err(Clone::clone)?, alarm)),
            every: pace.every,
            in_a_row: 1,
            unreadable_for: pace.unreadable_for,
        },
        StopKind::Http { address, failures, every } => Watched {
            look: Box::new(HttpLook::new(address)?),
            every: *every,
            in_a_row: *failures,
            unreadable_for: HTTP_SAYS_WITHIN,
        },
        StopKind::Sql { sql, target, pace } => {
            let server = server_of(target, of_run).await?;
            Watched {
                look: Box::new(SqlLook::open(server, format!("lifeboat/{}/stop", of_run.run_id), sql).await?),
                every: pace.every,
                in_a_row: 1,
                unreadable_for: pace.unreadable_for,
            }
        }
    }))
}

/// The server of a target: at the plan's host and port where it gives them, else at the instance's endpoint, of which its
/// certificate is in either case.
async fn server_of(name: &str, of_run: OfRun<'_>) -> Result<Server, String> {
    let entry = of_run.targets.get(name).ok_or_else(|| format!("there is no target `{name}`"))?;
    let tls = entry.server_tls(of_run.provider);
    let (mut certified, mut own) = (None, None);
    let with_tokens = entry.token_passwords().next().is_some();
    let number = |port: &Port| match port {
        Port::Number(number) => Ok(*number),
        Port::Unresolved(text) => Err(format!("the port {text} of target `{name}` has no value")),
    };
    let (host, port, database) = match entry {
        TargetEntry::Postgres(server) => (server.host.clone(), number(&server.port)?, &server.database),
        TargetEntry::RdsInstance(instance) => {
            let at_port = instance.port.as_ref().map(number).transpose()?;
            let at = match (&instance.host, at_port) {
                (Some(host), Some(port)) if tls.is_none() && !with_tokens => Some((host.clone(), port)),
                _ => {
                    let rds = Rds::new(of_run.aws.as_ref().map_err(Clone::clone)?);
                    let found = rds.describe(&instance.identifier).await.map_err(|error| {
                        format!("cannot look up DB instance `{}`: {error}", instance.identifier)
                    })?;
                    if let (Some((user, _)), false) =
                        (entry.token_passwords().next(), found.settings.iam_authentication)
                    {
                        return Err(no_tokens(&found.identifier, user));
                    }
                    let endpoint = found.endpoint;
                    certified = endpoint.as_ref().map(|(host, _)| host.clone());
                    own = endpoint
                        .as_ref()
                        .filter(|_| with_tokens)
                        .map(|(host, port)| format!("{host}:{port}"));
                    endpoint
                        .map(|(host, port)| (instance.host.clone().unwrap_or(host), at_port.unwrap_or(port)))
                }
            };
            let (host, port) =
                at.ok_or_else(|| format!("DB instance `{}` has no endpoint yet", instance.identifier))?;
            (host, port, &instance.database)
        }
        TargetEntry::DynamodbTable(_) => return Err(format!("target `{name}` has no SQL server")),
    };
    let roles = entry.sql_roles().ok_or_else(|| format!("target `{name}` has no SQL server"))?;
    let reference = ServerRef {
        target: name.into(),
        host,
        port,
        database: database.clone(),
        user: roles.user.into(),
        own_sandbox: false,
        instance: None,
        patience_s: 0,
        copy: false,
        tls,
        endpoint: own,
    };
    let server = Server::new(reference, roles.password.clone());
    Ok(match certified {
        Some(name) => server.with_certificate_of(&name),
        None => server,
    })
}
