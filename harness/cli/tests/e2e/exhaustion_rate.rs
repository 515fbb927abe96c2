//! Benchmark: two thousand connections, the memory that they take in the harness, and how quick they are beside pgbench.

use std::process::Command;
use std::time::Duration;

use crate::support::{External, Lab, Run, exhaustion_plan};

const SEED: &str = r#"
[[servers]]
name = "plain"
database = "app"
user = "drill"
max_connections = 2000
"#;

/// The most memory that the harness may take, bytes.
const MOST_MEMORY: u64 = 100 * 1024 * 1024;

/// The most that a process took so far, bytes.
fn peak_memory(pid: i32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024)
}

/// Connections per second of `pgbench -C -c 2` on the same server.
fn pgbench(lab: &Lab, sandbox: &External) -> f64 {
    let script = lab.write("select.sql", "SELECT 1;\n");
    let server = sandbox.database("plain");
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(Result::ok);
    let newest =
        installed.map(|version| version.path().join("bin/pgbench")).filter(|path| path.exists()).max();
    let output = Command::new(newest.unwrap_or_else(|| "pgbench".into()))
        .args(["-h", "127.0.0.1", "-p", &server.port.to_string(), "-U", &server.user])
        .args(["-n", "-C", "-c", "2", "-T", "10", "-f"])
        .arg(script)
        .arg(&server.name)
        .env("PGPASSWORD", &server.password)
        .output()
        .expect("pgbench, of the PostgreSQL packages");
    let text = String::from_utf8_lossy(&output.stdout);
    let tps = text.lines().find_map(|line| line.strip_prefix("tps = ")).expect("a rate");
    tps.split(' ').next().and_then(|number| number.parse().ok()).expect("a number")
}

#[test]
#[ignore = "a benchmark: on a machine that does nothing else"]
fn two_thousand_connections() {
    let lab = Lab::new();
    let sandbox = External::start(&lab, SEED);
    let address = sandbox.plain_address();
    let mut run = Run::start(&lab, &sandbox, &exhaustion_plan("hold = \"5s\""), &["--confirm", &address]);
    run.await_step("release");
    // Everything is open now; the peak is kept by the system, so one look is enough.
    let memory = peak_memory(run.process.id()).expect("the harness's memory");
    let (ended, record) = run.finish(Duration::from_secs(300));
    ended.expect_code(0);
    let figure = |name: &str| {
        let figures = record.drill()["measurements"]["figures"].as_array().expect("figures");
        figures.iter().find(|f| f["name"] == name).and_then(|f| f["value"].as_f64()).expect(name)
    };
    let (held, rate) = (figure("connections opened"), figure("connections per second"));
    let theirs = pgbench(&lab, &sandbox);
    sandbox.stop(&lab);
    println!("connections held                 {held}");
    println!("peak memory of the harness       {:.1} MB", memory as f64 / 1024.0 / 1024.0);
    println!("connections per second           {rate:.0}");
    println!("  pgbench -C -c 2, same server   {theirs:.0}");
    println!("  ratio                          {:.2}", rate / theirs);
    // All but the slots that are reserved and those of the drill's own watcher and probes.
    assert!(held >= 1990.0, "{held} connections were held");
    assert!(memory < MOST_MEMORY, "{memory} bytes");
    assert!(rate >= theirs, "{rate} connections per second, pgbench {theirs}");
}
