//! When a call is made again, and how often.

use std::time::{Duration, Instant};

use super::AwsError;

/// How long one call waits for credentials that cannot be had for now. Whoever waits for longer calls again.
const WITHOUT_CREDENTIALS: Duration = Duration::from_secs(20);

/// The longest pause that follows from doubling.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The pauses of one call, each twice as long as the one before.
#[derive(Debug)]
pub(super) struct Again {
    /// How often it may still be made.
    left: u32,
    pause: Duration,
    /// How often credentials are asked for at most.
    pace: Duration,
    /// Until when it is made again for want of credentials.
    until: Instant,
}

impl Again {
    /// A call that is made so often at most, the first of these included.
    pub(super) fn new(most: u32, pause: Duration, pace: Duration) -> Self {
        Self { left: most, pause, pace, until: Instant::now() + WITHOUT_CREDENTIALS }
    }

    /// The same, for who is not to wait for credentials: another does.
    #[must_use]
    pub(super) fn only_with_credentials(self) -> Self {
        Self { until: Instant::now(), ..self }
    }

    /// The pause before it is made again; none where that does not help, or was done often enough.
    pub(super) fn after(&mut self, error: &AwsError) -> Option<Duration> {
        if !error.is_passing() {
            return None;
        }
        let mut pause = self.pause;
        if error.lacks_credentials() {
            // It was not made at all. A sooner one would get the same answer.
            pause = pause.max(self.pace);
            if Instant::now() + pause > self.until {
                return None;
            }
        } else {
            self.left = self.left.saturating_sub(1);
            if self.left == 0 {
                return None;
            }
        }
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Effect;
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn error(code: &str) -> AwsError {
        AwsError { call: "X", code: code.into(), message: String::new(), effect: Effect::None }
    }

    #[test]
    fn a_call_is_made_again_so_often() {
        let mut again = Again::new(4, MS, MS * 50);
        let pauses: Vec<_> = (0..4).map_while(|_| again.after(&error("Throttling"))).collect();
        assert_eq!(pauses, [MS, MS * 2, MS * 4]);
        assert_eq!(Again::new(4, MS, MS).after(&error("AccessDenied")), None);
    }

    #[test]
    fn credentials_are_waited_for_at_their_pace() {
        let lacking = error("no-credentials-now");
        let mut again = Again::new(2, MS, MS * 50);
        let pauses: Vec<_> = (0..9).map_while(|_| again.after(&lacking)).collect();
        assert_eq!(pauses[..3], [MS * 50, MS * 50, MS * 50]);
        assert_eq!(pauses.len(), 9, "calls that were not made do not count");
        assert!(again.after(&error("Throttling")).is_some());
        assert_eq!(Again::new(2, MS, WITHOUT_CREDENTIALS * 2).after(&lacking), None, "not beyond the limit");
        assert_eq!(Again::new(2, MS, MS).only_with_credentials().after(&lacking), None);
        assert_eq!(Again::new(2, MS, MS).after(&error("no-credentials")), None, "somebody has to sign in");
    }
}
