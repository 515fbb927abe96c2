//! A drill waits until its own sessions of before have ended: what they wrote would look like somebody's.

use std::time::Duration;

use futures_util::future::join;
use lifeboat_targets::postgres::alone_of_run;
use tokio::time::timeout;

use crate::support::{Pair, connect};

const OPENS: Duration = Duration::from_secs(5);

#[tokio::test]
async fn the_sessions_of_a_run_are_waited_for_and_no_others() {
    let pair = Pair::start().await;
    let look = pair.source.connect("lifeboat/run/a/look", OPENS).await.unwrap();
    // The session that looks is one of the run's own; those of other drills and of users are nobody's concern.
    let _others = pair.source.connect("lifeboat/run/b/look", OPENS).await.unwrap();
    let _users = connect(&pair.source).await;
    alone_of_run(&look, "lifeboat/run/a/").await.unwrap();

    let before = pair.source.connect("lifeboat/run/a/canaries", OPENS).await.unwrap();
    // One that stays open is said, and one that ends while it is waited for holds nobody up.
    let stays = pair.copy.connect("lifeboat/run/c/canaries", OPENS).await.unwrap();
    let other_look = connect(&pair.copy).await;
    let waits = async {
        let mut waiting = Box::pin(alone_of_run(&look, "lifeboat/run/a/"));
        let early = timeout(Duration::from_secs(1), &mut waiting).await;
        assert!(early.is_err(), "it did not wait: {early:?}");
        before.close().await;
        waiting.await.unwrap();
    };
    let ((), refused) = join(waits, alone_of_run(&other_look, "lifeboat/run/c/")).await;
    let error = refused.unwrap_err();
    assert!(
        error.contains("the drill's sessions before to end") && error.contains("1 still open"),
        "{error}"
    );
    drop(stays);
    pair.stop().await;
}
