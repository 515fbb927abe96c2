//! What the server's clock says, from the `Date` headers of its answers.
//!
//! They are in whole seconds: an answer that says second D was made when the server's clock was in [D, D + 1). Many
//! answers, held against this process's monotonic clock, narrow the difference of the two to a few milliseconds more
//! than a call takes. It is not guaranteed that the machines behind one endpoint agree among themselves: where the
//! answers contradict each other, the bounds are as wide as all of them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use lifeboat_model::Elapsed;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use tokio::time::{MissedTickBehavior, interval};

use super::Dynamo;
use crate::AwsError;

/// The distance of two looks, and how many are made at most: they span more than one second, so that one of them sees it
/// change.
const LOOK_EVERY: Duration = Duration::from_millis(25);
const LOOKS: u32 = 50;

/// With bounds this close, looking ends.
const CLOSE: Duration = Duration::from_millis(100);

/// Between what moments something was, on the server's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// Not before.
    #[serde(with = "time::serde::rfc3339")]
    pub earliest: OffsetDateTime,
    /// Not after.
    #[serde(with = "time::serde::rfc3339")]
    pub latest: OffsetDateTime,
}

/// The server's clock against the run's: what it said when the run began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerClock {
    /// The bounds of that moment.
    pub at_start: Bounds,
    /// How many answers they are from.
    pub answers: u32,
    /// Whether the answers agree.
    pub agree: bool,
}

/// Why the server's clock is not known.
#[derive(Debug, Error)]
pub enum ServerTimeError {
    /// No answer.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// An answer without a time.
    #[error("the control plane's answers have no Date header ({0}), so no moment on its clock can be chosen")]
    NoDate(String),
}

impl ServerClock {
    /// From one answer: sent at `sent`, there at `there`, made in second `said`.
    fn of(said: OffsetDateTime, sent: Elapsed, there: Elapsed) -> Self {
        let since_start = |at: Elapsed| at.since(Elapsed(0));
        let at_start = Bounds {
            earliest: said - since_start(there),
            latest: said + Duration::from_secs(1) - since_start(sent),
        };
        Self { at_start, answers: 1, agree: true }
    }

    /// With another answer: the narrower of both where they agree, else the wider.
    fn and(self, other: Self) -> Self {
        let (a, b) = (self.at_start, other.at_start);
        let narrow = Bounds { earliest: a.earliest.max(b.earliest), latest: a.latest.min(b.latest) };
        let wide = Bounds { earliest: a.earliest.min(b.earliest), latest: a.latest.max(b.latest) };
        let agree = self.agree && other.agree && narrow.earliest <= narrow.latest;
        Self {
            at_start: if agree { narrow } else { wide },
            answers: self.answers.saturating_add(other.answers),
            agree,
        }
    }

    /// How far its bounds are apart.
    pub fn uncertainty(&self) -> Duration {
        let apart = self.at_start.latest - self.at_start.earliest;
        apart.try_into().unwrap_or_default()
    }

    /// A moment of the run on the server's clock.
    pub fn at(&self, moment: Elapsed) -> Bounds {
        let since_start = moment.since(Elapsed(0));
        Bounds { earliest: self.at_start.earliest + since_start, latest: self.at_start.latest + since_start }
    }
}

/// Keeps the `Date` header of an answer.
#[derive(Debug, Clone, Default)]
struct DateOfAnswer(Arc<Mutex<Option<String>>>);

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for DateOfAnswer {
    fn name(&self) -> &'static str {
        "DateOfAnswer"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date").map(str::to_owned);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = date;
        Ok(())
    }
}

impl Dynamo {
    /// Asks for a table's description often enough to know the server's clock, and holds the answers' times against the
    /// clock of the run.
    ///
    /// # Errors
    /// [`ServerTimeError`].
    pub async fn server_clock(
        &self,
        table: &str,
        now: impl Fn() -> Elapsed,
    ) -> Result<ServerClock, ServerTimeError> {
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut known: Option<ServerClock> = None;
        for _ in 0..LOOKS {
            ticks.tick().await;
            let look = self.look_at_clock(table, &now).await?;
            let clock = known.map_or(look, |before| before.and(look));
            known = Some(clock);
            if clock.agree && clock.uncertainty() <= CLOSE {
                break;
            }
        }
        known.ok_or_else(|| ServerTimeError::NoDate("no answer".into()))
    }

    async fn look_at_clock(
        &self,
        table: &str,
        now: &impl Fn() -> Elapsed,
    ) -> Result<ServerClock, ServerTimeError> {
        let kept = DateOfAnswer::default();
        // The time of the last attempt counts, not of those before it.
        let sent = Mutex::new(now());
        let asked = self.aws().read(|| async {
            *sent.lock().unwrap_or_else(PoisonError::into_inner) = now();
            let call = self.client().describe_table().table_name(table).customize();
            let answered = call.interceptor(kept.clone()).send().await;
            answered.map_err(|error| AwsError::of("DescribeTable", &error))
        });
        asked.await?;
        let there = now();
        let sent = *sent.lock().unwrap_or_else(PoisonError::into_inner);
        let date = kept.0.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
        match OffsetDateTime::parse(&date, &Rfc2822) {
            Ok(said) => Ok(ServerClock::of(said, sent, there)),
            Err(error) => Err(ServerTimeError::NoDate(format!("`{date}`: {error}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const START: OffsetDateTime = datetime!(2026-11-21 12:00:00.4 UTC);

    /// An answer of a server whose clock is at [`START`] when the run begins, made halfway.
    fn look(sent_ms: u64, there_ms: u64) -> ServerClock {
        let at = |ms: u64| Elapsed::from_duration(Duration::from_millis(ms));
        let made = START + Duration::from_millis(sent_ms.midpoint(there_ms));
        let said = made.replace_nanosecond(0).expect("a whole second");
        ServerClock::of(said, at(sent_ms), at(there_ms))
    }

    #[test]
    fn looks_around_a_change_of_second_narrow_the_bounds_and_keep_the_truth() {
        let looks = (0..50).map(|n| look(n * 25, n * 25 + 4));
        let clock = looks.reduce(ServerClock::and).expect("looks");
        assert!(clock.agree);
        assert!(clock.at_start.earliest <= START && START <= clock.at_start.latest, "{clock:?}");
        assert!(clock.uncertainty() <= Duration::from_millis(33), "{clock:?}");
        let bounds = clock.at(Elapsed::from_duration(Duration::from_secs(60)));
        let then = START + Duration::from_secs(60);
        assert!(bounds.earliest <= then && then <= bounds.latest);
    }

    #[test]
    fn one_look_knows_no_more_than_its_second() {
        assert_eq!(look(100, 120).uncertainty(), Duration::from_millis(1020));
    }

    #[test]
    fn clocks_that_contradict_each_other_widen_the_bounds() {
        let there = |ms| Elapsed::from_duration(Duration::from_millis(ms));
        let behind = ServerClock::of(datetime!(2026-11-21 11:59:50 UTC), there(0), there(10));
        let clock = look(0, 10).and(behind);
        assert!(!clock.agree);
        assert!(clock.uncertainty() >= Duration::from_secs(10), "{clock:?}");
        assert!(clock.at_start.earliest <= START && START <= clock.at_start.latest, "{clock:?}");
    }
}
