//! Whether anybody wrote to a server since a moment.

use std::time::Duration;

use lifeboat_engine::wait_for;
use lifeboat_model::{Secret, ServerRef, WriteState};
use lifeboat_targets::postgres::{Server, Session, Told, write_state, written_since};

use crate::own_server::OwnServer;
use crate::support::connect;

async fn run(session: &Session, sql: &str) {
    session.client().batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}

/// What is told once a session has handed in its counts.
async fn told_after(look: &Session, by: &Session, before: &str, after: &str, alone: bool) -> Told {
    run(by, before).await;
    let since = write_state(look).await.unwrap();
    run(by, after).await;
    run(by, "SELECT pg_stat_force_next_flush()").await;
    written_since(look, &since, 0, alone).await.unwrap()
}

fn is(told: &Told, expected: &str) -> bool {
    matches!(
        (told, expected),
        (Told::Nobody(_), "nobody") | (Told::Somebody(_), "somebody") | (Told::Unclear(_), "unclear")
    )
}

#[tokio::test]
async fn a_transaction_counts_by_when_it_is_committed() {
    let own = OwnServer::create("max_prepared_transactions = 2\nautovacuum = off").await;
    let (look, by) = (own.connect().await, own.connect().await);
    run(&by, "CREATE TABLE public.t (id int)").await;
    let insert = "BEGIN; INSERT INTO public.t VALUES (1)";
    for (before, after, alone, expected) in [
        ("", "SELECT count(*) FROM public.t", false, "nobody"),
        ("", "INSERT INTO public.t VALUES (1)", false, "somebody"),
        // It had its number before.
        (insert, "COMMIT", false, "somebody"),
        (insert, "COMMIT", true, "somebody"),
        (insert, "ROLLBACK", false, "nobody"),
        (
            "BEGIN; INSERT INTO public.t VALUES (1); PREPARE TRANSACTION 'p'",
            "COMMIT PREPARED 'p'",
            true,
            "somebody",
        ),
        (
            "BEGIN; INSERT INTO public.t VALUES (1); PREPARE TRANSACTION 'p'",
            "ROLLBACK PREPARED 'p'",
            true,
            "nobody",
        ),
        ("BEGIN; INSERT INTO public.t VALUES (1); PREPARE TRANSACTION 'p'", "", false, "unclear"),
        ("ROLLBACK PREPARED 'p'", "", false, "nobody"),
        // A lock takes a number as well, and writes nothing that counts.
        ("BEGIN; SELECT pg_current_xact_id()", "COMMIT", true, "nobody"),
    ] {
        let told = told_after(&look, &by, before, after, alone).await;
        assert!(is(&told, expected), "{before}; then {after}: {told:?}");
    }
    // What goes on may be committed when nobody looks; once its session is gone it cannot be.
    run(&by, insert).await;
    let since = write_state(&look).await.unwrap();
    assert_eq!(since.open.len(), 1, "{since:?}");
    let told = written_since(&look, &since, 0, false).await.unwrap();
    assert!(matches!(&told, Told::Unclear(why) if why.contains("1 transactions are open")), "{told:?}");
    let told = written_since(&look, &since, 0, true).await.unwrap();
    assert!(is(&told, "nobody"), "{told:?}");
    run(&by, "ROLLBACK").await;
    // The drill's own are not others'.
    let since = write_state(&look).await.unwrap();
    run(&look, "INSERT INTO public.t VALUES (2)").await;
    let told = written_since(&look, &since, 1, true).await.unwrap();
    assert!(is(&told, "nobody"), "{told:?}");
}

#[tokio::test]
async fn another_database_of_the_server_is_not_passed_over() {
    let own = OwnServer::create("autovacuum = off").await;
    let look = own.connect().await;
    run(&look, "CREATE DATABASE elsewhere").await;
    let reference = ServerRef { database: "elsewhere".into(), ..own.server().reference().clone() };
    let elsewhere = Server::new(reference, Secret::new(String::new()));
    let by = connect(&elsewhere).await;
    run(&by, "CREATE TABLE public.t (id int); BEGIN; INSERT INTO public.t VALUES (1)").await;
    let since = write_state(&look).await.unwrap();
    assert!(since.open.is_empty(), "it is not this database's: {since:?}");
    run(&by, "INSERT INTO public.t VALUES (2); COMMIT; INSERT INTO public.t VALUES (3)").await;
    by.close().await;
    let gone = || async {
        let query = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'elsewhere'";
        let left: i64 = look.client().query_one(query, &[]).await.unwrap().get(0);
        if left == 0 { Ok(()) } else { Err(left) }
    };
    wait_for("its counts", Duration::from_millis(10), Duration::from_secs(20), gone).await.unwrap();
    let told = written_since(&look, &since, 0, true).await.unwrap();
    assert!(matches!(&told, Told::Unclear(why) if why.contains("databases of the server")), "{told:?}");
}

