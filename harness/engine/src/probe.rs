//! The scheduler of probes and writers.
//!
//! Open-loop: each tick starts an attempt whether or not the last one has ended, so that a server that hangs does not
//! blind it. What is under way is bounded by the stream's slots; a tick without a free slot is kept in the ledger as
//! skipped, and the distance of the attempts around it says how much less was seen. Ticks come from the runtime's
//! timer, which is good to a millisecond or two: what counts is the start that each attempt records.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use lifeboat_model::{Attempt, AttemptOutcome, DEADLINE, Elapsed, LedgerLine, Stream};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::{Clock, Ledger};

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// SQLSTATE, HTTP status or error code.
    pub code: Option<String>,
    /// The error's text, or what was found.
    pub text: Option<String>,
}

impl Tried {
    /// Acknowledged.
    pub fn ok() -> Self {
        Self { outcome: AttemptOutcome::Ok, code: None, text: None }
    }

    /// Acknowledged, with what was found.
    pub fn found(text: impl Into<String>) -> Self {
        Self { outcome: AttemptOutcome::Ok, code: None, text: Some(text.into()) }
    }
}

/// An attempt under way. It is dropped when its deadline passes, and has to leave nothing half-used then.
pub type AttemptFuture = BoxFuture<'static, Tried>;

/// Starts an attempt for a slot; the second number is that of the attempt in the slot, from 1.
pub type ProbeFn = Arc<dyn Fn(u32, u64) -> AttemptFuture + Send + Sync>;

/// Whether a slot may make an attempt.
pub type ReadyFn = Arc<dyn Fn(u32) -> bool + Send + Sync>;

/// One stream of attempts.
#[derive(Clone)]
pub struct Probe {
    /// The stream.
    pub stream: Stream,
    /// The distance of two ticks.
    pub interval: Duration,
    /// How long an attempt may take.
    pub deadline: Duration,
    /// How many attempts may be under way.
    pub slots: u32,
    /// Whether a slot keeps its connection after an acknowledged attempt.
    pub holds: bool,
    /// Makes an attempt.
    pub call: ProbeFn,
    /// Whether a slot may make one now; one that may not is passed over, as one that has an attempt under way is.
    pub ready: ReadyFn,
}

struct Slot {
    number: u32,
    made: u64,
    /// The last acknowledgement on the connection that it holds.
    held_since: Option<Elapsed>,
}

/// The probes of one drill. All handles are of the same probes.
#[derive(Clone)]
pub struct Probes {
    drill: String,
    clock: Clock,
    ledger: Ledger,
    stop: CancellationToken,
    tasks: TaskTracker,
    seen: Arc<Mutex<Vec<Attempt>>>,
}

impl Probes {
    /// No probes yet.
    pub fn new(drill: &str, clock: Clock, ledger: Ledger) -> Self {
        Self {
            drill: drill.into(),
            clock,
            ledger,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            seen: Arc::default(),
        }
    }

    /// Starts a stream.
    pub fn start(&self, probe: Probe) {
        let (this, stop) = (self.clone(), self.stop.clone());
        self.tasks.spawn(async move {
            let slots = (0..probe.slots).map(|number| Slot { number, made: 0, held_since: None });
            let free = Arc::new(Mutex::new(slots.collect::<VecDeque<_>>()));
            let mut ticks = interval(probe.interval);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
            while stop.run_until_cancelled(ticks.tick()).await.is_some() {
                let slot = {
                    let mut free = free.lock().unwrap_or_else(PoisonError::into_inner);
                    let next = free.iter().position(|slot| (probe.ready)(slot.number));
                    next.and_then(|next| free.remove(next))
                };
                match slot {
                    Some(slot) => this.attempt(&probe, slot, &free),
                    None => this.ledger.add(LedgerLine::Skipped {
                        drill: this.drill.clone(),
                        stream: probe.stream,
                        at: this.clock.now(),
                    }),
                }
            }
        });
    }

    /// Runs something else beside the drill's steps that ends by itself when the probes are to stop.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Fires when the probes are to stop.
    pub fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Keeps an attempt that was not made by a stream of ticks.
    pub fn keep(&self, attempt: Attempt) {
        self.ledger.add(LedgerLine::Attempt { drill: self.drill.clone(), attempt: attempt.clone() });
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(attempt);
    }

