//! The digest against changes of data: every one is noticed, and found.

use lifeboat_targets::postgres::validate::{DifferentRow, Filter, table_digest, table_shape};

use crate::support::Pair;

/// A type, a value of it, and another value that a careless digest takes for the same.
const VALUES: [(&str, &str, &str); 50] = [
    ("boolean", "true", "false"),
    ("smallint", "1", "2"),
    ("integer", "1", "2"),
    ("bigint", "1", "4294967297"),
    ("numeric", "1.10", "1.1"),
    ("numeric", "NaN", "0"),
    ("real", "0", "-0"),
    ("double precision", "0", "-0"),
    ("money", "1.00", "1.01"),
    ("text", "a", "a "),
    ("text", "", "\u{e9}"),
    ("text", "\u{e9}", "e\u{301}"),
    ("character varying(9)", "a", "A"),
    ("character(5)", "a", "b"),
    ("\"char\"", "a", "b"),
    ("name", "a", "b"),
    ("bytea", "\\x00", "\\x0000"),
    ("date", "2026-01-01", "2026-01-02"),
    ("time", "10:00", "10:00:00.000001"),
    ("timetz", "10:00+00", "11:00+01"),
    ("timestamp", "2026-01-01 10:00", "2026-01-01 10:00:00.000001"),
    ("timestamptz", "2026-01-01 10:00+00", "2026-01-01 10:00+01"),
    ("interval", "1 month 2 days", "32 days"),
    ("interval", "24 hours", "1 day"),
    ("uuid", "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"),
    ("json", "{\"a\": 1}", "{\"a\":1}"),
    ("jsonb", "{\"a\": 1.0}", "{\"a\": 1.00}"),
    ("jsonpath", "$.a", "$.b"),
    ("xml", "<a/>", "<b/>"),
    ("point", "1,2", "1,3"),
    ("line", "{1,2,3}", "{1,2,4}"),
    ("lseg", "(1,2),(3,4)", "(1,2),(3,5)"),
    ("box", "(1,2),(3,4)", "(1,2),(3,5)"),
    ("path", "((1,2),(3,4))", "[(1,2),(3,4)]"),
    ("polygon", "((1,2),(3,4))", "((1,2),(3,5))"),
    ("circle", "<(1,2),3>", "<(1,2),4>"),
    ("inet", "10.0.0.1/8", "10.0.0.1/9"),
    ("cidr", "10.0.0.0/8", "10.0.0.0/9"),
    ("macaddr", "08:00:2b:01:02:03", "08:00:2b:01:02:04"),
    ("macaddr8", "08:00:2b:01:02:03:04:05", "08:00:2b:01:02:03:04:06"),
    ("bit(3)", "101", "100"),
    ("bit varying", "101", "1010"),
    ("tsvector", "a:1", "a:2"),
    ("tsquery", "a & b", "a | b"),
    ("int4range", "[1,5)", "[1,6)"),
    ("numrange", "[1.0,2)", "[1.00,2)"),
    ("int4multirange", "{[1,5)}", "{[1,6)}"),
    ("pg_lsn", "0/1", "0/2"),
    ("integer[]", "{1,2}", "{2,1}"),
    ("numeric[]", "{1.10}", "{1.1}"),
];

#[tokio::test]
async fn a_changed_value_of_every_type_is_noticed_and_found() {
    let pair = Pair::start().await;
    for (number, (type_name, before, after)) in VALUES.into_iter().enumerate() {
        let table = format!("t{number}");
        pair.both(&format!(
            "CREATE TABLE public.{table} (id int PRIMARY KEY, value {type_name}); \
             INSERT INTO public.{table} SELECT n, CASE n WHEN 7 THEN '{before}'::{type_name} END \
             FROM generate_series(1, 20) n"
        ))
        .await;
        assert_eq!(pair.compare(&table).await, None, "{type_name}: the same data");
        pair.right(&format!("UPDATE public.{table} SET value = '{after}' WHERE id = 7")).await;
        let found = pair.compare(&table).await.unwrap_or_else(|| panic!("{type_name}: {before} to {after}"));
        assert_eq!(found.rows, [DifferentRow::Changed(vec!["7".into()])], "{type_name}");
        pair.right(&format!("UPDATE public.{table} SET value = NULL WHERE id = 7")).await;
        assert!(pair.compare(&table).await.is_some(), "{type_name}: {before} to NULL");
    }
    pair.stop().await;
}

