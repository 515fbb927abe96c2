//! Which drills work on one resource, and so run one after the other.
//!
//! Two targets are one resource if they have a name or an address in common: an instance's endpoint is asked of the
//! control plane, and host names are looked up. Not noticed: one server at two addresses neither of which is its endpoint,
//! as a tunnel's end and a bastion's.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use lifeboat_model::{Port, TargetEntry};
use lifeboat_targets::Aws;
use lifeboat_targets::rds::Rds;
use tokio::net::lookup_host;
use tokio::time::timeout;

use crate::prepare::Ready;

/// How long a name may take to be looked up. One that cannot be is for the drill to find out.
const LOOKUP_LIMIT: Duration = Duration::from_secs(5);

/// The drills of each resource in the plan's order.
pub async fn lines<'a>(drills: &'a [Ready], aws: Option<&Aws>) -> Vec<Vec<&'a Ready>> {
    let targets: Vec<&TargetEntry> = drills.iter().map(|ready| &ready.params.target).collect();
    let plain = targets.iter().any(|target| matches!(target, TargetEntry::Postgres(_)));
    // Instances have names of their own; only a server without one can be one of them.
    let aws = aws.filter(|_| plain);
    let known = join_all(targets.into_iter().map(|target| names(target, aws))).await;
    grouped(known.into_iter().zip(drills))
}

/// All that a target is known by.
pub async fn names(target: &TargetEntry, aws: Option<&Aws>) -> BTreeSet<String> {
    let mut addresses = Vec::new();
    match target {
        TargetEntry::Postgres(server) => {
            addresses.extend(number(&server.port).map(|port| (server.host.clone(), port)));
        }
        TargetEntry::RdsInstance(instance) => {
            let endpoint = match aws {
                Some(aws) => Rds::new(aws).find(&instance.identifier).await.ok().flatten(),
                None => None,
            };
            let endpoint = endpoint.and_then(|found| found.endpoint);
            let host = instance.host.clone().or_else(|| endpoint.as_ref().map(|(host, _)| host.clone()));
            let port = match &instance.port {
                Some(port) => number(port),
                None => endpoint.as_ref().map(|(_, port)| *port),
            };
            addresses.extend(host.zip(port));
            addresses.extend(endpoint);
        }
        TargetEntry::DynamodbTable(_) => {}
    }
    let mut names = BTreeSet::from([target.resource()]);
    for (host, port) in addresses {
        if let Ok(Ok(found)) = timeout(LOOKUP_LIMIT, lookup_host((host.as_str(), port))).await {
            names.extend(found.map(|address| address.to_string()));
        }
        names.insert(format!("{}:{port}", host.to_lowercase()));
    }
    names
}

fn number(port: &Port) -> Option<u16> {
    match port {
        Port::Number(number) => Some(*number),
        Port::Unresolved(_) => None,
    }
}

/// What is known by any of these names, each with its place in the plan.
struct Group<T> {
    names: BTreeSet<String>,
    members: Vec<(usize, T)>,
}

/// What has a name in common, directly or by way of others, in the order given.
fn grouped<T>(named: impl IntoIterator<Item = (BTreeSet<String>, T)>) -> Vec<Vec<T>> {
    let mut groups: Vec<Group<T>> = Vec::new();
    for (place, (names, member)) in named.into_iter().enumerate() {
        let mut joined = Group { names, members: vec![(place, member)] };
        let (same, others): (Vec<_>, Vec<_>) =
            groups.into_iter().partition(|group| !group.names.is_disjoint(&joined.names));
        groups = others;
        for group in same {
            joined.names.extend(group.names);
            joined.members.extend(group.members);
        }
        joined.members.sort_by_key(|(place, _)| *place);
        groups.push(joined);
    }
    groups.into_iter().map(|group| group.members.into_iter().map(|(_, member)| member).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_name_in_common_is_one() {
        let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let lines = grouped([
            (named(&["rds:orders", "10.0.0.1:5432"]), 0),
            (named(&["postgres:db"]), 1),
            (named(&["postgres:tunnel", "127.0.0.1:5432"]), 2),
            // The one that the first and the third have in common.
            (named(&["rds:orders", "127.0.0.1:5432"]), 3),
            (named(&["postgres:db"]), 4),
        ]);
        assert_eq!(lines, [vec![0, 2, 3], vec![1, 4]].map(Vec::from));
    }
}
