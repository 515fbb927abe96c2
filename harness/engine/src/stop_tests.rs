//! The watch, with conditions that say what the test tells them to.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use lifeboat_model::Event;

use super::*;
use crate::read_events;

/// Says one thing after the other, the last again and again; `None` never answers.
struct Script {
    says: Vec<Option<Seen>>,
    closed: Arc<AtomicBool>,
}

impl StopLook for Script {
    fn look(&mut self) -> BoxFuture<'_, Seen> {
        let says = if self.says.len() > 1 { self.says.remove(0) } else { self.says[0].clone() };
        Box::pin(async move {
            match says {
                Some(seen) => seen,
                None => std::future::pending().await,
            }
        })
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        self.closed.store(true, Ordering::SeqCst);
        Box::pin(async {})
    }
}

struct Scene {
    conditions: Vec<StopWatch>,
    closed: Vec<Arc<AtomicBool>>,
}

impl Scene {
    fn of(scripts: &[(&str, u32, &[Option<Seen>])]) -> Self {
        let mut scene = Self { conditions: Vec::new(), closed: Vec::new() };
        for (name, in_a_row, says) in scripts {
            let closed = Arc::new(AtomicBool::new(false));
            let look = Box::new(Script { says: says.to_vec(), closed: closed.clone() });
            let (every, unreadable_for) = (Duration::from_millis(5), Duration::from_millis(60));
            let watched = Watched { look, every, in_a_row: *in_a_row, unreadable_for };
            scene.conditions.push(StopWatch { name: (*name).into(), tripwire: Tripwire::Watched(watched) });
            scene.closed.push(closed);
        }
        scene
    }

    fn all_closed(&self) -> bool {
        self.closed.iter().all(|closed| closed.load(Ordering::SeqCst))
    }
}

fn well() -> Option<Seen> {
    Some(Seen::Well)
}

fn trips(why: &str) -> Option<Seen> {
    Some(Seen::Trips(why.into()))
}

fn unreadable(why: &str) -> Option<Seen> {
    Some(Seen::Unreadable(why.into()))
}

/// Watches until the run is told to end; what the journal says stopped it, and how long that took.
async fn stopped(scene: &mut Scene) -> (Vec<(String, String)>, Duration) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.jsonl");
    let clock = Clock::start();
    let journal = Journal::open(&path, clock, 1).unwrap();
    let cancel = CancellationToken::new();
    let watching = Watching::begin(std::mem::take(&mut scene.conditions), clock, &journal, &cancel);
    tokio::time::timeout(Duration::from_secs(20), cancel.cancelled()).await.expect("it stops the run");
    let took = Duration::from_micros(clock.now().0);
    // What comes after the cancellation must find why in the journal before it.
    journal.write(EventKind::RunEnded { ledger_lines: None }).await.unwrap();
    let events = read_events(&path).unwrap();
    watching.end().await;
    assert!(matches!(events.last(), Some(Event { kind: EventKind::RunEnded { .. }, .. })));
    let stops = events.into_iter().filter_map(|event| match event.kind {
        EventKind::Stopped { condition, why } => Some((condition, why)),
        _ => None,
    });
    (stops.collect(), took)
}

#[tokio::test]
async fn the_one_that_trips_is_named_and_all_are_closed() {
    let mut scene =
        Scene::of(&[("calm", 1, &[well()]), ("alarm", 1, &[well(), well(), trips("it is in ALARM")])]);
    let (stops, _) = stopped(&mut scene).await;
    assert_eq!(stops, [("alarm".to_owned(), "it is in ALARM".to_owned())]);
    assert!(scene.all_closed());
}

#[tokio::test]
async fn one_that_may_fail_trips_when_it_fails_in_a_row() {
    let mut scene = Scene::of(&[(
        "http",
        3,
        &[trips("a"), trips("b"), well(), trips("c"), trips("d"), trips("e"), well()],
    )]);
    let (stops, _) = stopped(&mut scene).await;
    assert_eq!(stops, [("http".to_owned(), "3 times in a row: e".to_owned())]);
}

