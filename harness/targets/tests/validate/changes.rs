//! The digest against changes of data: every one is noticed, and found.

use lifeboat_targets::postgres::validate::{DifferentRow, Filter, table_digest, table_shape};

use crate::support::Pair;

/// A type, a value of it, and another value that a careless digest takes for the same.
const VALUES: [(&str, &str, &str); 80] = [
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
    ("int8range", "[1,5)", "[1,6)"),
    ("daterange", "[2026-01-01,2026-01-05)", "[2026-01-01,2026-01-06)"),
    ("tsrange", "[2026-01-01,2026-01-05)", "[2026-01-01,2026-01-05]"),
    ("tstzrange", "[2026-01-01,2026-01-05)", "[2026-01-01,2026-01-05]"),
    ("int8multirange", "{[1,5)}", "{[1,6)}"),
    ("nummultirange", "{[1.0,2)}", "{[1.00,2)}"),
    ("datemultirange", "{[2026-01-01,2026-01-05)}", "{[2026-01-01,2026-01-06)}"),
    ("tsmultirange", "{[2026-01-01,2026-01-05)}", "{}"),
    ("tstzmultirange", "{[2026-01-01,2026-01-05)}", "{}"),
    ("bpchar", "a", "a "),
    ("int2vector", "1 2", "2 1"),
    ("oidvector", "1 2", "2 1"),
    ("oid", "1", "2"),
    ("xid", "1", "2"),
    ("xid8", "1", "2"),
    ("cid", "1", "2"),
    ("tid", "(0,1)", "(1,0)"),
    ("refcursor", "a", "b"),
    ("aclitem", "drill=r/drill", "drill=w/drill"),
    ("txid_snapshot", "1:2:", "1:3:"),
    ("pg_snapshot", "1:2:", "1:3:"),
    ("regproc", "now", "version"),
    ("regprocedure", "now()", "version()"),
    ("regoper", "pg_catalog.||/", "pg_catalog.|/"),
    ("regoperator", "+(int4,int4)", "-(int4,int4)"),
    ("regclass", "pg_class", "pg_type"),
    ("regcollation", "\"C\"", "\"POSIX\""),
    ("regtype", "int4", "int8"),
    ("regrole", "drill", "rds_superuser"),
    ("regnamespace", "pg_catalog", "public"),
    ("regconfig", "simple", "english"),
    ("regdictionary", "simple", "english_stem"),
];

/// Types of which no value can be written: their input is refused, they are the server's own.
const WITHOUT_INPUT: [&str; 7] = [
    "gtsvector",
    "pg_brin_bloom_summary",
    "pg_brin_minmax_multi_summary",
    "pg_dependencies",
    "pg_mcv_list",
    "pg_ndistinct",
    "pg_node_tree",
];

#[tokio::test]
async fn the_table_of_types_has_every_type_of_the_server() {
    let pair = Pair::start().await;
    let rows = pair
        .left
        .client()
        .query(
            "SELECT t.typname::text, format_type(t.oid, NULL) FROM pg_type t \
             WHERE t.typnamespace = 'pg_catalog'::regnamespace AND t.typtype IN ('b', 'r', 'm', 'e') \
               AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid) ORDER BY 1",
            &[],
        )
        .await
        .unwrap();
    let missing: Vec<String> = rows
        .iter()
        .map(|row| (row.get::<_, String>(0), row.get::<_, String>(1)))
        .filter(|(name, written)| {
            let bare = |tried: &str| {
                tried.split('(').next() == Some(name) || tried.split('(').next() == Some(written)
            };
            !VALUES.iter().any(|(tried, ..)| bare(tried)) && !WITHOUT_INPUT.contains(&name.as_str())
        })
        .map(|(name, _)| name)
        .collect();
    assert!(rows.len() > 70, "{}", rows.len());
    assert_eq!(missing, [""; 0]);
    for name in WITHOUT_INPUT {
        let refused = pair.left.client().query(&format!("SELECT 'x'::{name}"), &[]).await;
        assert!(refused.is_err(), "{name} takes input");
    }
    pair.stop().await;
}

/// The table that it prints is in docs/validation.md.
#[tokio::test]
async fn a_changed_value_of_every_type_is_noticed_and_found() {
    let pair = Pair::start().await;
    let seven = [DifferentRow::Changed(vec!["7".into()])];
    for (number, (type_name, before, after)) in VALUES.into_iter().enumerate() {
        let table = format!("public.t{number}");
        pair.both(&format!(
            "CREATE TABLE {table} (id int PRIMARY KEY, value {type_name}, list {type_name}[]); \
             INSERT INTO {table} SELECT n, v, ARRAY[v, NULL] FROM generate_series(1, 20) n, \
               LATERAL (SELECT CASE n WHEN 7 THEN '{before}'::{type_name} END AS v) s"
        ))
        .await;
        let compare = async || pair.compare(&format!("t{number}")).await;
        assert_eq!(compare().await, None, "{type_name}: the same data");
        let changes = [
            format!("value = '{after}'"),
            format!("value = '{before}', list = ARRAY['{after}'::{type_name}, NULL]"),
            format!("value = NULL, list = ARRAY['{before}'::{type_name}, NULL]"),
        ];
        for change in changes {
            pair.right(&format!("UPDATE {table} SET {change} WHERE id = 7")).await;
            let found = compare().await.unwrap_or_else(|| panic!("{type_name}: {change}"));
            assert_eq!(found.rows, seven, "{type_name}: {change}");
        }
        let change = format!("`{before}` → `{after}`").replace('|', "\\|");
        println!("| {type_name} | {change} | noticed | noticed | noticed |");
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
