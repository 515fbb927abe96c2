//! Runtimes that are not there: told at once, with what to do, and nothing is left of the attempt.

use std::time::Duration;

use rstest::rstest;

use crate::support::{Ended, Lab, Process, repository};

/// A sandbox that cannot start says so at once, and a run does not wait for it.
const AT_ONCE: Duration = Duration::from_secs(20);

fn nothing_is_left(lab: &Lab, ended: &Ended) {
    assert_eq!(lab.leftovers(), Vec::<String>::new(), "{ended}");
    assert!(!lab.path("run").exists(), "{ended}");
}

#[rstest]
#[case::nobody_listens("tcp://127.0.0.1:1")]
#[case::no_socket("unix:///nowhere/docker.sock")]
fn no_docker(#[case] host: &str, #[values("run", "sandbox")] command: &str) {
    let lab = Lab::new();
    let mut started = lab.lifeboat();
    match command {
        "run" => {
            started.arg("run").arg(repository().join("drills/plans/sandbox.toml")).args(["--out", "run"])
        }
        _ => started.args(["sandbox", "up"]),
    };
    started.args(["--runtime", "docker"]).env("DOCKER_HOST", host);
    let ended = Process::start(&lab, &mut started).wait(AT_ONCE);
    ended.expect_code(101).expect_stderr(&["docker runtime", "no docker daemon answers", "native runtime"]);
    nothing_is_left(&lab, &ended);
}

/// Hides the PostgreSQL of this machine from one command, in a mount namespace of its own.
fn without_postgres(lab: &Lab, arguments: &str) -> Option<Ended> {
    let hide = "for folder in /usr/lib/postgresql /opt/postgresql /usr/pgsql; do \
                [ ! -d $folder ] || mount -t tmpfs none $folder || exit 99; done";
    let script = format!("{hide}; PATH=/nowhere exec \"$0\" {arguments}");
    let mut command = std::process::Command::new("unshare");
    command.args(["--mount", "sh", "-c", &script, env!("CARGO_BIN_EXE_lifeboat")]);
    command.env("TMPDIR", lab.temporary()).env("DOCKER_HOST", "tcp://127.0.0.1:1");
    command.current_dir(lab.path(""));
    let allowed = std::process::Command::new("unshare").args(["--mount", "true"]).output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        println!("skipped: this machine lets nobody here make a mount namespace");
        return None;
    }
    Some(Process::start(lab, &mut command).wait(AT_ONCE))
}

#[rstest]
#[case::native("--runtime native", &["native runtime", "no PostgreSQL server found", "install the package"])]
#[case::auto("--runtime auto", &["docker: no docker daemon answers", "no PostgreSQL server found", "install"])]
fn no_postgres(#[case] runtime: &str, #[case] words: &[&str], #[values("run", "sandbox")] command: &str) {
    let lab = Lab::new();
    let plan = repository().join("drills/plans/sandbox.toml");
    let arguments = match command {
        "run" => format!("run '{}' --out run {runtime}", plan.display()),
        _ => format!("sandbox up {runtime}"),
    };
    let Some(ended) = without_postgres(&lab, &arguments) else { return };
    ended.expect_code(101).expect_stderr(words);
    nothing_is_left(&lab, &ended);
}

#[rstest]
#[case::missing("missing.toml", "", &["missing.toml", "No such file"])]
#[case::wrong("seed.toml", "[[instances]]\nidentifier = 'a'\nmaster_user = 'u'\nzones = 2", &["seed.toml", "`zones`"])]
#[case::broken("seed.toml", "nothing", &["seed.toml", "line 1"])]
fn a_seed_that_is_none(#[case] name: &str, #[case] text: &str, #[case] words: &[&str]) {
    let lab = Lab::new();
    lab.write("seed.toml", text);
    let ended = Process::start(&lab, lab.lifeboat().args(["sandbox", "up", "--seed", name])).wait(AT_ONCE);
    ended.expect_code(2).expect_stderr(words);
    nothing_is_left(&lab, &ended);
}

/// The seed's own SQL fails: what was begun by then is removed.
#[test]
fn a_seed_whose_sql_fails() {
    let lab = Lab::new();
    let seed = "[[servers]]\nname = 'plain'\ndatabase = 'app'\nuser = 'drill'\nsql = ['SELECT nonsense']";
    lab.write("seed.toml", seed);
    let mut command = lab.lifeboat();
    command.args(["sandbox", "up", "--runtime", "native", "--seed", "seed.toml"]);
    let ended = Process::start(&lab, &mut command).wait(Duration::from_secs(60));
    ended.expect_code(101).expect_stderr(&["plain", "nonsense"]);
    nothing_is_left(&lab, &ended);
}
