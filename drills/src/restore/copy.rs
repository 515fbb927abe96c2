//! The copy: asked for once, adopted where the answer was lost, waited for, and asked its first query.

use std::mem::replace;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lifeboat_engine::{Context, StepError, wait_for};
use lifeboat_model::{Provider, RdsInstanceTarget, Stage};
use lifeboat_targets::postgres::{PgError, Server, ServerWitness, server_witness};
use lifeboat_targets::rds::{CopyOf, InstanceView, Rds, RestoreRequest, Source};
use lifeboat_targets::{AwsError, Claim, Effect};

use super::scene::Scene;
use super::{canaries, places};
use crate::access::instance_server;
use crate::calls::{Answer, unseen};
use crate::same;

/// Statuses from which a restore does not come back by itself.
const BROKEN: [&str; 10] = [
    "incompatible-restore",
    "incompatible-network",
    "incompatible-parameters",
    "incompatible-option-group",
    "inaccessible-encryption-credentials",
    "restore-error",
    "insufficient-capacity",
    "storage-full",
    "failed",
    "deleting",
];

/// The codes of a restore that is refused for good: what it asks for is not there.
const NOTHING_TO_RESTORE: [&str; 6] = [
    "PointInTimeRestoreNotEnabled",
    "InvalidParameterValue",
    "DBInstanceAutomatedBackupNotFound",
    "DBSnapshotNotFound",
    "InvalidDBSnapshotState",
    "InvalidRestoreFault",
];

/// What is observed of places that had no room for the copy.
pub const NO_ROOM: &str = "no-capacity";

/// What is observed of the copy's password, where Secrets Manager keeps it.
pub const PASSWORD_STAGE: &str = "copy-password-stage";

/// How long an available copy gets to answer its first query: a fresh name takes its time to be known.
const FIRST_QUERY: Duration = Duration::from_secs(60);

pub async fn request_restore(s: Scene, context: Context) -> Result<(), StepError> {
    // That the moment never became restorable is for the checks to say.
    if !s.known(|known| known.ready) {
        return Ok(());
    }
    let (rds, source, name) = (s.rds().await, s.source()?, s.copy_name());
    let taken = rds.find(&name).await.map_err(|error| error.ends_step("cannot look the copy's name up"))?;
    if let Some(other) = taken {
        return Err(StepError::Failed(format!(
            "cannot restore into `{name}`: there is a DB instance of that name already ({}), which this run did not make \
             and left alone; see whose it is, and run the drill again",
            other.resource_id
        )));
    }
    let session = canaries::open(&s).await?;
    canaries::write(&s, &session, canaries::LATE..=canaries::LATE).await?;
    let (since, snapshot) = s.known(|known| (known.since.clone(), known.snapshot.clone()));
    let of = match (snapshot, since) {
        (Some(snapshot), _) => CopyOf::Snapshot(snapshot),
        (None, Some(since)) => CopyOf::Moment { source: named(&s, &source), at: since.at },
        (None, None) => return Err(StepError::Failed("what to restore is not known".into())),
    };
    let settings = source.settings.for_a_copy(s.options.multi_az);
    let request = RestoreRequest { of, name: name.clone(), settings, zone: None, tags: s.tags() };
    context.observe("asked-tags", &request.tags);
    same::instance(&rds, &source).await?;
    let answer = Answer::new();
    context.mark("restore-requested");
    match ask_for(&s, &context, &rds, request, &answer).await {
        Ok(_) => {}
        // What cannot be restored is no defect of the drill: it is what the drill is there to find.
        Err(error)
            if error.effect == Effect::None
                && NOTHING_TO_RESTORE.iter().any(|code| error.code.starts_with(code)) =>
        {
            s.known(|known| known.ready = false);
            context.keep(s.deletes_copy(), "the restore was refused: nothing was made").await?;
            context.observe("restore", format!("it was refused: {error}"));
            context.mark("observed-until");
            session.close().await;
            return Ok(());
        }
        Err(error) => return Err(error.ends_step(format!("the restore into `{name}` was not accepted"))),
    }
    // Whatever is done next, its undo has to know it. Where the answer was lost, the first look tells.
    if let Some(copy) = answer.given().filter(|copy| copy.resource_id != source.resource_id) {
        s.bind_copy(&context, &copy).await?;
    }
    context.mark("restore-accepted");
    // At once: whoever copies the source from now on has it.
    canaries::write(&s, &session, canaries::LATER..=canaries::LATER)
        .await
        .map_err(StepError::indeterminate)?;
    session.close().await;
    Ok(())
}

