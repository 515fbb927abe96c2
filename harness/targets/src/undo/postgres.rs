//! Undo actions over SQL.
//!
//! A server that does not answer is waited for; where it is a DB instance, the control plane says whether there is
//! anything left to wait for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lifeboat_engine::wait_for;
use lifeboat_model::{Password, ServerRef, UndoEnd, Unwritten};

use super::looks::Misses;
use crate::postgres::{Server, Session, Told, count_sessions, drop_schema, written_since};
use crate::rds::Rds;
use crate::{Aws, pause};

/// How long a server that does not answer, or is full, gets to come back: a failover on AWS takes up to 37 s.
const PATIENCE: Duration = Duration::from_secs(40);

/// For so long the control plane must not find a DB instance before what was in it is believed to be gone.
const GONE_AFTER: Duration = PATIENCE;

/// How long a server gets that has not come back before, in the same clean-up.
const LITTLE_PATIENCE: Duration = Duration::from_secs(2);

/// How often something is done whose connection is lost each time.
const ATTEMPTS: u32 = 3;

/// How long a server may take to say that a session is still there.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// How long the run's sessions get to end. After a moment they are told.
const SESSIONS_LIMIT: Duration = Duration::from_secs(15);

/// The servers of a plan; it knows the passwords by target and role.
pub struct Servers {
    passwords: BTreeMap<(String, String), Password>,
    given_up: Mutex<BTreeSet<String>>,
    /// The DbiResourceIds of instances that are not there any more.
    gone: Mutex<BTreeSet<String>>,
}

impl Servers {
    /// With the passwords of the plan's targets, by the target's name and the role's.
    pub fn new(passwords: BTreeMap<(String, String), Password>) -> Self {
        Self { passwords, given_up: Mutex::default(), gone: Mutex::default() }
    }

    /// A session on a server, which gets time to come back; none where its DB instance is gone for good.
    async fn connect(&self, reference: &ServerRef, aws: Option<&Aws>) -> Result<Option<Session>, String> {
        let instance = reference.instance.as_deref().zip(aws);
        let known_as_gone = |id| self.gone.lock().unwrap_or_else(PoisonError::into_inner).contains(id);
        if instance.is_some_and(|(id, _)| known_as_gone(id)) {
            return Ok(None);
        }
        let key = (reference.target.clone(), reference.user.clone());
        let password = self.passwords.get(&key).ok_or_else(|| {
            format!(
                "the plan has no password of `{}` for target `{}` any more",
                reference.user, reference.target
            )
        })?;
        let address = Server::new(reference.clone(), password.clone()).address();
        let known = self.given_up.lock().unwrap_or_else(PoisonError::into_inner).contains(&address);
        // Its control plane has the time to say that it is gone before it is given up.
        let longer = instance.map_or(Duration::ZERO, |(_, aws)| aws.pace() * 2 + LITTLE_PATIENCE);
        let limit = match known {
            true => LITTLE_PATIENCE,
            false => PATIENCE.max(Duration::from_secs(reference.patience_s)) + longer,
        };
        let what = format!("a connection to {address} as `{}`", reference.user);
        let connecting = wait_for(what, Duration::from_millis(250), limit, || async {
            let now = whereabouts(reference, instance).await?;
            let server = Server::new(now, password.clone());
            match server.connect("lifeboat/undo", Duration::from_secs(5)).await {
                Err(error) if error.is_passing() => Err(error.to_string()),
                settled => Ok(settled),
            }
        });
        let connected = tokio::select! {
            connected = connecting => connected,
            id = gone(instance, limit) => {
                self.is_gone(&id);
                return Ok(None);
            }
        };
        match connected {
            Ok(settled) => settled.map(Some).map_err(|error| format!("cannot connect to {address}: {error}")),
            Err(error) => {
                self.given_up.lock().unwrap_or_else(PoisonError::into_inner).insert(address);
                Err(error.to_string())
            }
        }
    }

    /// Does something on a server: again where its connection is lost in the midst of it, as by a failover. All that is done
    /// here can be done twice. None where its DB instance is gone for good.
    async fn on<T, F, Fut>(&self, server: &ServerRef, aws: Option<&Aws>, act: F) -> Result<Option<T>, String>
    where
        F: Fn(Arc<Session>) -> Fut,
        Fut: Future<Output = Result<T, String>>,
    {
        let mut left = ATTEMPTS;
        loop {
            let Some(session) = self.connect(server, aws).await? else { return Ok(None) };
            let session = Arc::new(session);
            let done = act(Arc::clone(&session)).await;
            let lost = done.is_err() && is_lost(&session).await;
            match Arc::into_inner(session) {
                // It may owe an answer that never comes.
                Some(session) if lost => session.give_up(ANSWERS_WITHIN).await,
                Some(session) => session.close().await,
                None => {}
            }
            left -= 1;
            if !lost || left == 0 {
                return done.map(Some);
            }
        }
    }