#[tokio::test]
async fn changes_between_rows_and_columns_are_noticed() {
    let pair = Pair::start().await;
    let cases = [
        ("two columns swapped", "UPDATE public.t SET a = b, b = a WHERE id = 1000"),
        (
            "a value swapped between two rows",
            "UPDATE public.t SET a = CASE id WHEN 10 THEN 20 ELSE 10 END WHERE id IN (10, 20)",
        ),
        ("two rows swapped", "UPDATE public.t SET id = 30 - id WHERE id IN (10, 20)"),
        ("NULL against the empty text", "UPDATE public.t SET c = '' WHERE id = 4000"),
        ("a row missing", "DELETE FROM public.t WHERE id = 1"),
        ("a row too many", "INSERT INTO public.t VALUES (9999, 1, 2, 'x')"),
    ];
    for (what, change) in cases {
        pair.both(
            "DROP TABLE IF EXISTS public.t; \
             CREATE TABLE public.t (id bigint PRIMARY KEY DEFERRABLE, a bigint, b bigint, c text); \
             INSERT INTO public.t SELECT n, n, n + 1, CASE WHEN n < 4000 THEN 'x' END FROM generate_series(1, 5000) n",
        )
        .await;
        assert_eq!(pair.compare("t").await, None, "{what}: the same data");
        pair.right(change).await;
        let found = pair.compare("t").await.unwrap_or_else(|| panic!("not noticed: {what}"));
        assert!(!found.rows.is_empty() && found.rows.len() <= 2, "{what}: {found:?}");
    }
    pair.stop().await;
}

#[tokio::test]
async fn a_doubled_row_is_noticed_without_a_key_too() {
    let pair = Pair::start().await;
    pair.both("CREATE TABLE public.t (a int, b text); INSERT INTO public.t VALUES (1, 'x'), (2, 'y')").await;
    let shape = table_shape(&pair.left, "public", "t").await.unwrap().unwrap();
    assert!(shape.key.is_empty());
    let before = table_digest(&pair.left, &shape, pair.version, &Filter::default()).await.unwrap();
    // Exclusive-or would not see a row that came twice more.
    pair.right("INSERT INTO public.t VALUES (1, 'x'), (1, 'x')").await;
    let found = pair.compare("t").await.unwrap();
    assert_eq!((found.left, found.right.rows), (before, 4));
    assert!(matches!(found.rows.as_slice(), [DifferentRow::Repeated { left: 1, right: 3, .. }]), "{found:?}");
    assert!(table_shape(&pair.left, "public", "nothing").await.unwrap().is_none());
    pair.stop().await;
}

#[tokio::test]
async fn composite_keys_and_odd_names_are_found_by_bisection() {
    let pair = Pair::start().await;
    pair.both(
        "CREATE TYPE public.mood AS ENUM ('glad', 'sad'); CREATE DOMAIN public.amount AS numeric CHECK (VALUE > 0); \
         CREATE TABLE public.\"odd \"\"name\" (\"the key\" text, n int, mood public.mood, amount public.amount, \
           PRIMARY KEY (n, \"the key\")); \
         INSERT INTO public.\"odd \"\"name\" SELECT 'k' || n % 7, n, 'glad', n FROM generate_series(1, 10000) n",
    )
    .await;
    assert_eq!(pair.compare("odd \"name").await, None);
    pair.right("UPDATE public.\"odd \"\"name\" SET mood = 'sad' WHERE n = 7777").await;
    pair.right("UPDATE public.\"odd \"\"name\" SET amount = 1.0 WHERE n = 1").await;
    let found = pair.compare("odd \"name").await.unwrap();
    let key = |n: &str, k: &str| DifferentRow::Changed(vec![n.into(), k.into()]);
    assert_eq!(found.rows, [key("1", "k1"), key("7777", "k0")]);
    pair.stop().await;
}
