//! `lifeboat gc`: finds what runs left behind, and deletes what has expired.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use lifeboat_model::{Environment, ExitCode, Provider};
use lifeboat_reports::clean_line;
use lifeboat_targets::{Aws, Leftover, LeftoverKind, Standing, delete_leftover, find_leftovers};
use time::OffsetDateTime;

use crate::args::GcArgs;
use crate::control_plane;
use crate::failure::Failure;
use crate::prepare::Source;
use crate::print::{errln, outln};
use crate::stores::region_of_tools;

/// How long one may take to go: an instance that AWS is still making is not let go of for up to an hour.
const PATIENCE: Duration = Duration::from_secs(3600);

/// Lists what runs left in the account and region, and deletes what may be deleted of it.
pub async fn gc(args: &GcArgs) -> Result<ExitCode, Failure> {
    let mut environment = environment(args)?;
    let (record, _) = control_plane::identify(&environment, None, true).await?;
    // With whatever credentials: nothing of another account is looked at from here on.
    environment.account = record.account.clone().or(environment.account);
    let aws = Aws::connect(&environment).await;
    let now = OffsetDateTime::now_utc();
    let (found, missing) = find_leftovers(&aws, now, args.older_than).await.map_err(|error| {
        Failure::not_run(format!("cannot list what runs left: {error}; nothing was deleted"))
    })?;
    for name in &args.confirmed {
        check_confirmed(&found, name)
            .map_err(|why| Failure::usage(format!("--confirm={name}: {why}; nothing was deleted")))?;
    }
    if !missing.is_empty() {
        errln!(
            "lifeboat: this environment does not have {}: nothing can have been left there",
            missing.join(", ")
        );
    }
    let account = record.account.unwrap_or_default();
    outln!("account {account}, region {}: {} left by runs", record.region, found.len());
    for leftover in &found {
        outln!("{}", line(leftover, now));
    }
    let (going, staying): (Vec<&Leftover>, Vec<&Leftover>) =
        found.iter().partition(|leftover| !args.dry_run && may_go(leftover, &args.confirmed));
    let mut left = staying.iter().any(|leftover| !matches!(leftover.standing, Standing::InUse { .. }));
    if !going.is_empty() {
        errln!("lifeboat: deleting {}; to stop, press Ctrl-C and run it again later", going.len());
    }
    // Side by side: each waits for AWS most of its time.
    let aws = &aws;
    let deleting = going.into_iter().map(|leftover| async move {
        (leftover, delete_leftover(aws, leftover, args.older_than, PATIENCE).await)
    });
    let mut deleting: FuturesUnordered<_> = deleting.collect();
    while let Some((leftover, done)) = deleting.next().await {
        match done {
            Ok(how) => outln!("done: {}", clean_line(&how)),
            Err(why) => {
                left = true;
                outln!(
                    "left behind: {} `{}`: {}",
                    leftover.kind.name(),
                    clean_line(&leftover.name),
                    clean_line(&why)
                );
            }
        }
    }
    Ok(if left { ExitCode::Residue } else { ExitCode::Met })
}

fn environment(args: &GcArgs) -> Result<Environment, Failure> {
    let mut environment = match &args.plan {
        Some(path) => Source::read(path)?.environment(&std::collections::BTreeMap::new())?,
        None => {
            let region = region_of_tools()
                .ok_or_else(|| Failure::usage("in which region? set AWS_REGION, or give --plan=PLAN"))?;
            if control_plane::endpoint_of_variables(Provider::Aws)?.is_none() {
                return Err(Failure::usage(
                    "in which account? give --plan=PLAN, whose [environment] says it; without a plan, only what stands in for \
                     AWS on this machine is looked at, and AWS_ENDPOINT_URL names none",
                ));
            }
            Environment { allow_loopback: true, ..Environment::new("gc", Provider::Aws, &region) }
        }
    };
    control_plane::settle_endpoint(&mut environment)?;
    environment.name_session("lifeboat-gc");
    if environment.endpoint.is_none() && environment.provider != Provider::Aws {
        return Err(Failure::usage(format!(
            "a run of this plan starts its own {}, which ends with the run and leaves nothing; give the endpoint of one \
             that stays",
            environment.provider.name()
        )));
    }
    Ok(environment)
}

fn is_named(leftover: &Leftover, name: &str) -> bool {
    leftover.name == name || leftover.identity == name
}

/// A person may name what has expired or could not be tagged, and one thing by one name.
fn check_confirmed(found: &[Leftover], name: &str) -> Result<(), String> {
    let named: Vec<&Leftover> = found.iter().filter(|leftover| is_named(leftover, name)).collect();
    match named[..] {
        [] => Err("no run left anything of that name".into()),
        [one] => match &one.standing {
            Standing::Expired | Standing::Untagged => Ok(()),
            Standing::InUse { why } | Standing::Doubtful { why } => {
                Err(format!("{why}; it is not deleted here, whoever confirms it"))
            }
        },
        _ => Err(format!("there are {} of that name; give the ARN of one", named.len())),
    }
}

fn may_go(leftover: &Leftover, confirmed: &[String]) -> bool {
    match leftover.standing {
        Standing::Expired => true,
        Standing::Untagged => confirmed.iter().any(|name| is_named(leftover, name)),
        Standing::InUse { .. } | Standing::Doubtful { .. } => false,
    }
}

/// One leftover: what it is, whose, how old, what it costs, and what is to be done about it.
fn line(leftover: &Leftover, now: OffsetDateTime) -> String {
    let age = leftover.created_at.map_or_else(
        || "of unknown age".to_owned(),
        |made| {
            let minutes = (now - made).whole_minutes().max(0);
            format!("{} h {} min old", minutes / 60, minutes % 60)
        },
    );
    let standing = match &leftover.standing {
        Standing::Expired => "expired".to_owned(),
        Standing::InUse { why } => format!("in use perhaps: {why}"),
        Standing::Untagged => {
            let name =
                if leftover.kind == LeftoverKind::Backup { &leftover.identity } else { &leftover.name };
            format!("has no tags; if nobody needs it, delete it with --confirm={}", clean_line(name))
        }
        Standing::Doubtful { why } => format!("doubtful, look at it yourself: {}", clean_line(why)),
    };
    format!(
        "  {} {} ({}), run {}, {age}, billed: {}; {standing}",
        leftover.kind.name(),
        clean_line(&leftover.name),
        clean_line(&leftover.identity),
        clean_line(&leftover.run),
        clean_line(&leftover.cost)
    )
}
