//! What counts as evidence, and what never does.

use lifeboat_model::{ControlRecord, Judgement, Restoration, RunRecord, Stop, Verdict};
use lifeboat_reports::{SeenRun, Signature, controls_markdown, matrix};
use time::Duration;
use time::macros::datetime;

use crate::runs::{CONTROL, UNTIL, at, passed, real, seen};
use crate::support::{one_of, one_of_each};

/// Whether a run alone is evidence and leaves no gap; the two always go together.
fn is_evidence(run: SeenRun) -> bool {
    let runs = [run];
    let matrix = matrix(&runs, UNTIL);
    let [row] = matrix.rows.as_slice() else { panic!("{:?}", matrix.rows) };
    assert_eq!(row.id, CONTROL);
    let shown = row.entries.iter().any(|entry| entry.evidences());
    assert_eq!((row.last().is_some(), row.gaps.is_empty()), (shown, shown), "{row:?}");
    assert_eq!(row.entries.iter().all(|entry| entry.why_not.is_empty()), shown, "{row:?}");
    shown
}

#[test]
fn of_all_verdicts_only_passed_and_put_back_is_evidence() {
    let mut shown = Vec::new();
    for drill in one_of_each().drills {
        let name = drill.name.clone();
        if is_evidence(seen(at(real(one_of(drill)), datetime!(2026-11-20 02:00 UTC)))) {
            shown.push(name);
        }
    }
    assert_eq!(shown, ["passed"]);
}

/// Each of these takes one thing from a run that is evidence.
#[test]
fn a_passed_drill_is_evidence_only_of_a_real_and_whole_run_that_shows_it() {
    let good = || passed(datetime!(2026-11-20 02:00 UTC));
    assert!(is_evidence(seen(good())));
    assert!(is_evidence(SeenRun { record: good(), signature: Signature::Verified }));
    type Change = fn(&mut RunRecord);
    let changes: [(&str, Change); 9] = [
        ("simulated", |run| run.environment.simulated = true),
        ("killed", |run| run.complete = false),
        ("interrupted", |run| run.interrupted_by = Some("SIGTERM".into())),
        ("stopped", |run| {
            run.stopped_by = Some(Stop { condition: "lag".into(), why: "too much".into(), at_s: 1.0 });
        }),
        ("residue", |run| run.drills[0].restoration = Restoration::Residue),
        ("residue without its word", |run| run.drills[0].residue.push("a copy".into())),
        ("a check that was missed", |run| run.drills[0].checks[0].outcome = Judgement::Failed),
        ("a check that cannot tell", |run| run.drills[0].checks[0].outcome = Judgement::Inconclusive),
        ("no check", |run| run.drills[0].checks.clear()),
    ];
    for (what, change) in changes {
        let mut run = good();
        change(&mut run);
        assert!(!is_evidence(seen(run)), "{what}");
    }
    let signature = Signature::NotVerified("it is signed with another key".into());
    assert!(!is_evidence(SeenRun { record: good(), signature }));
}

/// One that failed is named beside it.
#[test]
fn a_drill_that_failed_is_not_hidden_by_one_that_passed() {
    let (mut both, good) = (one_of_each(), passed(datetime!(2026-11-20 02:00 UTC)));
    both.drills.truncate(2);
    let runs = [seen(at(real(both), datetime!(2026-11-20 03:00 UTC)))];
    let text = controls_markdown(&matrix(&runs, UNTIL));
    let line = text.lines().find(|line| line.starts_with("| `soc2:A1.2` |")).expect("its line");
    assert!(
        line.contains("✓ nowhere")
            && line.ends_with("| `failed` in run `20261120-030000-a1b2c3`: ✗ failed |"),
        "{line}"
    );
    let text = controls_markdown(&matrix(&[seen(good)], UNTIL));
    let line = text.lines().find(|line| line.starts_with("| `soc2:A1.2` |")).expect("its line");
    assert!(line.ends_with("| none |"), "{line}");
}

/// What another drill of the run came to is not this one's.
#[test]
fn a_drill_that_passed_stays_evidence_beside_one_that_failed() {
    let mut run = at(real(one_of_each()), datetime!(2026-11-20 02:00 UTC));
    for drill in &mut run.drills {
        drill.controls = vec![format!("own:{}", drill.name)];
    }
    run.controls.clear();
    assert_eq!(run.verdict, Verdict::Failed);
    let runs = [seen(run)];
    let matrix = matrix(&runs, UNTIL);
    let shown: Vec<&str> = matrix.rows.iter().filter(|row| row.last().is_some()).map(|row| row.id).collect();
    assert_eq!(shown, ["own:passed"]);
    assert_eq!(matrix.with_gaps().count(), matrix.rows.len() - 1);
}

