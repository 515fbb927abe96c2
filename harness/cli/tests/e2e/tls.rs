//! Whole drills over TLS, against a sandbox whose servers show certificates of its own CA.

use std::time::Duration;

use crate::support::{
    Database, External, Lab, ORDERS_SEED, PLAIN_SEED, Process, Run, Signal, eventually, exhaustion_plan,
    failover_plan, rows,
};

const MINUTE: Duration = Duration::from_secs(60);
const PASSWORD_LINE: &str = "password = \"${LIFEBOAT_SANDBOX_PASSWORD}\"";

/// The same plan, which trusts this CA.
fn over_tls(plan: &str, ca: &str) -> String {
    let over_tls = plan.replace(PASSWORD_LINE, &format!("{PASSWORD_LINE}\ntls_ca = \"{ca}\""));
    assert_ne!(over_tls, plan);
    over_tls
}

/// Waits until the server counts a session of the run, and holds that none is without TLS.
#[track_caller]
fn all_sessions_are_encrypted(database: &Database) {
    let query = "SELECT count(*), count(*) FILTER (WHERE ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                 WHERE application_name LIKE 'lifeboat/%'";
    let counted = eventually("sessions of the run", MINUTE, || {
        let found = rows(database, query)?.remove(0);
        if found.starts_with("0|") { Err(found) } else { Ok(found) }
    });
    let (all, encrypted) = counted.split_once('|').expect("two counts");
    assert_eq!(all, encrypted, "all sessions and those over TLS");
}

#[test]
fn a_failover_is_drilled_over_tls() {
    let lab = Lab::new();
    let sandbox = External::start(&lab, ORDERS_SEED);
    let plan = over_tls(&failover_plan("stable_for = '500ms'"), "${LIFEBOAT_SANDBOX_CA}");
    let mut run = Run::start(&lab, &sandbox, &plan, &[]);
    run.await_step("confirm-steady-state");
    all_sessions_are_encrypted(&sandbox.database("orders"));
    let (ended, record) = run.finish(MINUTE);
    ended.expect_code(0);
    record.expect("passed", "clean", &[]);
    sandbox.stop(&lab);
}

#[test]
fn a_server_with_a_certificate_of_another_ca_is_not_drilled() {
    let (lab, other) = (Lab::new(), Lab::new());
    let sandbox = External::start(&lab, PLAIN_SEED);
    let stranger = External::start(&other, "");
    let plan = over_tls(&exhaustion_plan(""), &stranger.exports["LIFEBOAT_SANDBOX_CA"]);
    let address = sandbox.plain_address();
    let (ended, record) = Run::start(&lab, &sandbox, &plan, &["--confirm", &address]).finish(MINUTE);
    ended.expect_code(101);
    record.expect("errored", "clean", &["invalid peer certificate", "tls_ca"]);
    stranger.stop(&other);
    sandbox.stop(&lab);
}

/// What an undo trusts is in the journal, and holds for it as it did for the run.
#[test]
fn a_killed_run_is_taken_back_over_tls() {
    let lab = Lab::new();
    let sandbox = External::start(&lab, ORDERS_SEED);
    let ca = lab.path("ca.pem");
    std::fs::copy(&sandbox.exports["LIFEBOAT_SANDBOX_CA"], &ca).expect("copied");
    // As a plan names it: relative to itself.
    let mut run = Run::start(&lab, &sandbox, &over_tls(&failover_plan(""), "ca.pem"), &[]);
    run.await_step("confirm-steady-state");
    run.process.signal(Signal::SIGKILL);
    run.process.wait(MINUTE);
    let undo = || {
        let mut undo = lab.lifeboat();
        undo.envs(&sandbox.exports).arg("undo").arg(lab.path("run")).current_dir("/");
        Process::start(&lab, &mut undo).wait(2 * MINUTE)
    };
    std::fs::rename(&ca, lab.path("elsewhere.pem")).expect("moved");
    let without = undo();
    without.expect_code(102);
    assert!(without.stdout.contains("ca.pem` cannot be used"), "{without}");
    std::fs::rename(lab.path("elsewhere.pem"), &ca).expect("moved");
    undo().expect_code(0);
    let left =
        rows(&sandbox.database("orders"), "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'lifeboat%'");
    assert_eq!(left, Ok(vec![]));
    sandbox.stop(&lab);
}
