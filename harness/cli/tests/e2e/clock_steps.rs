//! The wall clock is set forward and back in the midst of a run: what is measured stays true, and the record names each
//! step. The library libfaketime moves the clock of the one process; where it is not installed the test says so. And the
//! machine sleeps in the midst of a run, by what its kernel says: then no time that was measured is worth anything.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::crash::Scene;
use crate::support::{ORDERS_SEED, Run, failover_plan, preload};

const LIMIT: Duration = Duration::from_secs(120);

/// The library: where the variable says, or where Debian has it.
fn library() -> Option<PathBuf> {
    let given = std::env::var_os("LIFEBOAT_FAKETIME").map(PathBuf::from);
    let debian = ["x86_64", "aarch64"]
        .map(|machine| PathBuf::from(format!("/usr/lib/{machine}-linux-gnu/faketime/libfaketime.so.1")));
    given.into_iter().chain(debian).find(|path| path.exists())
}

/// Sets the clock of the process off by so many seconds, from its next look at it on.
fn set(file: &Path, seconds: i32) {
    let draft = file.with_extension("draft");
    std::fs::write(&draft, format!("{seconds:+}\n")).expect("written");
    std::fs::rename(&draft, file).expect("renamed");
}

#[test]
fn an_hour_forward_and_an_hour_back() {
    let Some(library) = library() else {
        eprintln!("skipped: libfaketime is not installed (Debian: apt-get install libfaketime)");
        return;
    };
    let scene = Scene::new(ORDERS_SEED);
    let file = scene.lab.path("clock");
    set(&file, 0);
    let plan = failover_plan("stable_for = '2s'");
    let plan = scene.lab.write("plan.toml", &plan);
    let mut command = scene.lab.lifeboat();
    command.envs(&scene.sandbox.exports).arg("run").arg(plan);
    command.env("LD_PRELOAD", library).env("FAKETIME_TIMESTAMP_FILE", &file);
    command.env("FAKETIME_NO_CACHE", "1").env("DONT_FAKE_MONOTONIC", "1");
    let mut run = Run::of(&scene.lab, command, "run");
    run.await_step("force-failover");
    set(&file, 3_600);
    run.await_step("prove-failover");
    set(&file, 0);
    let (ended, record) = run.finish(LIMIT);
    ended.expect_code(0);
    record.expect("passed", "clean", &[]);
    let steps = record.value["clock_steps"].as_array().expect("the steps are in the record");
    let by: Vec<f64> = steps.iter().map(|step| step["by_s"].as_f64().expect("seconds")).collect();
    assert_eq!(by.len(), 2, "{by:?}");
    assert!((by[0] - 3_600.0).abs() < 2.0 && (by[1] + 3_600.0).abs() < 2.0, "{by:?}");
    ended.expect_stderr(&["the wall clock was set forward by 3", "the wall clock was set back by 3"]);
    // Nothing took an hour, and nothing less than no time.
    let duration = record.value["duration_s"].as_f64().expect("seconds");
    assert!(duration > 0.0 && duration <= ended.took.as_secs_f64(), "{duration} s of {:?}", ended.took);
    let rto = &record.drill()["measurements"]["rto"];
    let (lower, upper) = (rto["lower_s"].as_f64(), rto["upper_s"].as_f64());
    assert!(lower > Some(0.0) && upper >= lower && upper < Some(duration), "{rto}");
    let steps = record.drill()["steps"].as_array().expect("steps");
    for step in steps {
        let (start, end) =
            (step["start_s"].as_f64().expect("a start"), step["end_s"].as_f64().expect("an end"));
        assert!(0.0 <= start && start <= end && end <= duration, "{step}");
    }
    scene.is_as_before();
    scene.sandbox.stop(&scene.lab);
}

#[test]
fn a_drill_that_the_machine_slept_in_proves_nothing() {
    let scene = Scene::new(ORDERS_SEED);
    let (library, slept) = (preload("e2e/support/asleep.c", &scene.lab.path("")), scene.lab.path("slept"));
    let plan = failover_plan("stable_for = '2s'");
    let plan = scene.lab.write("plan.toml", &plan);
    let mut command = scene.lab.lifeboat();
    command.envs(&scene.sandbox.exports).arg("run").arg(plan);
    command.env("LD_PRELOAD", &library).env("SLEPT_FILE", &slept);
    let mut run = Run::of(&scene.lab, command, "run");
    run.await_step("force-failover");
    std::fs::write(&slept, "").expect("written");
    let (ended, record) = run.finish(LIMIT);
    ended.expect_code(101).expect_stderr(&["slept for 90.0 s", "drill again"]);
    record.expect("inconclusive", "clean", &[]);
    scene.is_as_before();
    scene.sandbox.stop(&scene.lab);
}
