use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use tokio::sync::Semaphore;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

/// Gives credentials that last so long, each with a key of its own, and none after so many. Each question waits for a
/// permit where it is told to.
#[derive(Debug, Clone)]
pub(in super::super) struct Issuer(Arc<Issues>);

#[derive(Debug)]
struct Issues {
    lasting: Duration,
    most: u64,
    asked: AtomicU64,
    waits: AtomicBool,
    go: Semaphore,
}

impl Issuer {
    /// Of credentials that last so long, and of so many.
    pub(in super::super) fn of(lasting: Duration, most: u64) -> Self {
        let (asked, waits, go) = (AtomicU64::new(0), AtomicBool::new(false), Semaphore::new(0));
        Self(Arc::new(Issues { lasting, most, asked, waits, go }))
    }

    pub(super) async fn ask(&self) -> Result<Credentials, NoCredentials> {
        let number = self.0.asked.fetch_add(1, Ordering::SeqCst);
        if self.0.waits.load(Ordering::SeqCst) {
            self.0.go.acquire().await.expect("open").forget();
        }
        if number >= self.0.most {
            return Err(NoCredentials::for_now(format!("none any more ({number})")));
        }
        let end = OffsetDateTime::now_utc() + self.0.lasting;
        Ok(Credentials::new(format!("KEY{number}"), "secret", None, Some(end.into()), "test"))
    }

    fn asked(&self) -> u64 {
        self.0.asked.load(Ordering::SeqCst)
    }

    /// From now on each question waits until it is let go.
    pub(in super::super) fn hold(&self) {
        self.0.waits.store(true, Ordering::SeqCst);
    }

    fn let_go(&self, questions: usize) {
        self.0.go.add_permits(questions);
    }
}

/// Nobody is asked twice within `pace`, which is longer than any test.
fn kept_with(lasting: Duration, most: u64, pace: Duration) -> (Arc<Kept>, Issuer) {
    let issuer = Issuer::of(lasting, most);
    (Arc::new(Kept::new(Source::Test(issuer.clone()), pace)), issuer)
}

fn kept(lasting: Duration, most: u64) -> Arc<Kept> {
    kept_with(lasting, most, Duration::ZERO).0
}

async fn key(kept: &Arc<Kept>) -> String {
    kept.give().await.expect("credentials").access_key_id().to_owned()
}

/// Lets what is held be near its end.
fn near_its_end(kept: &Kept) {
    kept.known().held.as_mut().expect("held").until = Some(OffsetDateTime::now_utc());
}

/// Waits for the end of a question that nobody waits for.
async fn asked(kept: &Kept) {
    timeout(Duration::from_secs(60), kept.turn.lock()).await.map(drop).expect("an end");
}

#[tokio::test]
async fn they_are_kept_until_they_were_refused() {
    let kept = kept(HOUR, 9);
    assert_eq!([key(&kept).await, key(&kept).await], ["KEY0", "KEY0"]);
    kept.forget("KEY0");
    assert_eq!([key(&kept).await, key(&kept).await], ["KEY1", "KEY1"]);
    kept.forget("KEY0");
    assert_eq!(key(&kept).await, "KEY1", "a late answer about the old ones");
    kept.forget("KEY1");
    kept.forget("KEY0");
    assert_eq!(key(&kept).await, "KEY2", "and one that comes after the refusal of the new ones");
}

#[tokio::test]
async fn they_are_replaced_before_their_end() {
    let (kept, issuer) = kept_with(HOUR, 9, HOUR);
    key(&kept).await;
    let until = kept.known().held.as_ref().and_then(|held| held.until).expect("an end");
    let left = until - OffsetDateTime::now_utc();
    assert!((time::Duration::minutes(54)..=time::Duration::minutes(55)).contains(&left), "{left}");
    assert_eq!(before_the_end(time::Duration::seconds(8)), time::Duration::seconds(2));
    assert_eq!(before_the_end(time::Duration::seconds(-8)), time::Duration::ZERO);
    near_its_end(&kept);
    issuer.hold();
    let meanwhile = join_all((0..9).map(|_| key(&kept)));
    let meanwhile = timeout(Duration::from_secs(60), meanwhile).await.expect("the old ones serve");
    assert!(meanwhile.iter().all(|key| key == "KEY0"), "{meanwhile:?}");
    issuer.let_go(1);
    asked(&kept).await;
    assert_eq!((key(&kept).await, issuer.asked()), ("KEY1".to_owned(), 2));
}

