//! Random tables and random edits: what is found is exactly what was edited.

use std::collections::BTreeMap;
use std::ops::AsyncFn;

use lifeboat_targets::postgres::validate::DifferentRow;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

use crate::support::Pair;

/// A row: a number, a text or NULL, and another number.
type Row = (i32, Option<String>, i32);

/// What is done to the row of that place, counted around.
#[derive(Debug, Clone)]
enum Edit {
    Delete(usize),
    Insert(Row),
    Text(usize, Option<String>),
    Number(usize, i32),
    Swap(usize, usize),
}

fn text() -> impl Strategy<Value = Option<String>> {
    prop_oneof![Just(None), Just(Some(String::new())), "[a-c]{0,2}".prop_map(Some)]
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        any::<usize>().prop_map(Edit::Delete),
        (0..9, text(), 0..9).prop_map(Edit::Insert),
        (any::<usize>(), text()).prop_map(|(place, text)| Edit::Text(place, text)),
        (any::<usize>(), 0..9).prop_map(|(place, number)| Edit::Number(place, number)),
        (any::<usize>(), any::<usize>()).prop_map(|(a, b)| Edit::Swap(a, b)),
    ]
}

fn apply(rows: &mut BTreeMap<i32, Row>, edits: &[Edit]) {
    for edit in edits {
        let keys: Vec<i32> = rows.keys().copied().collect();
        let key = |place: &usize| if keys.is_empty() { 0 } else { keys[place % keys.len()] };
        match edit {
            Edit::Delete(place) => drop(rows.remove(&key(place))),
            Edit::Insert(row) => {
                let next = keys.last().map_or(0, |last| last + 1);
                rows.insert(next, row.clone());
            }
            Edit::Text(place, text) => {
                rows.entry(key(place)).and_modify(|row| row.1.clone_from(text));
            }
            Edit::Number(place, number) => {
                rows.entry(key(place)).and_modify(|row| row.2 = *number);
            }
            Edit::Swap(a, b) => {
                let (a, b) = (key(a), key(b));
                if let (Some(one), Some(other)) = (rows.get(&a).cloned(), rows.get(&b).cloned()) {
                    rows.insert(a, other);
                    rows.insert(b, one);
                }
            }
        }
    }
}

fn insert(rows: &BTreeMap<i32, Row>, keyed: bool) -> String {
    let columns = "a int, b text, c int";
    let table = match keyed {
        true => {
            format!("DROP TABLE IF EXISTS public.t; CREATE TABLE public.t (id int PRIMARY KEY, {columns})")
        }
        false => format!("DROP TABLE IF EXISTS public.t; CREATE TABLE public.t ({columns})"),
    };
    let line = |(id, (a, b, c)): (&i32, &Row)| {
        let b = b.as_ref().map_or("NULL".into(), |b| format!("'{b}'"));
        if keyed { format!("({id}, {a}, {b}, {c})") } else { format!("({a}, {b}, {c})") }
    };
    let lines: Vec<String> = rows.iter().map(line).collect();
    if lines.is_empty() {
        table
    } else {
        format!("{table}; INSERT INTO public.t VALUES {}", lines.join(", "))
    }
}

/// Runs a property whose check needs a server, for random tables and edits.
async fn for_any(cases: u32, check: impl AsyncFn(BTreeMap<i32, Row>, BTreeMap<i32, Row>)) {
    let mut runner = TestRunner::new(Config::default());
    let tables =
        (proptest::collection::vec((0..3, text(), 0..3), 0..60), proptest::collection::vec(edit(), 0..6));
    for _ in 0..cases {
        let (rows, edits) = tables.new_tree(&mut runner).unwrap().current();
        let before: BTreeMap<i32, Row> = (0..).zip(rows).collect();
        let mut after = before.clone();
        apply(&mut after, &edits);
        check(before, after).await;
    }
}

#[tokio::test]
async fn rows_with_a_key_are_found_as_edited() {
    let pair = Pair::start().await;
    for_any(60, async |before, after| {
        pair.left(&insert(&before, true)).await;
        pair.right(&insert(&after, true)).await;
        let name = |key: &i32| vec![key.to_string()];
        let keys: std::collections::BTreeSet<&i32> = before.keys().chain(after.keys()).collect();
        let expected: Vec<DifferentRow> = keys
            .into_iter()
            .filter_map(|key| match (before.get(key), after.get(key)) {
                (Some(_), None) => Some(DifferentRow::OnlyLeft(name(key))),
                (None, Some(_)) => Some(DifferentRow::OnlyRight(name(key))),
                (one, other) => (one != other).then(|| DifferentRow::Changed(name(key))),
            })
            .collect();
        let found = pair.compare("t").await.map(|found| found.rows).unwrap_or_default();
        assert_eq!(found, expected, "{before:?}\n{after:?}");
    })
    .await;
    pair.stop().await;
}