#[tokio::test]
async fn what_was_open_in_another_database_is_not_passed_over() {
    let own = OwnServer::create("autovacuum = off").await;
    let look = own.connect().await;
    run(&look, "CREATE DATABASE elsewhere").await;
    let reference = ServerRef { database: "elsewhere".into(), ..own.server().reference().clone() };
    let by = connect(&Server::new(reference, Secret::new(String::new()))).await;
    run(&by, "CREATE TABLE public.t (id int)").await;
    let insert = "BEGIN; INSERT INTO public.t VALUES (1)";
    // Nothing begins after the moment.
    for (after, expected) in [("ROLLBACK", "nobody"), ("COMMIT", "unclear"), ("", "unclear")] {
        let told = told_after(&look, &by, insert, after, false).await;
        assert!(is(&told, expected), "{after}: {told:?}");
    }
}

#[tokio::test]
async fn what_was_prepared_outlives_every_session() {
    let mut own = OwnServer::create("max_prepared_transactions = 2\nautovacuum = off").await;
    let look = own.connect().await;
    run(&look, "CREATE TABLE public.t (id int)").await;
    run(&look, "SELECT pg_stat_force_next_flush()").await;
    let since = write_state(&look).await.unwrap();
    run(&look, "BEGIN; INSERT INTO public.t VALUES (1); PREPARE TRANSACTION 'p'").await;
    look.close().await;
    own.stop();
    own.start().await;
    let look = own.connect().await;
    for alone in [false, true] {
        let told = written_since(&look, &since, 0, alone).await.unwrap();
        assert!(matches!(&told, Told::Unclear(why) if why.contains("1 transactions are open")), "{told:?}");
    }
    run(&look, "ROLLBACK PREPARED 'p'").await;
    let told = written_since(&look, &since, 0, true).await.unwrap();
    assert!(is(&told, "nobody"), "{told:?}");
}

#[tokio::test]
async fn a_server_that_has_crashed_proves_nothing() {
    let mut own = OwnServer::create("autovacuum = off").await;
    run(&own.connect().await, "CREATE TABLE public.t (id int)").await;
    // A copy's counters begin with nothing as well.
    own.crash();
    own.start().await;
    for (crashes, write, expected) in [
        (false, "SELECT count(*) FROM public.t", "nobody"),
        (false, "SELECT pg_current_xact_id()", "nobody"),
        (true, "INSERT INTO public.t VALUES (1)", "unclear"),
        (true, "SELECT count(*) FROM public.t", "unclear"),
        (false, "INSERT INTO public.t VALUES (1)", "somebody"),
    ] {
        let by = own.connect().await;
        let since = write_state(&by).await.unwrap();
        run(&by, write).await;
        by.close().await;
        if crashes {
            own.crash();
        } else {
            own.stop();
        }
        own.start().await;
        let look = own.connect().await;
        let told = written_since(&look, &since, 0, true).await.unwrap();
        assert!(is(&told, expected), "{write}, crashed {crashes}: {told:?}");
        look.close().await;
    }
}

#[tokio::test]
async fn numbers_and_counters_of_another_epoch_are_not_compared() {
    let own = OwnServer::create("autovacuum = off").await;
    let (look, by) = (own.connect().await, own.connect().await);
    let since = write_state(&look).await.unwrap();
    let told_by = async |since: &WriteState| written_since(&look, since, 0, true).await.unwrap();
    let ahead = WriteState { next_transaction: since.next_transaction + 1, ..since.clone() };
    let told = told_by(&ahead).await;
    assert!(matches!(&told, Told::Unclear(why) if why.contains("has lost some")), "{told:?}");
    // What older versions kept suffices as long as no transaction has begun.
    let json = serde_json::to_value(&since).unwrap();
    let mut old = json.as_object().unwrap().clone();
    old.remove("epoch").unwrap();
    let old: WriteState = serde_json::from_value(old.into()).unwrap();
    assert!(is(&told_by(&old).await, "nobody"));
    run(&by, "SELECT pg_current_xact_id()").await;
    assert!(is(&told_by(&since).await, "nobody"));
    let told = told_by(&old).await;
    assert!(matches!(&told, Told::Unclear(why) if why.contains("track_counts")), "{told:?}");
    run(&look, "SET track_counts = off").await;
    assert!(is(&told_by(&since).await, "unclear"));
    run(&look, "RESET track_counts; SELECT pg_stat_reset()").await;
    let told = told_by(&since).await;
    assert!(matches!(&told, Told::Unclear(why) if why.contains("were reset")), "{told:?}");
}

/// Those of a standby are its own, and so is what it lacks.
#[tokio::test]
async fn a_promoted_standby_is_of_another_epoch() {
    let own = OwnServer::create("autovacuum = off").await;
    let since = write_state(&own.connect().await).await.unwrap();
    let standby = own.standby().await;
    let look = standby.connect().await;
    let epoch_before = write_state(&look).await.unwrap().epoch;
    run(&look, "SELECT pg_promote()").await;
    assert_ne!(write_state(&look).await.unwrap().epoch, epoch_before);
    let told = written_since(&look, &since, 0, true).await.unwrap();
    assert!(is(&told, "unclear"), "{told:?}");
}
