//! Waiting for a condition, with what was seen last in the failure.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// Looks again and again until there is a value, for at most `limit`.
pub fn eventually<T, S: Display>(what: &str, limit: Duration, mut look: impl FnMut() -> Result<T, S>) -> T {
    let began = Instant::now();
    loop {
        match look() {
            Ok(value) => return value,
            Err(last) if began.elapsed() > limit => {
                panic!("{what}: not within {} s; last seen: {last}", limit.as_secs_f64())
            }
            Err(_) => pause(),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the pause between two looks at a condition")]
fn pause() {
    std::thread::sleep(Duration::from_millis(1));
}
