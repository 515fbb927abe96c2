//! The watch over stop conditions: one that trips is journalled and ends the run, which then takes back what it did.
//!
//! The engine opens no connection: what a condition looks at is handed to it. It does not guarantee that a state is seen
//! that comes and goes between two looks. Once the run is told to end, whatever for, nothing is looked at any more, so
//! that a run has one reason at most; what trips after the last step of a drill changes nothing about that drill.

use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use lifeboat_model::EventKind;
use tokio::task::JoinHandle;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::{Clock, Journal};

/// What a look at a condition found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// All is well.
    Well,
    /// It trips, and why.
    Trips(String),
    /// It cannot be told, and why.
    Unreadable(String),
}

/// What a condition looks at.
pub trait StopLook: Send {
    /// Looks once. It may be dropped before it has ended.
    fn look(&mut self) -> BoxFuture<'_, Seen>;

    /// Ends what it holds open, within a second or two.
    fn close(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

/// What is looked at again and again.
pub struct Watched {
    /// What is looked at.
    pub look: Box<dyn StopLook>,
    /// The distance of two looks.
    pub every: Duration,
    /// It has to trip so often in a row.
    pub in_a_row: u32,
    /// For so long it may be unreadable.
    pub unreadable_for: Duration,
}

/// When a condition trips.
pub enum Tripwire {
    /// What a look finds.
    Watched(Watched),
    /// The run has gone on for so long.
    TimeBudget(Duration),
}

/// A stop condition that is ready to be watched.
pub struct StopWatch {
    /// Its name in the plan.
    pub name: String,
    /// When it trips.
    pub tripwire: Tripwire,
}

/// Looks at every condition once. Each has to be well before a run begins, also one that would have to trip more than
/// once in a row.
///
/// # Errors
/// A sentence for each that is not.
pub async fn look_first(conditions: &mut [StopWatch]) -> Result<(), Vec<String>> {
    let looks = conditions.iter_mut().map(|condition| async {
        let Tripwire::Watched(watched) = &mut condition.tripwire else { return None };
        let limit = Instant::now() + watched.unreadable_for;
        let name = &condition.name;
        match timeout_at(limit, watched.look.look()).await {
            Ok(Seen::Well) => None,
            Ok(Seen::Trips(why)) => Some(format!("stop condition `{name}` trips already: {why}")),
            Ok(Seen::Unreadable(why)) => Some(format!("stop condition `{name}` cannot be read: {why}")),
            Err(_) => Some(format!("stop condition `{name}` cannot be read: {}", silence(watched))),
        }
    });
    let wrong: Vec<String> = join_all(looks).await.into_iter().flatten().collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// Ends what conditions hold open that are not to be watched.
pub async fn close(conditions: Vec<StopWatch>) {
    let closing = conditions.into_iter().map(|condition| async {
        if let Tripwire::Watched(mut watched) = condition.tripwire {
            watched.look.close().await;
        }
    });
    join_all(closing).await;
}

/// Conditions under watch.
pub struct Watching {
    over: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Watching {
    /// Watches conditions, each of which was well just before, until one trips or `cancel` fires. The one that trips
    /// writes `stopped` into the journal and fires `cancel`.
    pub fn begin(
        conditions: Vec<StopWatch>,
        clock: Clock,
        journal: &Journal,
        cancel: &CancellationToken,
    ) -> Self {
        let over = cancel.child_token();
        let tasks = conditions
            .into_iter()
            .map(|mut condition| {
                let (over, journal, cancel) = (over.clone(), journal.clone(), cancel.clone());
                tokio::spawn(async move {
                    let waiting = async {
                        match &mut condition.tripwire {
                            Tripwire::Watched(watched) => watch(watched).await,
                            Tripwire::TimeBudget(budget) => spend(*budget, clock).await,
                        }
                    };
                    if let Some(why) = over.run_until_cancelled(waiting).await {
                        stop(&journal, &cancel, condition.name.clone(), why).await;
                    }
                    close(vec![condition]).await;
                })
            })
            .collect();
        Self { over, tasks }
    }

    /// Ends the watch, and waits until nothing is held open for it any more.
    pub async fn end(self) {
        self.over.cancel();
        join_all(self.tasks).await;
    }
}

/// In the journal before anything ends for it, which needs no wait for the disk: the next line that is on disk comes
/// after it.
async fn stop(journal: &Journal, cancel: &CancellationToken, condition: String, why: String) {
    if cancel.is_cancelled() {
        return;
    }
    let written = journal.write(EventKind::Stopped { condition, why });
    // A journal that cannot be written ends the run by itself.
    let (_, ()) = tokio::join!(written, async { cancel.cancel() });
}

async fn spend(budget: Duration, clock: Clock) -> String {
    let spent = Duration::from_micros(clock.now().0);
    sleep_until(Instant::now() + budget.saturating_sub(spent)).await;
    format!("the run has taken {} s, its time budget", budget.as_secs_f64())
}

fn silence(watched: &Watched) -> String {
    format!("no answer within {} s", watched.unreadable_for.as_secs_f64())
}

/// Looks until it trips; why.
async fn watch(watched: &mut Watched) -> String {
    let mut ticks = interval_at(Instant::now() + watched.every, watched.every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut in_a_row = 0;
    loop {
        ticks.tick().await;
        match read(watched, &mut ticks).await {
            Ok(Ok(())) => in_a_row = 0,
            Ok(Err(why)) => {
                in_a_row += 1;
                if in_a_row >= watched.in_a_row {
                    return if in_a_row == 1 { why } else { format!("{in_a_row} times in a row: {why}") };
                }
            }
            Err(unreadable) => return unreadable,
        }
    }
}

/// Looks until it can be read: whether it is well, or why it trips. A look that never ends must not blind the watch, so
/// the limit holds for looks and for what is between them.
///
/// # Errors
/// That it cannot be read for too long.
async fn read(watched: &mut Watched, ticks: &mut Interval) -> Result<Result<(), String>, String> {
    let limit = Instant::now() + watched.unreadable_for;
    let mut last = silence(watched);
    let reading = async {
        loop {
            match watched.look.look().await {
                Seen::Well => return Ok(()),
                Seen::Trips(why) => return Err(why),
                Seen::Unreadable(why) => last = why,
            }
            ticks.tick().await;
        }
    };
    let answer = timeout_at(limit, reading).await;
    let unreadable_for = watched.unreadable_for.as_secs_f64();
    answer.map_err(|_| format!("it could not be read for {unreadable_for} s: {last}"))
}

#[cfg(test)]
#[path = "stop_tests.rs"]
mod tests;
