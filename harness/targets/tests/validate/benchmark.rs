//! The validation of ten million rows (`pgbench -s 100`) on two servers of this machine, with ratios to what else reads
//! them. Each figure is the median of three rounds; in each round everything is measured once, so that what else the
//! machine does falls on all alike.
//!
//! `cargo nextest run -p lifeboat-targets --run-ignored only --no-capture -E 'test(validation)'`

use std::collections::BTreeMap;
use std::future::Future;
use std::process::Command;
use std::time::Instant;

use lifeboat_targets::postgres::validate::{
    DifferentRow, Filter, Pair, Side, TableShape, compare, table_digest, table_shape,
};
use lifeboat_targets::postgres::{Session, connection_limits};

use crate::own_server::{OwnServer, command};

const ROUNDS: usize = 3;
const SETTINGS: &str = "shared_buffers = 6GB\nmax_wal_size = 8GB\nmax_connections = 20\nautovacuum = off\n\
                        full_page_writes = off\nwal_level = replica";

#[derive(Default)]
struct Figures(BTreeMap<String, Vec<f64>>);

impl Figures {
    async fn time<T>(&mut self, what: &str, work: impl Future<Output = T>) -> T {
        let started = Instant::now();
        let done = work.await;
        self.0.entry(what.into()).or_default().push(started.elapsed().as_secs_f64());
        done
    }

    fn median(&self, what: &str) -> f64 {
        let mut seconds = self.0[what].clone();
        seconds.sort_by(f64::total_cmp);
        seconds[seconds.len() / 2]
    }

    /// Prints the ratio of the medians and gives it.
    fn ratio(&self, what: &str, to: &str) -> f64 {
        let ratio = self.median(what) / self.median(to);
        println!("{what} / {to}: {ratio:.2}");
        ratio
    }
}

async fn sessions(server: &OwnServer, count: usize) -> Vec<Session> {
    let mut sessions = Vec::new();
    while sessions.len() < count {
        let session = server.connect().await;
        session.client().batch_execute("SET jit = off").await.unwrap();
        sessions.push(session);
    }
    sessions
}

fn pairs<'a>(left: &'a [Session], right: &'a [Session], version: u32) -> Vec<Pair<'a>> {
    let side = |session| Side { session, version };
    left.iter().zip(right).map(|(left, right)| Pair { left: side(left), right: side(right) }).collect()
}

/// With so many processes: the leader and its workers.
async fn processes(session: &Session, count: usize) {
    let workers = format!("SET max_parallel_workers_per_gather = {}", count - 1);
    session.client().batch_execute(&workers).await.unwrap();
}

async fn count(session: &Session) -> i64 {
    session.client().query_one("SELECT count(*) FROM public.pgbench_accounts", &[]).await.unwrap().get(0)
}

/// `pg_dump` of the table into a digest.
fn dump(server: &OwnServer) {
    let mut dump = command("pg_dump");
    dump.args(["--host=127.0.0.1", "--username=postgres", "--data-only", "--table=public.pgbench_accounts"]);
    dump.args(["--port", &server.port().to_string(), "postgres"]).stdout(std::process::Stdio::piped());
    let mut dump = dump.spawn().unwrap();
    let digest = Command::new("sha256sum").stdin(dump.stdout.take().unwrap()).output().unwrap();
    assert!(dump.wait().unwrap().success() && digest.status.success());
}

/// reladiff in a venv of its own; `None` where it cannot be installed.
fn install_reladiff(folder: &std::path::Path) -> Option<std::path::PathBuf> {
    let succeeds = |command: &mut Command| command.output().is_ok_and(|output| output.status.success());
    let venv = folder.join("venv");
    let python = std::env::var_os("LIFEBOAT_PYTHON").unwrap_or_else(|| "python3".into());
    let made = succeeds(Command::new(python).args(["-m", "venv"]).arg(&venv));
    let pip = ["install", "--quiet", "reladiff", "psycopg2-binary"];
    (made && succeeds(Command::new(venv.join("bin/pip")).args(pip))).then(|| venv.join("bin/reladiff"))
}

