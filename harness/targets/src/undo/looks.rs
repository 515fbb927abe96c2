//! When it is believed that there is nothing to take back.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So many looks in a row must find nothing before that is believed: a call that was under way when the run ended may
/// still have its effect, and AWS shows what was made a moment later than it was made.
const ENOUGH: u32 = 5;

/// The looks in a row that found nothing: when the first was, and how many.
#[derive(Debug, Default)]
pub struct Misses(Mutex<Option<(Instant, u32)>>);

impl Misses {
    /// Counts a look that found nothing; whether that is to be believed by now.
    pub fn one_more(&self) -> bool {
        self.one_more_after(Duration::ZERO)
    }

    /// The same where the looks have to be spread over so long as well, however close they are.
    pub fn one_more_after(&self, span: Duration) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (first, looks) = seen.get_or_insert_with(|| (Instant::now(), 0));
        *looks += 1;
        *looks >= ENOUGH && first.elapsed() >= span
    }

    /// A look has found something.
    pub fn none(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_looks_in_a_row_count() {
        let misses = Misses::default();
        let told: Vec<bool> = (0..4).map(|_| misses.one_more()).collect();
        assert_eq!(told, [false; 4]);
        misses.none();
        let told: Vec<bool> = (0..5).map(|_| misses.one_more()).collect();
        assert_eq!(told, [false, false, false, false, true]);
    }

    #[test]
    fn looks_that_are_too_close_do_not_count() {
        let misses = Misses::default();
        assert!((0..100).all(|_| !misses.one_more_after(Duration::from_secs(3600))));
        assert!(misses.one_more_after(Duration::ZERO));
    }
}
