//! How quickly one table is asked: as quickly as it answers, slower each time it says that this is too much, and a little
//! faster again with each answer.
//!
//! The SDK makes one attempt for a call; the reads of a comparison are made again here and not by [`Aws::read`], whose few
//! attempts are meant for a control plane: a table without spare capacity refuses for minutes, and that is no error.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::{Aws, AwsError};

/// The gap after the first throttle.
const FIRST_GAP: Duration = Duration::from_millis(20);
/// A page of 1 MB costs 256 read units: a minute's worth of the smallest tables' capacity.
const LONGEST_GAP: Duration = Duration::from_secs(60);
/// A gap shorter than this is none.
const NO_GAP: Duration = Duration::from_millis(1);
/// How often a call is made that ends in a server's error or in no answer. Throttles count only against the time limit.
const ATTEMPTS: u32 = 10;

/// The pace of the calls on one table, shared by all that read it.
#[derive(Debug)]
pub(super) struct Pace {
    turns: Mutex<Turns>,
    throttled: AtomicU64,
}

#[derive(Debug)]
struct Turns {
    gap: Duration,
    next: Instant,
    slowed: Instant,
}

impl Pace {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        let turns = Turns { gap: Duration::ZERO, next: now, slowed: now };
        Self { turns: Mutex::new(turns), throttled: AtomicU64::new(0) }
    }

    /// How many calls were refused or failed, and were made again.
    pub(super) fn throttled(&self) -> u64 {
        self.throttled.load(Ordering::Relaxed)
    }

    /// Makes a read when it is its turn, and again while the table says that it is too much.
    ///
    /// # Errors
    /// An error that trying again does not help, or one that stayed.
    pub(super) async fn read<T, F, Fut>(&self, aws: &Aws, mut call: F) -> Result<T, AwsError>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, AwsError>>,
    {
        let mut failed = 0;
        loop {
            let turn = self.take_turn();
            if turn > Instant::now() {
                sleep_until(turn).await;
            }
            let began = Instant::now();
            let error = match call().await {
                Ok(value) => {
                    self.faster();
                    return Ok(value);
                }
                Err(error) => error,
            };
            failed += u32::from(!error.is_throttle());
            if !error.is_passing() || failed == ATTEMPTS {
                return Err(error);
            }
            aws.count_retry(&error);
            self.slower(began);
        }
    }

    fn take_turn(&self) -> Instant {
        let mut turns = self.turns();
        let turn = turns.next.max(Instant::now());
        turns.next = turn + turns.gap;
        turn
    }

    fn faster(&self) {
        let mut turns = self.turns();
        turns.gap = turns.gap * 9 / 10;
        if turns.gap < NO_GAP {
            turns.gap = Duration::ZERO;
        }
    }

    /// After a call that was refused, as a whole or in part. Calls that were under way together are refused together;
    /// that is one reason to slow down, not many.
    pub(super) fn slower(&self, began: Instant) {
        self.throttled.fetch_add(1, Ordering::Relaxed);
        let mut turns = self.turns();
        if began >= turns.slowed {
            turns.gap = (turns.gap * 2).clamp(FIRST_GAP, LONGEST_GAP);
            turns.slowed = Instant::now();
        }
        turns.next = turns.next.max(Instant::now() + turns.gap);
    }

    fn turns(&self) -> std::sync::MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