/// Asks for the copy, and where RDS has no room for it, for one in the plan's next place.
async fn ask_for(
    s: &Scene,
    context: &Context,
    rds: &Rds,
    mut request: RestoreRequest,
    answer: &Answer<InstanceView>,
) -> Result<(), AwsError> {
    let mut without_room = Vec::new();
    let (classes, zones) = (&s.options.fallback_classes, &s.options.fallback_zones);
    let places = places::of(&request.settings.class, classes, zones);
    let mut places = places.into_iter().peekable();
    while let Some(place) = places.next() {
        (request.settings.class, request.zone) = (place.class.clone(), place.zone.clone());
        context.observe("asked-settings", &request.settings);
        let name = &request.name;
        let asked = rds.aws().change(|| answer.keep(rds.restore(&request)), || shows(s, rds, name)).await;
        match asked {
            Err(error) if places::has_no_room(&error) => {
                without_room.push(place.to_string());
                context.observe(NO_ROOM, &without_room);
                if places.peek().is_none() {
                    let message = format!(
                        "{} (tried: {}); drill again later, or list more in fallback_classes and fallback_zones",
                        error.message,
                        without_room.join(", ")
                    );
                    return Err(AwsError { message, ..error });
                }
            }
            Ok(_) | Err(_) => return asked.map(drop),
        }
    }
    Ok(())
}

/// How a restore is told its source. Not all that stands in for AWS knows more than its name.
fn named(s: &Scene, source: &InstanceView) -> Source {
    match s.params.environment.provider {
        Provider::Localstack => Source::Identifier(source.identifier.clone()),
        Provider::Aws | Provider::Sandbox => Source::ResourceId(source.resource_id.clone()),
    }
}

/// Whether what has the copy's name may be what a call without an answer made. While it is being made, it may not say since
/// when.
async fn may_be_ours(s: &Scene, rds: &Rds, name: &str) -> Result<bool, AwsError> {
    let Some(found) = rds.find(name).await? else { return Ok(false) };
    let target = s.known(|known| known.source.as_ref().map(|source| source.resource_id.clone()));
    let claim = rds.claim(&found, &s.params.run_id, &target.unwrap_or_default()).await?;
    Ok(!matches!(claim, Claim::Not(_)))
}

/// Whether what has the copy's name is the copy, or why that is not known yet. Once it is known, so it is to its undo.
///
/// # Errors
/// [`StepError::Indeterminate`] if it is something else.
async fn is_the_copy(
    s: &Scene,
    context: &Context,
    rds: &Rds,
    found: &InstanceView,
) -> Result<Result<(), String>, StepError> {
    let (name, source) = (&found.identifier, s.source()?);
    // What shows the source's own id is no copy, and nothing will be done to it.
    if found.resource_id == source.resource_id {
        return Ok(Ok(()));
    }
    let another =
        |why: String| StepError::Indeterminate(format!("`{name}` is not the copy: {why}; it was left alone"));
    match s.known(|known| known.made.clone()) {
        Some(made) if made == found.resource_id => Ok(Ok(())),
        Some(made) => Err(another(format!("it is {} and the copy is {made}", found.resource_id))),
        None => match rds.claim(found, &s.params.run_id, &source.resource_id).await {
            Ok(Claim::Ours) => s.bind_copy(context, found).await.map(Ok),
            Ok(Claim::NotYet(why)) => Ok(Err(why)),
            Ok(Claim::Not(why)) => Err(another(why)),
            Err(error) => Ok(Err(error.to_string())),
        },
    }
}

