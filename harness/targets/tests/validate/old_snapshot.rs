//! Copies of a moment of which nothing was noted, as those of a snapshot that was there before: what can be told of them.

use lifeboat_targets::postgres::validate::DataOutcome;

use crate::support::{Pair, says};

const TABLES: &str = "CREATE TABLE public.orders (id int PRIMARY KEY, note text, at timestamptz); \
     INSERT INTO public.orders SELECT n, 'note ' || n, '2026-01-01' FROM generate_series(1, 50) AS n; \
     CREATE TABLE public.visits (note text, at timestamptz); \
     INSERT INTO public.visits SELECT 'note ' || n, '2026-01-01' FROM generate_series(1, 50) AS n";

/// What is said of a table as of the moment after these changes of source and copy.
async fn told(pair: &Pair, table: &str, source: &str, copy: &str) -> (DataOutcome, String) {
    pair.both(&format!("DROP TABLE IF EXISTS public.orders, public.visits; {TABLES}")).await;
    pair.left(source).await;
    pair.right(copy).await;
    let expectations = format!(r#"{{"tables": [{{"name": "{table}", "as_of": "at"}}]}}"#);
    let found = pair.validate_since(&expectations, None).await;
    let subject = format!("table public.{table}");
    let finding = found.findings.iter().find(|finding| finding.subject == subject).unwrap();
    (finding.outcome, finding.message.clone())
}

#[tokio::test]
async fn a_row_that_was_changed_may_have_been_so_since() {
    let pair = Pair::start().await;
    let cases = [
        ("orders", "UPDATE public.orders SET note = 'later' WHERE id = 7", "", DataOutcome::CannotTell),
        ("orders", "", "UPDATE public.orders SET note = 'wrong' WHERE id = 7", DataOutcome::CannotTell),
        (
            "visits",
            "UPDATE public.visits SET note = 'later' WHERE note = 'note 7'",
            "",
            DataOutcome::CannotTell,
        ),
        // Rows of before that moment neither come nor go.
        ("orders", "", "DELETE FROM public.orders WHERE id = 7", DataOutcome::Different),
        ("orders", "", "INSERT INTO public.orders VALUES (70, '', '2026-01-01')", DataOutcome::Different),
        ("orders", "", "UPDATE public.orders SET id = 70 WHERE id = 7", DataOutcome::Different),
        ("visits", "", "DELETE FROM public.visits WHERE note = 'note 7'", DataOutcome::Different),
        // Those of later do.
        ("orders", "INSERT INTO public.orders VALUES (70, '', '2100-01-01')", "", DataOutcome::Same),
    ];
    for (table, source, copy, expected) in cases {
        let (outcome, message) = told(&pair, table, source, copy).await;
        assert_eq!(outcome, expected, "{source}{copy}: {message}");
    }
    pair.stop().await;
}

#[tokio::test]
async fn rows_that_a_table_is_to_have_are_looked_for_in_the_copy() {
    let pair = Pair::start().await;
    pair.both(TABLES).await;
    pair.right("DROP TABLE public.orders").await;
    pair.left("DROP TABLE public.visits").await;
    let expectations = r#"{"tables": [{"name": "orders", "at_least": 1}, {"name": "visits", "at_least": 50},
        {"name": "nowhere", "at_least": 2}, {"name": "no.where", "at_least": 0}]}"#;
    let found = pair.validate_since(expectations, None).await;
    let missing = [
        "table public.orders is not in the copy, at least 1 rows",
        "table public.nowhere is not in the copy, at least 2 rows",
        "table no.where is not in the copy, at least 0 rows",
    ];
    says(&found, DataOutcome::Different, &missing);
    says(&found, DataOutcome::Same, &["table public.visits has 50 rows"]);
    pair.stop().await;
}