fn reladiff(program: &std::path::Path, source: &OwnServer, copy: &OwnServer) -> String {
    let url = |server: &OwnServer| format!("postgresql://postgres@127.0.0.1:{}/postgres", server.port());
    let mut command = Command::new(program);
    command.arg(url(source)).arg("pgbench_accounts").arg(url(copy)).arg("pgbench_accounts");
    command.args(["-k", "aid", "-c", "bid", "-c", "abalance", "-c", "filler"]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

async fn shape(session: &Session) -> TableShape {
    table_shape(session, "public", "pgbench_accounts").await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a benchmark of minutes"]
async fn validation() {
    let source = OwnServer::create(SETTINGS).await;
    let mut fill = command("pgbench");
    fill.args(["-i", "-q", "-s", "100", "--host=127.0.0.1", "--username=postgres"]);
    fill.args(["--port", &source.port().to_string(), "postgres"]);
    assert!(fill.output().unwrap().status.success());
    let copy = source.copy().await;
    let (left, right) = (sessions(&source, 2).await, sessions(&copy, 2).await);
    let version = connection_limits(&left[0]).await.unwrap().version;
    let shape = shape(&left[0]).await;
    let all = Filter::default();
    let folder = tempfile::tempdir().unwrap();
    let reladiff_program = install_reladiff(folder.path());
    for session in [&left[0], &right[0]] {
        session.client().batch_execute("VACUUM ANALYZE public.pgbench_accounts").await.unwrap();
        assert_eq!(count(session).await, 10_000_000);
    }
    let mut figures = Figures::default();
    for _ in 0..ROUNDS {
        for workers in [1, 2] {
            processes(&left[0], workers).await;
            figures.time(&format!("count(*), {workers}"), count(&left[0])).await;
            let digest = table_digest(&left[0], &shape, version, &all);
            figures.time(&format!("digest, {workers}"), digest).await.unwrap();
            let pairs = pairs(&left[..workers], &right[..workers], version);
            let found = figures
                .time(&format!("two servers, {workers}"), compare(&pairs, &shape, &all))
                .await
                .unwrap();
            assert!(found.is_same());
            let change = async |change: &str| {
                let sql =
                    format!("UPDATE public.pgbench_accounts SET abalance = {change} WHERE aid = 6543210");
                right[0].client().batch_execute(&sql).await.unwrap();
            };
            change("7").await;
            let found = figures
                .time(&format!("one row found, {workers}"), compare(&pairs, &shape, &all))
                .await
                .unwrap();
            assert_eq!(found.rows, [DifferentRow::Changed(vec!["6543210".into()])]);
            if let (1, Some(program)) = (workers, &reladiff_program) {
                let output =
                    figures.time("reladiff finds one row", async { reladiff(program, &source, &copy) }).await;
                assert!(output.contains("6543210"), "{output}");
            }
            change("0").await;
        }
        figures.time("pg_dump | sha256sum", async { dump(&source) }).await;
        if let Some(program) = &reladiff_program {
            let output = figures.time("reladiff", async { reladiff(program, &source, &copy) }).await;
            assert_eq!(output.trim(), "");
        }
    }
    println!("load: {}", std::fs::read_to_string("/proc/loadavg").unwrap().trim());
    for (what, seconds) in &figures.0 {
        println!("{what}: {:.2} s of {seconds:.2?}", figures.median(what));
    }
    for workers in [1, 2] {
        let name = |what: &str| format!("{what}, {workers}");
        let limits = [
            (figures.ratio(&name("digest"), &name("count(*)")), 5.0),
            (figures.ratio(&name("two servers"), &name("digest")), 2.2),
            (figures.ratio(&name("one row found"), &name("digest")), 3.0),
        ];
        figures.ratio(&name("digest"), "pg_dump | sha256sum");
        if reladiff_program.is_some() {
            figures.ratio("reladiff finds one row", &name("one row found"));
            // As the drill does it, it has two sessions a side.
            let times_faster = figures.ratio("reladiff", &name("two servers"));
            assert!(workers == 1 || times_faster >= 5.0, "{times_faster:.2} times as fast as reladiff");
        }
        assert!(
            limits.iter().all(|(ratio, most)| ratio <= most),
            "with {workers}: {limits:.2?} (ratio, at most)"
        );
    }
    if reladiff_program.is_none() {
        println!("reladiff: not measured, it could not be installed");
    }
}
