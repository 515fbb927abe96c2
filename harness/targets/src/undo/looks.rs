//! When it is believed that there is nothing to take back.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// So many looks in a row must find nothing before that is believed: a call that was under way when the run ended may
/// still have its effect, and AWS shows what was made a moment later than it was made.
const ENOUGH: u32 = 5;

/// The looks in a row that found nothing.
#[derive(Debug, Default)]
pub struct Misses(AtomicU32);

impl Misses {
    /// Counts a look that found nothing; whether that is to be believed by now.
    pub fn one_more(&self) -> bool {
        self.0.fetch_add(1, Relaxed) + 1 >= ENOUGH
    }

    /// A look has found something.
    pub fn none(&self) {
        self.0.store(0, Relaxed);
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
}