/// Whether the copy shows within the time in which it has to, after a call without an answer.
async fn shows(s: &Scene, rds: &Rds, name: &str) -> Result<bool, AwsError> {
    let shown = wait_for("the copy to show", s.every(), s.params.probe.notice, || async {
        match may_be_ours(s, rds, name).await {
            Ok(true) => Ok(()),
            Ok(false) => Err("nothing of that name and run".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    });
    Ok(shown.await.is_ok())
}

/// What a look at the copy found while it is not available.
enum Look {
    Available(Box<InstanceView>),
    Broken(String),
}

/// Waits until the copy is available. Ends as done in every case: what came of it is for the checks to say.
pub async fn await_copy(s: Scene, context: Context) -> Result<(), StepError> {
    if !s.known(|known| known.ready) {
        return Ok(());
    }
    let (rds, source, name) = (s.rds().await, s.source()?, s.copy_name());
    let shown = Mutex::new(String::new());
    let seen = wait_for(format!("`{name}` to be available"), s.every(), s.give_up(), || async {
        let found = match rds.find(&name).await {
            Ok(found) => found,
            Err(error) => return unseen(&error, &format!("the copy `{name}`")),
        };
        let found = found.ok_or_else(|| "no such instance".to_owned())?;
        // Hours of looks are not for the journal, each change is.
        if replace(&mut *shown.lock().unwrap_or_else(PoisonError::into_inner), found.status.clone())
            != found.status
        {
            context.observe("copy", &found);
        }
        match is_the_copy(&s, &context, &rds, &found).await {
            Ok(Ok(())) => {}
            Ok(Err(unclear)) => return Err(unclear),
            Err(another) => return Ok(Err(another)),
        }
        match found.status.as_str() {
            "available" if found.endpoint.is_some() || s.options.copy_host.is_some() => {
                Ok(Ok(Look::Available(Box::new(found))))
            }
            status if BROKEN.contains(&status) => Ok(Ok(Look::Broken(status.to_owned()))),
            status => Err(format!("status {status}")),
        }
    })
    .await;
    match seen {
        Ok(Err(another)) => return Err(another),
        Ok(Ok(Look::Available(copy))) => {
            context.mark("copy-available");
            context.observe("restore", "available");
            // What shows the source's own id is no copy, and nothing may be done to it.
            if copy.resource_id != source.resource_id {
                s.known(|known| known.copy = Some(*copy));
            }
        }
        Ok(Ok(Look::Broken(status))) => {
            let text = format!("its status is `{status}`, from which it does not come back by itself");
            context.observe("restore", text);
        }
        Err(error) => context.observe("restore", error.to_string()),
    }
    context.mark("observed-until");
    Ok(())
}

async fn ask(s: &Scene, server: &Server) -> Result<(ServerWitness, Option<Stage>), PgError> {
    let session = server.connect(&s.session("copy"), Duration::from_secs(5)).await?;
    let witness = server_witness(&session).await?;
    let stage = session.stage();
    session.close().await;
    Ok((witness, stage))
}

/// The copy's server: where the plan says that copies are, else at its own endpoint.
pub fn server_of(s: &Scene, copy: &InstanceView) -> Result<Server, StepError> {
    let way = RdsInstanceTarget {
        identifier: copy.identifier.clone(),
        host: s.options.copy_host.clone(),
        port: s.options.copy_port.clone(),
        ..s.target.clone()
    };
    Ok(instance_server(&s.params, &way, copy)?.of_copy())
}

/// Connects to the copy and asks it who it is. Ends as done in every case.
pub async fn connect_copy(s: Scene, context: Context) -> Result<(), StepError> {
    let Some(copy) = s.copy() else { return Ok(()) };
    let server = server_of(&s, &copy)?;
    let asked = wait_for(
        format!("an answer of the copy at {}", server.address()),
        Duration::from_millis(50),
        FIRST_QUERY.min(s.give_up()),
        || async {
            match ask(&s, &server).await {
                Err(error) if error.is_passing() => Err(error),
                settled => Ok(settled),
            }
        },
    )
    .await;
    match asked {
        Ok(Ok((witness, stage))) => {
            context.mark("first-query");
            context.observe("copy-server", witness);
            if let Some(stage) = stage {
                context.observe(PASSWORD_STAGE, stage);
            }
            s.known(|known| known.copy_server = Some(server));
        }
        Ok(Err(refused)) => {
            let text = match refused.by_token {
                true => format!("{refused}{}", refused.advice()),
                false => format!("{refused}; a copy has the passwords of the moment that it is of"),
            };
            context.observe("copy-server-error", text);
        }
        Err(error) => context.observe("copy-server-error", error.to_string()),
    }
    context.mark("observed-until");
    Ok(())
}
