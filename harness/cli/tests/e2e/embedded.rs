//! A run with a sandbox of its own that is killed leaves no process, container or folder.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use rstest::rstest;

use crate::support::{
    Lab, Process, Run, Signal, containers_of, eventually, processes_in, repository, sandbox_folders,
    volumes_of, without_docker,
};

const MINUTE: Duration = Duration::from_secs(60);

fn run(lab: &Lab, runtime: &str, drill: &str) -> Run {
    let mut command = lab.lifeboat();
    command.arg("run").arg(repository().join("drills/plans/sandbox.toml"));
    command.args(["--runtime", runtime, "--drill", drill]);
    Run::of(lab, command, "run")
}

/// The sandbox that a harness started: its process, and those of its servers that this machine shows.
fn processes(harness: i32, folder: &Path) -> BTreeSet<i32> {
    let children = std::fs::read_to_string(format!("/proc/{harness}/task/{harness}/children"));
    let children = children.expect("the harness runs");
    let mut found: BTreeSet<i32> =
        children.split_whitespace().map(|pid| pid.parse::<i32>().expect("a pid")).collect();
    assert_eq!(found.len(), 1, "the sandbox is the only child: {children}");
    found.extend(processes_in(folder).into_iter().map(|(pid, _)| pid));
    found
}

/// The words of a process that lives; the dead that nobody has waited for do not count.
fn alive(pid: i32) -> Option<String> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let state = status.rsplit(')').next().expect("a state").trim_start().chars().next();
    (state != Some('Z')).then_some(status)
}

fn nothing_is_left(lab: &Lab, folder: &Path, processes: &BTreeSet<i32>) {
    eventually("the sandbox to have cleaned up", MINUTE, || {
        let living: Vec<String> = processes.iter().filter_map(|pid| alive(*pid)).collect();
        let (inside, left) = (processes_in(folder), lab.leftovers());
        if living.is_empty() && inside.is_empty() && left.is_empty() {
            Ok(())
        } else {
            Err(format!("processes {living:?} and {inside:?}, files {left:?}"))
        }
    });
}

#[rstest]
fn killed_with_a_sandbox_of_its_own(
    #[values("native", "docker")] runtime: &str,
    #[values(
        ("orders-failover", "await-recovery"),
        ("plain-exhaustion", "hold"),
        ("orders-pitr", "validate-data"),
        ("carts-pitr", "compare-items")
    )]
    at: (&str, &str),
) {
    if runtime == "docker"
        && let Some(reason) = without_docker()
    {
        println!("skipped: {reason}");
        return;
    }
    let lab = Lab::new();
    let mut run = run(&lab, runtime, at.0);
    run.await_step(at.1);
    let folders = sandbox_folders(&lab.temporary());
    let [(folder, id)] = folders.as_slice() else { panic!("one sandbox, and not {folders:?}") };
    let processes = processes(run.process.id(), folder);
    match runtime {
        // Three servers and the sandbox itself.
        "native" => assert!(processes.len() > 3, "{processes:?}"),
        _ => assert!(containers_of(id).len() >= 2, "{:?}", containers_of(id)),
    }
    let dir = run.dir.clone();
    run.process.signal(Signal::SIGKILL);
    assert_eq!(run.process.wait(MINUTE).signal, Some(Signal::SIGKILL as i32));

    // Undo waits for the sandbox to end, and what it says then has to be true.
    let mut undo = lab.lifeboat();
    undo.arg("undo").arg(&dir);
    let undone = Process::start(&lab, &mut undo).wait(MINUTE * 2);
    undone.expect_code(0);
    assert!(undone.stdout.contains("the run's own sandbox ended with it"), "{undone}");
    nothing_is_left(&lab, folder, &processes);
    if runtime == "docker" {
        assert_eq!([containers_of(id), volumes_of(id)].concat(), Vec::<String>::new());
    }
    let again = Process::start(&lab, &mut undo).wait(MINUTE);
    again.expect_code(0);
    assert!(again.stdout.contains("nothing is left to undo"), "{again}");
}

#[test]
fn killed_while_its_sandbox_starts() {
    let lab = Lab::new();
    let run = run(&lab, "native", "orders-failover");
    let folder = eventually("a server that starts", MINUTE, || {
        let folders = sandbox_folders(&lab.temporary());
        let folder = folders.first().map(|(folder, _)| folder.clone()).ok_or("no folder")?;
        if processes_in(&folder).is_empty() { Err("no process") } else { Ok(folder) }
    });
    let processes = processes(run.process.id(), &folder);
    run.process.signal(Signal::SIGKILL);
    run.process.wait(MINUTE);
    nothing_is_left(&lab, &folder, &processes);
    assert!(!run_dir_exists(&lab), "a run that did nothing leaves no folder");
}

fn run_dir_exists(lab: &Lab) -> bool {
    lab.path("run").exists()
}

/// The sandbox is told only after the drills have been taken back.
#[rstest]
fn interrupted_with_a_sandbox_of_its_own(#[values(Signal::SIGINT, Signal::SIGTERM)] signal: Signal) {
    let lab = Lab::new();
    let mut run = run(&lab, "native", "orders-failover");
    run.await_step("confirm-steady-state");
    let folders = sandbox_folders(&lab.temporary());
    let processes = processes(run.process.id(), &folders[0].0);
    run.process.signal(signal);
    let (ended, record) = run.finish(MINUTE);
    ended.expect_code(130);
    assert_eq!(record.drill()["verdict"], "aborted");
    record.expect("aborted", "clean", &[]);
    // All of it is gone before the command ends.
    assert_eq!(lab.leftovers(), Vec::<String>::new());
    assert_eq!(processes.iter().filter_map(|pid| alive(*pid)).collect::<Vec<_>>(), Vec::<String>::new());
}