    /// The attempts of a stream that ended after `since`, in the order of their ends.
    pub fn seen(&self, stream: Stream, since: Elapsed) -> Vec<Attempt> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found: Vec<Attempt> =
            seen.iter().filter(|a| a.stream == stream && a.end > since).cloned().collect();
        found.sort_by_key(|a| a.end);
        found
    }

    /// Stops every stream and waits until what is under way has ended, which no deadline lets take long.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Makes an attempt in a slot. One that fails on a held connection is followed at once by another on a new one: else
    /// as many ticks as there are slots would go by before the first new connection.
    fn attempt(&self, probe: &Probe, mut slot: Slot, free: &Arc<Mutex<VecDeque<Slot>>>) {
        let (this, free, probe) = (self.clone(), free.clone(), probe.clone());
        self.tasks.spawn(async move {
            let failed_held = this.once(&probe, &mut slot).await;
            if failed_held && (probe.ready)(slot.number) && !this.stop.is_cancelled() {
                this.once(&probe, &mut slot).await;
            }
            free.lock().unwrap_or_else(PoisonError::into_inner).push_back(slot);
        });
    }

    /// One attempt; whether it failed, before its deadline, on a connection that was held.
    async fn once(&self, probe: &Probe, slot: &mut Slot) -> bool {
        slot.made += 1;
        let start = self.clock.now();
        let tried = timeout(probe.deadline, (probe.call)(slot.number, slot.made)).await;
        let end = self.clock.now();
        let answered = tried.is_ok();
        let tried = tried.unwrap_or_else(|_| Tried {
            outcome: AttemptOutcome::Unknown,
            code: Some(DEADLINE.into()),
            text: Some(format!("no answer within {} ms", probe.deadline.as_millis())),
        });
        let ok = tried.outcome == AttemptOutcome::Ok;
        let held_since = slot.held_since.take().filter(|_| !ok);
        slot.held_since = (ok && probe.holds).then_some(end);
        self.keep(Attempt {
            stream: probe.stream,
            slot: slot.number,
            seq: slot.made,
            start,
            end,
            outcome: tried.outcome,
            held_since,
            code: tried.code,
            text: tried.text,
        });
        answered && held_since.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    fn probes() -> (Probes, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::create(&dir.path().join("ledger.jsonl")).unwrap();
        (Probes::new("d", Clock::start(), ledger), dir)
    }

    /// A service that answers at first, then never again: attempts go on to be started until every slot waits.
    #[tokio::test]
    async fn a_hanging_service_does_not_blind_it() {
        let (probes, _dir) = probes();
        let made = Arc::new(AtomicU64::new(0));
        let count = made.clone();
        probes.start(Probe {
            stream: Stream::Read,
            interval: Duration::from_millis(5),
            deadline: Duration::from_millis(100),
            slots: 4,
            holds: true,
            call: Arc::new(move |_, _| {
                let nth = count.fetch_add(1, Ordering::SeqCst);
                Box::pin(async move { if nth < 4 { Tried::ok() } else { std::future::pending().await } })
            }),
            ready: Arc::new(|_| true),
        });
        crate::wait_for("four hung attempts", Duration::from_millis(5), Duration::from_secs(10), || async {
            let hung = probes.seen(Stream::Read, Elapsed(0)).iter().filter(|a| !a.ok()).count();
            if hung >= 4 { Ok(()) } else { Err(hung) }
        })
        .await
        .unwrap();
        probes.stop().await;
        let seen = probes.seen(Stream::Read, Elapsed(0));
        let hung: Vec<&Attempt> = seen.iter().filter(|a| !a.ok()).collect();
        // Four slots were waiting at once, so the starts of the first four lie within one deadline.
        assert!(hung[3].start < hung[0].end, "{hung:?}");
        for attempt in &hung[..4] {
            assert_eq!(attempt.code.as_deref(), Some(DEADLINE));
            let before = seen.iter().find(|a| a.slot == attempt.slot && a.ok()).unwrap();
            assert_eq!(attempt.held_since, Some(before.end), "evidence begins at the last acknowledgement");
        }
        let slots: std::collections::BTreeSet<u32> = hung[..4].iter().map(|a| a.slot).collect();
        assert_eq!(slots.len(), 4);
    }
}