#[tokio::test]
async fn rows_without_a_key_are_counted_as_edited() {
    let pair = Pair::start().await;
    for_any(60, async |before, after| {
        pair.left(&insert(&before, false)).await;
        pair.right(&insert(&after, false)).await;
        let count = |rows: &BTreeMap<i32, Row>| {
            let mut counts = BTreeMap::<Row, usize>::new();
            rows.values().for_each(|row| *counts.entry(row.clone()).or_default() += 1);
            counts
        };
        let (of_left, of_right) = (count(&before), count(&after));
        let rows: std::collections::BTreeSet<&Row> = of_left.keys().chain(of_right.keys()).collect();
        let times = |row: &Row| {
            let of = |counts: &BTreeMap<Row, usize>| counts.get(row).copied().unwrap_or_default();
            (of(&of_left), of(&of_right))
        };
        let mut expected: Vec<(usize, usize)> =
            rows.into_iter().map(times).filter(|(left, right)| left != right).collect();
        let found = pair.compare("t").await.map(|found| found.rows).unwrap_or_default();
        let mut found: Vec<(usize, usize)> = found
            .iter()
            .map(|row| match row {
                DifferentRow::OnlyLeft(_) => (1, 0),
                DifferentRow::OnlyRight(_) => (0, 1),
                DifferentRow::Repeated { left, right, .. } => (*left, *right),
                DifferentRow::Changed(row) => {
                    panic!("a row without a key has no identity to change: {row:?}")
                }
            })
            .collect();
        expected.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, expected, "{before:?}\n{after:?}");
    })
    .await;
    pair.stop().await;
}

/// Large enough for parts of the file and, where the rows lie elsewhere, for buckets of hashes.
const LARGE: &str = "DROP TABLE IF EXISTS public.t; CREATE TABLE public.t (id int PRIMARY KEY, a int, b text, c text); \
    ALTER TABLE public.t SET (autovacuum_enabled = off)";

#[tokio::test]
async fn edits_of_a_large_table_are_found_wherever_its_rows_lie() {
    let pair = Pair::start().await;
    let rows = "SELECT n, n % 100, 'text', repeat('x', 300) FROM generate_series(1, 60000) n";
    let elsewhere = format!("{rows} ORDER BY md5(n::text)");
    let mut runner = TestRunner::new(Config::default());
    for (order, rounds) in [(rows, 4), (elsewhere.as_str(), 4)] {
        pair.both(LARGE).await;
        pair.left(&format!("INSERT INTO public.t {rows}")).await;
        pair.right(&format!("INSERT INTO public.t {order}")).await;
        assert!(pair.compare("t").await.is_none());
        for _ in 0..rounds {
            let places = proptest::collection::btree_set(1..=60_000_i32, 1..9);
            let chosen = places.new_tree(&mut runner).unwrap().current();
            let (mut expected, mut undo) = (Vec::new(), Vec::new());
            for (turn, id) in chosen.iter().enumerate() {
                let name = vec![id.to_string()];
                match turn % 3 {
                    0 => {
                        pair.right(&format!("UPDATE public.t SET a = -1 WHERE id = {id}")).await;
                        expected.push(DifferentRow::Changed(name));
                        undo.push(format!("UPDATE public.t SET a = id % 100 WHERE id = {id}"));
                    }
                    1 => {
                        pair.right(&format!("DELETE FROM public.t WHERE id = {id}")).await;
                        expected.push(DifferentRow::OnlyLeft(name));
                        undo.push(format!(
                            "INSERT INTO public.t VALUES ({id}, {id} % 100, 'text', repeat('x', 300))"
                        ));
                    }
                    _ => {
                        pair.right(&format!("UPDATE public.t SET b = NULL WHERE id = {id}")).await;
                        expected.push(DifferentRow::Changed(name));
                        undo.push(format!("UPDATE public.t SET b = 'text' WHERE id = {id}"));
                    }
                }
            }
            let found = pair.compare("t").await.unwrap();
            assert!(found.all);
            assert_eq!(found.rows, expected);
            for statement in undo {
                pair.right(&statement).await;
            }
            // The rows lie elsewhere now, and are the same.
            assert!(pair.compare("t").await.is_none());
        }
    }
    // Everything differs: that is said, and not every row is read.
    pair.right("UPDATE public.t SET b = 'other'").await;
    let found = pair.compare("t").await.unwrap();
    assert!(!found.all && found.rows.len() >= 20, "{}", found.rows.len());
    pair.stop().await;
}