#[test]
fn a_run_that_is_a_day_too_old_leaves_a_gap() {
    for (age, gaps) in [(30, 0), (31, 1)] {
        let runs = [seen(passed(UNTIL - Duration::days(age)))];
        let matrix = matrix(&runs, UNTIL);
        assert_eq!(matrix.rows[0].gaps.len(), gaps, "{age}");
        assert_eq!(matrix.rows[0].last().map(|run| &run.run_id), Some(&runs[0].record.run_id));
    }
}

#[test]
fn a_failed_run_in_time_closes_no_gap() {
    let mut failed = passed(datetime!(2026-11-15 02:00 UTC));
    failed.drills[0].verdict = Verdict::Failed;
    let runs = [seen(passed(datetime!(2026-10-20 02:00 UTC))), seen(failed)];
    let matrix = matrix(&runs, UNTIL);
    let [gap] = matrix.rows[0].gaps.as_slice() else { panic!("{:?}", matrix.rows[0].gaps) };
    assert_eq!((gap.from, gap.to, gap.open), (runs[0].record.started_at, UNTIL, true));
    assert_eq!((gap.last.as_ref(), gap.span().whole_hours()), (Some(&runs[0].record.run_id), 41 * 24 + 22));
}

#[test]
fn what_ended_later_does_not_count() {
    let runs = [seen(passed(datetime!(2026-09-01 02:00 UTC))), seen(passed(UNTIL))];
    let before = matrix(&runs, UNTIL);
    assert_eq!((before.runs.len(), before.later, before.rows[0].gaps.len()), (1, 1, 1));
    // It had begun, and could still fail: it takes seven seconds.
    let during = matrix(&runs, UNTIL + Duration::seconds(7));
    assert_eq!((during.runs.len(), during.later), (1, 1));
    assert!(during.rows[0].gaps[0].open, "{:?}", during.rows[0].gaps);
    let after = matrix(&runs, UNTIL + Duration::seconds(8));
    assert_eq!((after.runs.len(), after.later), (2, 0));
    let [gap] = after.rows[0].gaps.as_slice() else { panic!("{:?}", after.rows[0].gaps) };
    assert!(!gap.open, "{gap:?}");
}

/// It was planned and nobody ran it: that is what an auditor has to see.
#[test]
fn a_control_whose_drill_was_not_run_is_a_gap() {
    let mut run = passed(datetime!(2026-11-20 02:00 UTC));
    run.controls.push(ControlRecord { id: "soc2:A1.3".into(), period_days: Some(400) });
    let runs = [seen(run)];
    let matrix = matrix(&runs, UNTIL);
    let rows: Vec<(&str, usize, bool)> =
        matrix.rows.iter().map(|row| (row.id, row.gaps.len(), row.entries[0].drill.is_some())).collect();
    assert_eq!(rows, [(CONTROL, 0, true), ("soc2:A1.3", 1, false)]);
}

#[test]
fn the_last_plan_says_how_often() {
    let mut first = passed(datetime!(2026-10-01 02:00 UTC));
    first.controls[0].period_days = Some(60);
    let mut second = passed(datetime!(2026-11-20 02:00 UTC));
    second.controls[0].period_days = Some(90);
    // In whatever order they are given.
    let runs = [seen(second), seen(first)];
    let row = &matrix(&runs, UNTIL).rows[0];
    assert_eq!((row.period_days, row.gaps.len()), (Some(90), 0));
}

/// What a plan says later on does not hide that evidence was missing before.
#[test]
fn a_longer_or_no_period_closes_no_gap_before_it() {
    for later in [Some(900), None] {
        let first = passed(datetime!(2026-07-01 02:00 UTC));
        let mut second = passed(datetime!(2026-11-20 02:00 UTC));
        second.controls[0].period_days = later;
        let runs = [seen(first), seen(second)];
        let row = &matrix(&runs, UNTIL).rows[0];
        let [gap] = row.gaps.as_slice() else { panic!("{:?}", row.gaps) };
        assert_eq!((row.period_days, gap.open, gap.period_days), (later, false, Some(30)));
    }
}