#[tokio::test]
async fn what_cannot_be_read_for_long_trips_and_what_recovers_does_not() {
    let hiccup = [unreadable("first"), well(), unreadable("second"), well()];
    let mut scene = Scene::of(&[("hiccup", 1, &hiccup), ("gone", 1, &[well(), unreadable("no route")])]);
    let (stops, took) = stopped(&mut scene).await;
    assert_eq!(stops, [("gone".to_owned(), "it could not be read for 0.06 s: no route".to_owned())]);
    assert!(took >= Duration::from_millis(60), "{took:?}");
}

#[tokio::test]
async fn a_look_that_hangs_does_not_blind_the_watch() {
    let mut scene = Scene::of(&[("hung", 1, &[well(), None])]);
    let (stops, _) = stopped(&mut scene).await;
    assert_eq!(
        stops,
        [("hung".to_owned(), "it could not be read for 0.06 s: no answer within 0.06 s".to_owned())]
    );
    assert!(scene.all_closed());
}

#[tokio::test]
async fn a_budget_of_time_counts_from_the_start_of_the_run() {
    let mut scene = Scene::of(&[]);
    let budget = Duration::from_millis(80);
    scene.conditions.push(StopWatch { name: "time".into(), tripwire: Tripwire::TimeBudget(budget) });
    let (stops, took) = stopped(&mut scene).await;
    assert_eq!(stops, [("time".to_owned(), "the run has taken 0.08 s, its time budget".to_owned())]);
    assert!(took >= budget, "{took:?}");
}

/// A run that ends by itself, or for another reason, has none of its conditions named.
#[tokio::test]
async fn nothing_is_looked_at_once_the_run_is_over_or_told_to_end() {
    for told in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.jsonl");
        let clock = Clock::start();
        let journal = Journal::open(&path, clock, 1).unwrap();
        let cancel = CancellationToken::new();
        let mut scene = Scene::of(&[("late", 1, &[well()]), ("hung", 1, &[None])]);
        let looked = Arc::new(Mutex::new(0));
        let count = looked.clone();
        struct Counted(Arc<Mutex<u32>>);
        impl StopLook for Counted {
            fn look(&mut self) -> BoxFuture<'_, Seen> {
                *self.0.lock().unwrap() += 1;
                Box::pin(async { Seen::Well })
            }
        }
        let (every, unreadable_for) = (Duration::from_millis(5), Duration::from_secs(60));
        let watched = Watched { look: Box::new(Counted(count)), every, in_a_row: 1, unreadable_for };
        scene.conditions.push(StopWatch { name: "counted".into(), tripwire: Tripwire::Watched(watched) });
        if told {
            cancel.cancel();
        }
        let watching = Watching::begin(std::mem::take(&mut scene.conditions), clock, &journal, &cancel);
        watching.end().await;
        assert_eq!(*looked.lock().unwrap(), 0);
        assert_eq!(cancel.is_cancelled(), told);
        assert!(scene.all_closed());
        journal.write(EventKind::RunEnded { ledger_lines: None }).await.unwrap();
        assert_eq!(read_events(&path).unwrap().len(), 1);
    }
}

#[tokio::test]
async fn before_a_run_each_has_to_be_well() {
    let mut fine = Scene::of(&[("a", 1, &[well()]), ("b", 3, &[well()])]);
    assert_eq!(look_first(&mut fine.conditions).await, Ok(()));
    let mut wrong = Scene::of(&[
        ("fine", 1, &[well()]),
        // One failure is enough here.
        ("http", 3, &[trips("503")]),
        ("sql", 1, &[unreadable("no such table")]),
        ("hung", 1, &[None]),
    ]);
    let found = look_first(&mut wrong.conditions).await.unwrap_err();
    let expected = [
        "stop condition `http` trips already: 503",
        "stop condition `sql` cannot be read: no such table",
        "stop condition `hung` cannot be read: no answer within 0.06 s",
    ];
    assert_eq!(found, expected);
    close(wrong.conditions).await;
    assert!(wrong.closed.iter().all(|closed| closed.load(Ordering::SeqCst)));
}
