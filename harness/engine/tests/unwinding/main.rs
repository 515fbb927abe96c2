//! What the engine takes back: after every way in which a step can end.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod trial;

use std::sync::Arc;
use std::time::Duration;

use lifeboat_engine::{Clock, Journal, doubt, read_events, unwind};
use lifeboat_model::{EventKind, PendingUndo, Restoration, UndoAction, UndoEnd, Verdict};
use rstest::rstest;
use tokio::sync::Semaphore;

use trial::{Ending, Recorder, Trial, action, run, run_with};

#[rstest]
#[case(Ending::Done, &["third", "second", "first"], Verdict::Passed, 0)]
#[case(Ending::Failed, &["first"], Verdict::Errored, 101)]
#[case(Ending::Indeterminate, &["second", "first"], Verdict::Errored, 101)]
#[case(Ending::Unmet, &["first"], Verdict::Skipped, 4)]
#[case(Ending::Unsupported, &["first"], Verdict::Invalid, 101)]
#[case(Ending::Keeps, &["third", "second"], Verdict::Passed, 0)]
#[case(Ending::Binds, &["third", "second made", "first made"], Verdict::Passed, 0)]
#[case(Ending::BindsAndFails, &["second made", "first"], Verdict::Errored, 101)]
#[case(Ending::Panic, &["second", "first"], Verdict::Errored, 101)]
#[case(Ending::Hang, &["second", "first"], Verdict::Errored, 101)]
#[case(Ending::Interrupted, &["second", "first"], Verdict::Aborted, 130)]
#[case(Ending::Stopped, &["second", "first"], Verdict::Aborted, 101)]
#[case(Ending::StoppedWhileUndoing, &["third", "second", "first"], Verdict::Passed, 0)]
#[tokio::test]
async fn what_may_have_been_done_is_taken_back(
    #[case] ending: Ending,
    #[case] undone: &[&str],
    #[case] verdict: Verdict,
    #[case] exit_code: u8,
) {
    let ran = run(Box::leak(Box::new(Trial(ending))), Recorder::default()).await;
    assert_eq!(ran.undone, undone);
    assert_eq!(ran.still_pending, 0, "nothing is left for a later undo");
    let drill = &ran.record.drills[0];
    let known = drill.undos.iter().filter(|undo| undo.made.as_ref().is_some_and(|made| made.id == "made"));
    assert_eq!(known.count(), undone.iter().filter(|undone| undone.ends_with(" made")).count());
    assert_eq!((drill.verdict, drill.restoration), (verdict, Restoration::Clean), "{}", drill.reason);
    assert_eq!(ran.record.exit_code, exit_code);
    let room = if ending == Ending::Keeps { 0 } else { 1 };
    assert_eq!(
        (ran.copies.available_permits(), ran.copies.is_closed()),
        (room, false),
        "room for other copies"
    );
    let stopped = matches!(ending, Ending::Stopped | Ending::StoppedWhileUndoing);
    assert_eq!(ran.record.stopped_by.is_some(), stopped);
    if ending == Ending::Stopped {
        assert_eq!(drill.reason, "stop condition `x`: too hot");
    }
    if ending == Ending::Panic {
        assert!(drill.reason.contains("a defect"), "{}", drill.reason);
    }
}

#[tokio::test]
async fn one_undo_that_fails_does_not_stop_the_others_and_is_residue() {
    let recorder = Recorder { cannot: Some("second"), ..Recorder::default() };
    let ran = run(Box::leak(Box::new(Trial(Ending::Done))), recorder).await;
    assert_eq!(ran.undone, ["third", "second", "first"]);
    assert_eq!(ran.still_pending, 1);
    let drill = &ran.record.drills[0];
    assert_eq!((drill.verdict, drill.restoration), (Verdict::Passed, Restoration::Residue));
    assert!(
        drill.residue[0].contains("second") && drill.residue[0].contains("the server is gone"),
        "{drill:?}"
    );
    assert_eq!(ran.record.exit_code, 102);

    // A schema that is left takes no room from copies.
    let next = run_with(Box::leak(Box::new(Trial(Ending::Done))), Recorder::default(), ran.copies).await;
    assert_eq!(next.record.drills[0].verdict, Verdict::Passed, "{}", next.record.drills[0].reason);
}

