//! How often a notice is tried, and for how long.

use std::time::Duration;

use tokio::time::timeout;

use crate::pause;

/// How long one try may take.
const TRY: Duration = Duration::from_secs(10);

/// Until the second try.
const BETWEEN: Duration = Duration::from_secs(1);

/// A try that failed.
#[derive(Debug)]
pub struct Unsent {
    /// Why, without the address.
    pub why: String,
    /// Whether it surely reached nobody, and may do so in a moment.
    pub again: bool,
}

/// Tries it, and once more where the first one surely reached nobody.
///
/// # Errors
/// Why the last one failed.
pub async fn twice<F, Fut>(mut send: F) -> Result<(), String>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<(), Unsent>>,
{
    let mut second = false;
    loop {
        let unsent = match timeout(TRY, send()).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(unsent)) => unsent,
            Err(_) => return Err(format!("no answer within {} s; it may have arrived", TRY.as_secs())),
        };
        if second || !unsent.again {
            return Err(unsent.why);
        }
        second = true;
        pause(BETWEEN).await;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// How it ends when every try ends so, and how often it was tried.
    async fn tried(again: bool) -> (Result<(), String>, u32) {
        let count = Cell::new(0);
        let ended = twice(|| {
            count.set(count.get() + 1);
            std::future::ready(Err(Unsent { why: "no".into(), again }))
        });
        (ended.await, count.get())
    }

    #[tokio::test]
    async fn only_what_reached_nobody_is_tried_again() {
        assert_eq!(tried(false).await, (Err("no".into()), 1));
        assert_eq!(tried(true).await, (Err("no".into()), 2));
    }

    #[tokio::test]
    async fn the_second_try_counts() {
        let first = Cell::new(true);
        let ended = twice(|| {
            let unsent = Unsent { why: "no".into(), again: true };
            std::future::ready(if first.replace(false) { Err(unsent) } else { Ok(()) })
        });
        assert_eq!(ended.await, Ok(()));
    }
}