#[tokio::test]
async fn old_ones_serve_while_they_last_and_were_not_refused() {
    let (kept, issuer) = kept_with(HOUR, 1, Duration::ZERO);
    key(&kept).await;
    near_its_end(&kept);
    assert_eq!(key(&kept).await, "KEY0", "they last");
    asked(&kept).await;
    assert_eq!((key(&kept).await, issuer.asked()), ("KEY0".to_owned(), 2), "not asked about at each call");
    kept.forget("KEY0");
    assert!(kept.give().await.is_err(), "they were refused");
}

#[tokio::test]
async fn nothing_is_given_that_has_ended() {
    let kept = kept(Duration::ZERO, 1);
    key(&kept).await;
    assert!(kept.give().await.is_err());
}

#[tokio::test]
async fn many_calls_ask_once() {
    let (kept, issuer) = kept_with(HOUR, 99, Duration::ZERO);
    key(&kept).await;
    kept.forget("KEY0");
    let keys = join_all((0..50).map(|_| key(&kept))).await;
    assert!(keys.iter().all(|key| key == "KEY1"), "{keys:?}");
    assert_eq!(issuer.asked(), 2);
}

/// As a probe does at its deadline.
#[tokio::test]
async fn a_question_goes_on_when_who_waits_gives_up() {
    let (kept, issuer) = kept_with(HOUR, 9, Duration::ZERO);
    issuer.hold();
    for _ in 0..3 {
        // One turn of the runtime after the other, in which the question begins.
        assert!(kept.give().now_or_never().is_none(), "there is no answer yet");
        tokio::task::yield_now().await;
    }
    issuer.let_go(1);
    asked(&kept).await;
    assert_eq!((key(&kept).await, issuer.asked()), ("KEY0".to_owned(), 1));
}

/// They would ask one after the other, each up to the limit.
#[tokio::test]
async fn a_failure_is_that_of_all_who_waited() {
    let (kept, issuer) = kept_with(HOUR, 0, Duration::ZERO);
    issuer.hold();
    let waiting = join_all((0..50).map(|_| kept.give()));
    let (ended, ()) = tokio::join!(waiting, async {
        while issuer.asked() == 0 {
            tokio::task::yield_now().await;
        }
        issuer.let_go(50);
    });
    assert!(ended.iter().all(|end| end.as_ref().is_err_and(|why| why.why.ends_with("(0)"))), "{ended:?}");
    assert_eq!(issuer.asked(), 1);
    assert!(kept.give().await.is_err_and(|why| why.why.ends_with("(1)")), "who comes later asks");
}

#[tokio::test]
async fn nobody_asks_again_at_once() {
    let (kept, issuer) = kept_with(HOUR, 0, HOUR);
    for _ in 0..9 {
        assert!(kept.give().await.is_err());
    }
    assert_eq!(issuer.asked(), 1, "after a failure");

    let (kept, issuer) = kept_with(HOUR, 99, HOUR);
    for _ in 0..9 {
        let given = key(&kept).await;
        kept.forget(&given);
    }
    assert_eq!(issuer.asked(), 2, "after refusals of those that are new");
    kept.were_taken("KEY0");
    assert_eq!(key(&kept).await, "KEY1", "old ones that were taken say nothing of these");
    kept.were_taken("KEY1");
    assert_eq!(key(&kept).await, "KEY2", "those that were good have run out");
}
