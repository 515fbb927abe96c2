//! A PostgreSQL server of a test's own, and physical copies of it: with a superuser, and with files that can be damaged.

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lifeboat_model::{Secret, ServerRef};
use lifeboat_targets::postgres::{Server, Session};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, geteuid};
use tempfile::TempDir;

const PORTS_TRIED: usize = 5;

/// Free at this moment, and below those that the kernel takes for outgoing connections.
fn free_port() -> u16 {
    let listener = (20_000..32_000)
        .map(|port| port + u16::try_from(std::process::id() % 500).unwrap() * 7)
        .find_map(|port| std::net::TcpListener::bind(("127.0.0.1", port)).ok());
    listener.unwrap().local_addr().unwrap().port()
}

pub struct OwnServer {
    folder: TempDir,
    port: u16,
    running: Option<Child>,
}

/// The newest installed one.
fn program(name: &str) -> PathBuf {
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = installed.map(|entry| entry.path()).max_by_key(|path| {
        path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse::<u32>().ok())
    });
    newest.map_or_else(|| PathBuf::from(name), |folder| folder.join("bin").join(name))
}

/// PostgreSQL refuses to run as root.
pub fn command(name: &str) -> Command {
    let mut command = Command::new(program(name));
    if geteuid().is_root() {
        let user = User::from_name("postgres").unwrap().unwrap();
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    command.current_dir("/").stdin(Stdio::null());
    command
}

fn run(mut command: Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

impl OwnServer {
    fn folder() -> Self {
        let folder = tempfile::tempdir().unwrap();
        if geteuid().is_root() {
            let user = User::from_name("postgres").unwrap().unwrap();
            chown(folder.path(), Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
        }
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        Self { port: 0, folder, running: None }
    }

    /// A fresh one that runs.
    pub async fn create(settings: &str) -> Self {
        let mut server = Self::folder();
        let mut initdb = command("initdb");
        initdb.arg("--pgdata").arg(server.data()).args([
            "--username",
            "postgres",
            "--auth=trust",
            "--no-sync",
        ]);
        initdb.args(["--encoding=UTF8", "--locale=C"]);
        run(initdb);
        let conf = format!(
            "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nfsync = off\n{settings}\n"
        );
        let path = server.data().join("postgresql.auto.conf");
        std::fs::write(path, conf).unwrap();
        server.start().await;
        server
    }

    /// A physical copy that runs.
    pub async fn copy(&self) -> Self {
        let mut copy = self.backup();
        copy.start().await;
        copy
    }

    /// The same as a standby, which follows nobody.
    pub async fn standby(&self) -> Self {
        let mut standby = self.backup();
        let signal = standby.data().join("standby.signal");
        std::fs::write(&signal, "").unwrap();
        standby.start().await;
        standby
    }

    fn backup(&self) -> Self {
        let copy = Self::folder();
        let mut backup = command("pg_basebackup");
        backup.arg("--pgdata").arg(copy.data()).args([
            "--host=127.0.0.1",
            "--username=postgres",
            "--no-sync",
        ]);
        backup.args(["--port", &self.port.to_string(), "--checkpoint=fast", "--wal-method=stream"]);
        run(backup);
        copy
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn server(&self) -> Server {
        let reference = ServerRef {
            target: "own".into(),
            host: "127.0.0.1".into(),
            port: self.port,
            database: "postgres".into(),
            user: "postgres".into(),
            own_sandbox: true,
            instance: None,
            patience_s: 0,
            copy: false,
            tls: None,
            endpoint: None,
        };
        Server::new(reference, Secret::new(String::new()))
    }

    /// On the port that it had, or any; another one if somebody took that in between.
    pub async fn start(&mut self) {
        for _ in 0..PORTS_TRIED {
            if self.port == 0 {
                self.port = free_port();
            }
            if self.start_once().await {
                return;
            }
            self.port = 0;
        }
        panic!("every port was taken by somebody else");
    }

    /// Whether it got its port.
    async fn start_once(&mut self) -> bool {
        let mut postgres = command("postgres");
        postgres.arg("-D").arg(self.data()).args(["-p", &self.port.to_string()]);
        let log_path = self.folder.path().join("log");
        let log = std::fs::File::create(&log_path).unwrap();
        self.running = Some(postgres.stdout(Stdio::null()).stderr(log).spawn().unwrap());
        let started = Instant::now();
        let mut ticks = tokio::time::interval(Duration::from_millis(50));
        loop {
            ticks.tick().await;
            let ended = self.running.as_mut().unwrap().try_wait().unwrap();
            if let Some(status) = ended {
                let said = std::fs::read_to_string(&log_path).unwrap();
                assert!(said.contains("could not bind"), "{status}: {said}");
                self.running = None;
                return false;
            }
            match self.server().connect("test", Duration::from_secs(5)).await {
                Ok(session) => {
                    session.close().await;
                    return true;
                }
                Err(error) => assert!(started.elapsed() < Duration::from_secs(60), "{error}"),
            }
        }
    }

    /// Shuts it down, with everything written to its files.
    pub fn stop(&mut self) {
        self.end(Signal::SIGINT);
    }

    /// Ends all its processes at once, as a crash does: it recovers when it starts.
    pub fn crash(&mut self) {
        self.end(Signal::SIGQUIT);
    }

    fn end(&mut self, signal: Signal) {
        if let Some(mut running) = self.running.take() {
            kill(Pid::from_raw(i32::try_from(running.id()).unwrap()), signal).unwrap();
            running.wait().unwrap();
        }
    }

    pub async fn connect(&self) -> Session {
        self.server().connect("test", Duration::from_secs(5)).await.unwrap()
    }

    /// Where a relation's file is.
    pub async fn file_of(&self, relation: &str) -> PathBuf {
        let row = self
            .connect()
            .await
            .client()
            .query_one("SELECT pg_relation_filepath($1::text::regclass)", &[&relation])
            .await
            .unwrap();
        self.data().join(Path::new(row.get::<_, &str>(0)))
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        self.stop();
    }
}
