//! Who is trusted over TLS: a server of the test's own, with certificates of CAs of the test's own.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "validate/own_server.rs"]
#[expect(dead_code, reason = "the tests of the validation use the rest")]
mod own_server;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lifeboat_model::{Secret, ServerRef, ServerTls};
use lifeboat_targets::postgres::{PgError, Server, Session};
use nix::unistd::{User, geteuid};
use own_server::OwnServer;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use tempfile::TempDir;
use tokio::time::{Instant, timeout};

const LIMIT: Duration = Duration::from_secs(20);

/// A CA, and the file with its certificate.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    file: PathBuf,
}

impl Authority {
    fn new(folder: &TempDir, name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let file = folder.path().join(format!("{name}.pem"));
        std::fs::write(&file, params.self_signed(&key).unwrap().pem()).unwrap();
        Self { issuer: Issuer::new(params, key), file }
    }

    /// Puts a certificate of this CA for the name into a server's data folder.
    fn certify(&self, data: &Path, name: &str, until_year: i32) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_after = date_time_ymd(until_year, 1, 1);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        for (name, text) in [("server.crt", certificate.pem()), ("server.key", key.serialize_pem())] {
            let path = data.join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
            if geteuid().is_root() {
                let user = User::from_name("postgres").unwrap().unwrap();
                std::os::unix::fs::chown(&path, Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
            }
        }
    }
}

/// What lets nobody in without TLS but the superuser, who is needed to see whether it runs.
const HBA: &str = "host all postgres 127.0.0.1/32 trust\nhostssl all drill 127.0.0.1/32 scram-sha-256\n";

/// The role that asks for a password.
fn drill(own: &OwnServer, ca: &Path) -> Server {
    let tls = Some(ServerTls { ca: Some(ca.display().to_string()), name: None });
    let reference = ServerRef { user: "drill".into(), tls, ..own.server().reference().clone() };
    Server::new(reference, Secret::new("of the drill".into()))
}

/// A server with a certificate.
async fn certified(authority: &Authority, name: &str, until_year: i32) -> OwnServer {
    let mut own = OwnServer::create("password_encryption = 'scram-sha-256'").await;
    own.connect()
        .await
        .client()
        .batch_execute("CREATE ROLE drill LOGIN PASSWORD 'of the drill'")
        .await
        .unwrap();
    own.stop();
    std::fs::write(own.data().join("pg_hba.conf"), HBA).unwrap();
    authority.certify(&own.data(), name, until_year);
    let path = own.data().join("postgresql.auto.conf");
    let conf = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{conf}ssl = on\n")).unwrap();
    own.start().await;
    own
}

async fn refused(server: &Server) -> PgError {
    let error = server.connect("refused", LIMIT).await.map(drop).unwrap_err();
    assert!(error.distrust && error.code.is_none(), "{error:?}");
    assert!(!error.is_passing(), "waiting does not help: {error}");
    assert!(error.advice().contains("tls_ca"), "{}", error.advice());
    error
}

async fn is_encrypted(session: &Session) -> bool {
    let asked = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    session.client().query_one(asked, &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_trusted_by_its_ca_its_name_and_its_dates() {
    let folder = tempfile::tempdir().unwrap();
    let (right, wrong) = (Authority::new(&folder, "right"), Authority::new(&folder, "wrong"));
    let own = certified(&right, "127.0.0.1", 3000).await;
    let server = drill(&own, &right.file);
    let session = server.connect("trusted", LIMIT).await.unwrap();
    assert!(is_encrypted(&session).await);
    // Without TLS, the server itself lets nobody in.
    let plain = Server::new(
        ServerRef { tls: None, ..server.reference().clone() },
        Secret::new("of the drill".into()),
    );
    let error = plain.connect("plain", LIMIT).await.map(drop).unwrap_err();
    assert_eq!(error.code.as_deref(), Some("28000"), "{error:?}");
    assert!(error.advice().contains("verify-full"), "{}", error.advice());

    let error = refused(&drill(&own, &wrong.file)).await;
    assert!(error.text.contains("UnknownIssuer"), "{error}");
    // At the end of a tunnel it has another name, and that is the one that counts.
    let error = refused(&server.clone().with_certificate_of("orders.example.com")).await;
    assert!(error.text.contains("orders.example.com"), "{error}");
    let error = refused(&drill(&own, &folder.path().join("none.pem"))).await;
    assert!(error.text.contains("none.pem"), "{error}");
    let nothing = folder.path().join("nothing.pem");
    std::fs::write(&nothing, "").unwrap();
    let error = refused(&drill(&own, &nothing)).await;
    assert!(error.text.contains("no certificate in it"), "{error}");
    session.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_certificate_is_of_the_end_of_the_tunnel() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(&folder, "right");
    let own = certified(&authority, "orders.example.com", 3000).await;
    let server = drill(&own, &authority.file);
    let error = refused(&server).await;
    assert!(error.text.contains("127.0.0.1") || error.text.contains("orders.example.com"), "{error}");
    let session = server.with_certificate_of("orders.example.com").connect("tunnel", LIMIT).await.unwrap();
    assert!(is_encrypted(&session).await);
    session.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_certificate_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(&folder, "right");
    let own = certified(&authority, "127.0.0.1", 2020).await;
    let error = refused(&drill(&own, &authority.file)).await;
    assert!(error.text.contains("expired"), "{error}");
}

/// It would let the role in without.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_gets_no_password() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(&folder, "right");
    let own = OwnServer::create("").await;
    let tls = Some(ServerTls { ca: Some(authority.file.display().to_string()), name: None });
    let reference = ServerRef { tls, ..own.server().reference().clone() };
    let error = refused(&Server::new(reference, Secret::new(String::new()))).await;
    assert!(error.text.contains("does not support TLS"), "{error}");
}

/// A statement that owes an answer is cancelled over TLS as well: at once, not when it ends.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_given_up_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(&folder, "right");
    let own = certified(&authority, "127.0.0.1", 3000).await;
    let session = drill(&own, &authority.file).connect("hangs", LIMIT).await.unwrap();
    let query = session.client().simple_query("SELECT pg_sleep(600)");
    assert!(timeout(Duration::from_millis(500), query).await.is_err(), "it hangs");
    let look = own.connect().await;
    let count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'hangs'";
    let before: i64 = look.client().query_one(count, &[]).await.unwrap().get(0);
    assert_eq!(before, 1);
    let began = Instant::now();
    session.give_up(LIMIT).await;
    assert!(began.elapsed() < LIMIT, "{:?}", began.elapsed());
    let after: i64 = look.client().query_one(count, &[]).await.unwrap().get(0);
    assert_eq!(after, 0, "its server process has ended");
}