/// What is left may be the copy, so the next drill that restores does not begin.
#[tokio::test]
async fn a_copy_that_may_be_left_takes_the_room_of_others() {
    let recorder = Recorder { cannot: Some("first"), ..Recorder::default() };
    let ran = run(Box::leak(Box::new(Trial(Ending::Done))), recorder).await;
    assert_eq!(ran.record.drills[0].restoration, Restoration::Residue);
    let next = run_with(Box::leak(Box::new(Trial(Ending::Done))), Recorder::default(), ran.copies).await;
    let drill = &next.record.drills[0];
    assert_eq!((drill.verdict, next.undone.len()), (Verdict::Errored, 0), "{}", drill.reason);
    assert!(
        drill.reason.contains("max_restored") && drill.reason.contains("lifeboat undo"),
        "{}",
        drill.reason
    );
}

/// Its last lines may be read now and be gone after a power cut.
#[tokio::test]
async fn what_could_not_be_written_for_certain_proves_nothing() {
    let mut record = run(Box::leak(Box::new(Trial(Ending::Done))), Recorder::default()).await.record;
    assert_eq!((record.complete, record.verdict, record.exit_code), (true, Verdict::Passed, 0));
    doubt(&mut record);
    assert_eq!((record.complete, record.verdict, record.exit_code), (false, Verdict::Errored, 101));
}

/// A run that is told to end does not wait for room.
#[tokio::test]
async fn a_drill_that_waits_for_room_ends_with_the_run() {
    let full = Arc::new(Semaphore::new(1));
    let held = full.clone().acquire_owned().await.unwrap();
    let running = run_with(Box::leak(Box::new(Trial(Ending::CancelledBefore))), Recorder::default(), full);
    let ran = tokio::time::timeout(Duration::from_secs(20), running).await.expect("it ends");
    assert_eq!((ran.record.drills[0].verdict, ran.undone.len()), (Verdict::Aborted, 0));
    drop(held);
}

#[tokio::test]
async fn a_defect_in_one_undo_does_not_stop_the_others() {
    let recorder = Recorder { panics: Some("second"), ..Recorder::default() };
    let ran = run(Box::leak(Box::new(Trial(Ending::Done))), recorder).await;
    assert_eq!(ran.undone, ["third", "first"]);
    assert_eq!(ran.still_pending, 1);
    let drill = &ran.record.drills[0];
    assert!(
        drill.residue.len() == 1 && drill.residue[0].contains("a defect of the tool"),
        "{:?}",
        drill.residue
    );
}

/// With a name that was not given back, what goes by name or address would meet another instance.
#[tokio::test]
async fn after_a_name_that_is_not_given_back_the_drills_other_undos_are_held_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.jsonl");
    let journal = Journal::open(&path, Clock::start(), 1).unwrap();
    let recorder = Recorder::default();
    let rename = UndoAction::RestoreName { resource_id: "db-A".into(), name: "orders".into(), patience_s: 1 };
    let planned = [("d", rename), ("d", action("held")), ("other", action("free"))];
    let pending: Vec<PendingUndo> = planned
        .into_iter()
        .zip(1..)
        .map(|((drill, action), undo)| PendingUndo { drill: drill.into(), undo, action, made: None })
        .collect();
    // The recorder knows nothing of names, so that one fails.
    unwind(&pending, &journal, &recorder).await.unwrap();
    assert_eq!(*recorder.asked.lock().unwrap(), ["free"]);
    let ends: Vec<(u64, UndoEnd)> = read_events(&path)
        .unwrap()
        .into_iter()
        .filter_map(|event| match event.kind {
            EventKind::UndoEnded { undo, outcome, .. } => Some((undo, outcome)),
            _ => None,
        })
        .collect();
    assert_eq!(ends, [(1, UndoEnd::Failed), (2, UndoEnd::Failed), (3, UndoEnd::Undone)]);
}
