//! Whether anybody wrote to a server since a moment.

use std::time::Duration;

use lifeboat_engine::wait_for;
use lifeboat_model::{Secret, ServerRef};
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