    /// A DB instance was deleted: nobody waits for it to come back.
    pub fn is_gone(&self, resource_id: &str) {
        self.gone.lock().unwrap_or_else(PoisonError::into_inner).insert(resource_id.to_owned());
    }

    /// Drops a schema of the drill's own.
    pub async fn drop_schema(
        &self,
        server: &ServerRef,
        aws: Option<&Aws>,
        schema: &str,
        comment: &str,
        application_name: &str,
    ) -> Result<(UndoEnd, String), String> {
        let dropped = self.on(server, aws, |session| async move {
            // The statement that creates it may still be under way, and find its lock after we have looked.
            end_sessions(&session, application_name).await?;
            drop_schema(&session, schema, comment).await
        });
        Ok(dropped.await?.unwrap_or_else(|| went_with(server)))
    }

    /// Ends the run's sessions.
    pub async fn end_sessions(
        &self,
        server: &ServerRef,
        aws: Option<&Aws>,
        application_name: &str,
    ) -> Result<(UndoEnd, String), String> {
        let ended =
            self.on(server, aws, |session| async move { end_sessions(&session, application_name).await });
        Ok(match ended.await? {
            Some(()) => (UndoEnd::Undone, "no session of the run is left".into()),
            None => went_with(server),
        })
    }

    /// Whether others have written to a server; they may still be there.
    pub async fn written_since(&self, unwritten: &Unwritten, aws: &Aws) -> Result<Told, String> {
        let told = self.on(&unwritten.server, Some(aws), |session| async move {
            let told = written_since(&session, &unwritten.since, 0, false).await;
            told.map_err(|error| error.to_string())
        });
        told.await?.ok_or_else(|| "it is gone".into())
    }
}

/// Whether nothing can be asked any more: the server says first that it ends a session, and the connection ends after that.
async fn is_lost(session: &Session) -> bool {
    let asked = tokio::time::timeout(ANSWERS_WITHIN, session.client().simple_query("")).await;
    !matches!(asked, Ok(Ok(_)))
}

/// Where a server is now. An address belongs to a name: once the instance was renamed, another one may be there. Where the
/// control plane cannot be asked, it is taken to be where it was.
async fn whereabouts(reference: &ServerRef, instance: Option<(&str, &Aws)>) -> Result<ServerRef, String> {
    let Some((id, aws)) = instance else { return Ok(reference.clone()) };
    match Rds::new(aws).find_by_resource_id(id).await {
        Ok(Some(found)) => {
            let (host, port) = found
                .endpoint
                .ok_or_else(|| format!("DB instance `{}` has no address now", found.identifier))?;
            Ok(ServerRef { host, port, ..reference.clone() })
        }
        Ok(None) => Err(format!("no DB instance has the resource id {id}")),
        Err(_) => Ok(reference.clone()),
    }
}

/// What is said of what was in a DB instance that is gone.
fn went_with(server: &ServerRef) -> (UndoEnd, String) {
    let instance = server.instance.as_deref().unwrap_or_default();
    (UndoEnd::NotNeeded, format!("DB instance {instance} is gone, and all that was in it"))
}

/// Gives the DbiResourceId once the control plane has said that the DB instance is not there any more; never ends where it
/// cannot be asked.
async fn gone(instance: Option<(&str, &Aws)>, limit: Duration) -> String {
    if let Some((instance, aws)) = instance {
        let (rds, misses) = (Rds::new(aws), Misses::default());
        let (rds, misses) = (&rds, &misses);
        // Most servers answer at once, and nobody has to be asked.
        pause(aws.pace()).await;
        let missed = wait_for("the instance to be gone", aws.pace(), limit, || async move {
            match rds.find_by_resource_id(instance).await {
                Ok(None) if misses.one_more_after(GONE_AFTER) => Ok(()),
                Ok(None) => Err("not there"),
                _ => {
                    misses.none();
                    Err("there, or not to be asked")
                }
            }
        });
        if missed.await.is_ok() {
            return instance.to_owned();
        }
    }
    std::future::pending().await
}

/// Waits until the server counts no session whose application name begins so.
async fn end_sessions(session: &Session, application_name: &str) -> Result<(), String> {
    let mut looks = 0;
    wait_for("the run's sessions to end", Duration::from_millis(100), SESSIONS_LIMIT, || {
        looks += 1;
        // What this process held is closed, and the server takes a moment to notice.
        let terminate = looks > 5;
        async move {
            match count_sessions(session, application_name, terminate).await {
                Ok(0) => Ok(Ok(())),
                Ok(left) => Err(format!("{left} sessions still open")),
                Err(error) if session.is_closed() => Ok(Err(format!("the connection was lost: {error}"))),
                Err(error) => Err(error.to_string()),
            }
        }
    })
    .await
    .map_err(|error| error.to_string())?
}
