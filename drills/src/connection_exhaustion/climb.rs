//! The climb to the limit and past it, and the hold there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use lifeboat_engine::{Context, StepError};
use lifeboat_model::{Attempt, AttemptOutcome, Elapsed, Stream};
use lifeboat_targets::postgres::{PgError, Server, Session, open_sessions};
use tokio::time::{MissedTickBehavior, interval};

use super::state::Shared;
use crate::access::session_name;

/// How long a climb may take.
pub const LIMIT: Duration = Duration::from_secs(300);

/// How many clients connect at once.
const AT_ONCE: u32 = 16;

/// How many refusals past the limit are enough.
const REFUSALS: u32 = 20;

/// How long one connection may take; longer is an error of the climb.
const CONNECT_LIMIT: Duration = Duration::from_secs(20);

/// SQLSTATE too_many_connections.
pub const TOO_MANY_CONNECTIONS: &str = "53300";

/// How far a climb has come.
struct Climb {
    server: Server,
    name: String,
    cap: u32,
    tickets: AtomicU32,
    opened: AtomicU32,
    refused: AtomicU32,
    other_errors: AtomicU32,
    attempts: AtomicU64,
}

impl Climb {
    fn over(&self) -> bool {
        self.refused.load(Ordering::SeqCst) >= REFUSALS
            || self.other_errors.load(Ordering::SeqCst) >= REFUSALS
    }

    /// One connection, kept in the ledger; the client if it was let in.
    async fn attempt(&self, context: &Context) -> Option<Session> {
        let seq = self.attempts.fetch_add(1, Ordering::SeqCst) + 1;
        let start = context.now();
        let result = self.server.connect(&self.name, CONNECT_LIMIT).await;
        let end = context.now();
        context.probes().keep(attempt(seq, start, end, result.as_ref().err()));
        match result {
            Ok(session) => Some(session),
            Err(error) => {
                let counter = if error.code.as_deref() == Some(TOO_MANY_CONNECTIONS) {
                    &self.refused
                } else {
                    &self.other_errors
                };
                counter.fetch_add(1, Ordering::SeqCst);
                None
            }
        }
    }
}

fn attempt(seq: u64, start: Elapsed, end: Elapsed, error: Option<&PgError>) -> Attempt {
    Attempt {
        stream: Stream::Climb,
        slot: 0,
        seq,
        start,
        end,
        outcome: if error.is_none() { AttemptOutcome::Ok } else { AttemptOutcome::Refused },
        held_since: None,
        code: error.and_then(|error| error.code.clone()),
        text: error.map(|error| error.text.clone()),
    }
}

pub async fn climb(s: Shared, context: Context) -> Result<(), StepError> {
    s.still_the_same().await?;
    let limits = s.limits()?;
    let climb = Arc::new(Climb {
        server: s.server()?,
        name: session_name(&s.params, "climb"),
        // Never more than the server could give, whatever it answers.
        cap: s.options.connections.unwrap_or(u32::MAX).min(limits.max_connections),
        tickets: AtomicU32::new(0),
        opened: AtomicU32::new(0),
        refused: AtomicU32::new(0),
        other_errors: AtomicU32::new(0),
        attempts: AtomicU64::new(0),
    });
    context.mark("climb-started");
    let clients = (0..AT_ONCE).map(|_| {
        let (climb, s, context) = (climb.clone(), s.clone(), context.clone());
        async move {
            while !climb.over() && !context.cancelled().is_cancelled() {
                // A ticket for each client that may be open; a refused one is handed back.
                if climb.tickets.fetch_add(1, Ordering::SeqCst) >= climb.cap {
                    break;
                }
                match climb.attempt(&context).await {
                    Some(session) => {
                        climb.opened.fetch_add(1, Ordering::SeqCst);
                        s.keep_client(session);
                    }
                    None => {
                        climb.tickets.fetch_sub(1, Ordering::SeqCst);
                    }
                }
            }
        }
    });
    join_all(clients).await;
    context.mark("climb-ended");
    let (opened, refused) = (climb.opened.load(Ordering::SeqCst), climb.refused.load(Ordering::SeqCst));
    context.observe("climb-opened", opened);
    if refused == 0 && climb.other_errors.load(Ordering::SeqCst) > 0 {
        let last = context.probes().seen(Stream::Climb, Elapsed(0)).into_iter().rfind(|a| !a.ok());
        let why = last.map_or_else(|| "unknown".into(), |a| a.failure_text());
        let text = format!("after {opened} connections the server failed otherwise than by its limit: {why}");
        return Err(StepError::Indeterminate(text));
    }
    Ok(())
}

/// Stays at the limit: a client tries again and again, so that a slot that somebody gives up is taken at once, and the
/// watching connection counts.
pub async fn hold(s: Shared, context: Context) -> Result<(), StepError> {
    let (watcher, scope) = (s.watcher()?, s.scope()?);
    let at_cap = || s.options.connections.is_some_and(|cap| s.client_count() >= cap as usize);
    let end = context.now().plus(s.options.hold());
    let refill = async {
        let server = s.server()?;
        let name = session_name(&s.params, "climb");
        let mut seq = 1_000_000;
        let mut ticks = interval(Duration::from_millis(20));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while context.now() < end && !at_cap() {
            seq += 1;
            let start = context.now();
            let result = server.connect(&name, CONNECT_LIMIT).await;
            context.probes().keep(attempt(seq, start, context.now(), result.as_ref().err()));
            match result {
                // Where one was free, another may be: connections that were on their way out or in took slots as well.
                Ok(session) => s.keep_client(session),
                Err(_) => {
                    ticks.tick().await;
                }
            }
        }
        Ok::<_, StepError>(())
    };
    let watch = async {
        let mut peak = 0;
        let mut ticks = interval(Duration::from_millis(50));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let open = open_sessions(&watcher).await.map_err(|error| {
                StepError::Indeterminate(format!("the connection that watches was lost: {error}"))
            })?;
            peak = peak.max(open.of(scope));
            if context.now() >= end {
                return Ok(peak);
            }
        }
    };
    let (refilled, peak, ()) = futures_util::join!(refill, watch, try_admin(&s, &context));
    refilled?;
    // What was refused is in the ledger, and the peak says nothing without it.
    context.save_ledger().await?;
    context.observe("sessions-at-peak", peak?);
    Ok(())
}

/// Whether a reserved slot lets the administrator in while applications are refused.
async fn try_admin(s: &Shared, context: &Context) {
    let Some((user, password)) = s.admin() else { return };
    let Ok(server) = s.server() else { return };
    let server = server.with_role(&user, password);
    match server.connect(&session_name(&s.params, "admin"), CONNECT_LIMIT).await {
        Ok(session) => {
            context.observe("admin", "let in");
            session.close().await;
        }
        Err(error) => context.observe("admin", error.to_string()),
    }
}