/// Anyone can write a record that nobody signed, and a plan for the sandbox.
#[test]
fn a_run_that_can_be_no_evidence_makes_no_period_longer() {
    type Change = fn(&mut SeenRun);
    let changes: [(&str, Change); 5] = [
        ("not verified", |run| run.signature = Signature::NotVerified("it is not signed".into())),
        ("simulated", |run| run.record.environment.simulated = true),
        ("killed", |run| run.record.complete = false),
        ("interrupted", |run| run.record.interrupted_by = Some("SIGINT".into())),
        ("stopped", |run| {
            run.record.stopped_by = Some(Stop { condition: "lag".into(), why: "too much".into(), at_s: 1.0 });
        }),
    ];
    for (what, change) in changes {
        for (later, days) in
            [(datetime!(2026-11-20 02:00 UTC), None), (datetime!(2026-09-02 02:00 UTC), Some(900))]
        {
            let good =
                SeenRun { record: passed(datetime!(2026-09-01 02:00 UTC)), signature: Signature::Verified };
            let mut last = SeenRun { record: passed(later), signature: Signature::Verified };
            last.record.controls[0].period_days = days;
            // The negative control: as a run that can be evidence it closes the stretch or says how often.
            let runs = [good.clone(), last.clone()];
            assert_eq!(matrix(&runs, UNTIL).rows[0].period_days, days);
            change(&mut last);
            let runs = [good, last];
            let row = &matrix(&runs, UNTIL).rows[0];
            assert_eq!((row.period_days, row.gaps.len()), (Some(30), 1), "{what}: {row:?}");
            assert!(row.gaps[0].open, "{what}: {row:?}");
        }
    }
}

/// Where no other says how often, the shortest that is said counts.
#[test]
fn a_period_that_only_simulated_runs_name_counts() {
    let mut good = passed(datetime!(2026-09-01 02:00 UTC));
    good.controls[0].period_days = None;
    let simulated = |day: u8, days| {
        let mut run = passed(datetime!(2026-09-01 02:00 UTC).replace_day(day).expect("a day"));
        run.environment.simulated = true;
        run.controls[0].period_days = Some(days);
        seen(run)
    };
    let runs = [seen(good), simulated(2, 900), simulated(3, 30), simulated(4, 900)];
    let row = &matrix(&runs, UNTIL).rows[0];
    assert_eq!((row.period_days, row.gaps.len()), (Some(30), 1), "{row:?}");
}

/// Evidence was wanted from the first run on whose plan names the control, whatever that run was.
#[test]
fn a_run_that_can_be_no_evidence_hides_no_gap_before_the_first_that_can() {
    type Change = fn(&mut SeenRun);
    let changes: [(&str, Change); 3] = [
        ("not verified", |run| run.signature = Signature::NotVerified("it is not signed".into())),
        ("simulated", |run| run.record.environment.simulated = true),
        ("interrupted", |run| run.record.interrupted_by = Some("SIGINT".into())),
    ];
    for (what, change) in changes {
        let good = seen(passed(datetime!(2026-11-20 02:00 UTC)));
        let mut first = seen(passed(datetime!(2026-10-01 02:00 UTC)));
        first.record.controls[0].period_days = Some(900);
        change(&mut first);
        let runs = [first, good];
        let row = &matrix(&runs, UNTIL).rows[0];
        let [gap] = row.gaps.as_slice() else { panic!("{what}: {:?}", row.gaps) };
        let stretch = (runs[0].record.started_at, runs[1].record.started_at);
        assert_eq!(((gap.from, gap.to), gap.last.as_ref(), gap.open), (stretch, None, false), "{what}");
        assert_eq!(gap.period_days, Some(30), "{what}");
    }
}

/// What its drills came to does not matter: its plan says how often from its beginning on, and not before.
#[test]
fn a_shorter_period_counts_from_a_failed_run_on() {
    let mut first = passed(datetime!(2026-07-01 02:00 UTC));
    first.controls[0].period_days = Some(100);
    let last = |days| {
        let mut run = passed(datetime!(2026-11-20 02:00 UTC));
        run.controls[0].period_days = days;
        run
    };
    let mut failed = passed(datetime!(2026-09-01 02:00 UTC));
    failed.drills[0].verdict = Verdict::Failed;
    let middle = passed(datetime!(2026-09-20 02:00 UTC));
    let of = |runs: Vec<RunRecord>| {
        let runs: Vec<SeenRun> = runs.into_iter().map(seen).collect();
        let gaps = matrix(&runs, UNTIL).rows.remove(0).gaps;
        gaps.into_iter().map(|gap| (gap.from, gap.to, gap.period_days)).collect::<Vec<_>>()
    };
    // In the stretch in which it began and after it; 81 and 61 days are within the first plan's 100.
    let began = [&first, &middle, &last(Some(30))].map(|run| run.started_at);
    let wanted = [(began[0], began[1], Some(30)), (began[1], began[2], Some(30))];
    assert_eq!(of(vec![first.clone(), failed, middle.clone(), last(Some(30))]), wanted);
    // Without it and with the first plan's in force, there is none but what a shorter one makes from then on.
    let mut middle = middle;
    middle.controls[0].period_days = Some(100);
    assert_eq!(of(vec![first.clone(), middle.clone(), last(Some(100))]), []);
    middle.controls[0].period_days = Some(60);
    assert_eq!(of(vec![first, middle, last(Some(100))]), [(began[1], began[2], Some(60))]);
}
