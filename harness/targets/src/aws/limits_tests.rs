//! Every client of every service ends a call within its limits, whatever the server does; and each limit ends what it is for,
//! before another would.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};
use lifeboat_model::{Environment, Provider};
use rstest::rstest;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::connection::Retries;
use super::kept::{Source, tests::Issuer};
use super::limits::{ATTEMPT, CONNECT, CREDENTIALS, OPERATION, READ};
use super::{Aws, AwsError, pause};

/// What a loaded machine may add to a limit.
const MORE: Duration = Duration::from_secs(20);

/// One call by the client of that name, made once. A client that is new has no line here, and fails the test for it.
fn call<'a>(aws: &'a Aws, service: &str) -> BoxFuture<'a, Result<(), AwsError>> {
    macro_rules! asked {
        ($call:expr) => {
            async move { $call.send().await.map(drop).map_err(|error| AwsError::of("X", &error)) }.boxed()
        };
    }
    match service {
        "cloudwatch" => asked!(aws.cloudwatch().describe_alarms()),
        "dynamodb" => asked!(aws.dynamodb().list_tables()),
        "kms" => asked!(aws.kms().list_keys()),
        "rds" => asked!(aws.rds().describe_db_instances()),
        "s3" => asked!(aws.s3().list_buckets()),
        "secretsmanager" => asked!(aws.secretsmanager().get_secret_value().secret_id("x")),
        "sesv2" => asked!(aws.sesv2().get_account()),
        "sns" => asked!(aws.sns().list_topics()),
        "sts" => asked!(aws.sts().get_caller_identity()),
        other => panic!("the client `{other}` is called nowhere here: add a line"),
    }
}

async fn connection(port: u16) -> Aws {
    let environment = Environment {
        endpoint: Some(format!("http://127.0.0.1:{port}")),
        ..Environment::new("test", Provider::Sandbox, "us-east-1")
    };
    Aws::connect(&environment).await
}

/// How the SDK names the limit that ended a call.
fn named(limit: Duration) -> String {
    let what = match limit {
        CONNECT => "HTTP connect timeout",
        READ => "HTTP read timeout",
        ATTEMPT => "operation attempt timeout (single attempt)",
        _ => "operation timeout (all attempts including retries)",
    };
    format!("{what} occurred after {limit:?}")
}

/// Calls with every client at once; each has to end by this limit, and not by another. How often calls were made again.
async fn all_end(port: u16, limit: Duration) -> u64 {
    let aws = connection(port).await;
    assert!(Aws::SERVICES.len() >= 4, "{:?}", Aws::SERVICES);
    let calls = Aws::SERVICES.iter().map(|service| async {
        let began = Instant::now();
        let ended = timeout(limit + MORE, call(&aws, service)).await;
        (*service, ended, began.elapsed())
    });
    for (service, ended, took) in join_all(calls).await {
        let error = ended.unwrap_or_else(|_| panic!("{service}: no end within {:?}", limit + MORE));
        let error = error.expect_err("an answer that never ends is none");
        assert_eq!(error.code, "timeout", "{service}: {error}");
        assert!(error.message.contains(&named(limit)), "{service}: not by the limit of {limit:?}: {error}");
        assert!(took >= limit, "{service}: {took:?}, {error}");
    }
    aws.retries().values().sum()
}

#[derive(Debug, Clone, Copy)]
enum Way {
    Silent,
    HeadersAlone,
    Drips,
    /// The first request of each call gets this after a while, the second drips.
    RefusesAndDrips,
}

/// Less than [`READ`], and so much that the second request has more than is left of [`OPERATION`].
const REFUSES_AFTER: Duration = Duration::from_secs(8);

async fn serve(mut stream: TcpStream, way: Way) {
    let mut request = [0; 8192];
    let read = stream.read(&mut request).await.unwrap_or_default();
    let way = match way {
        // The SDK says so itself.
        Way::RefusesAndDrips if String::from_utf8_lossy(&request[..read]).contains("attempt=1") => {
            pause(REFUSES_AFTER).await;
            let refusal =
                "HTTP/1.1 403 Forbidden\r\nContent-Length: 12\r\nConnection: close\r\n\r\nExpiredToken";
            let _ = stream.write_all(refusal.as_bytes()).await;
            return;
        }
        Way::RefusesAndDrips => Way::Drips,
        way => way,
    };
    if matches!(way, Way::HeadersAlone | Way::Drips) {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 100000\r\n\r\n";
        let _ = stream.write_all(head.as_bytes()).await;
    }
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if matches!(way, Way::Drips) && stream.write_all(b" ").await.is_err() {
            return;
        }
    }
}

#[rstest]
#[case::silent(Way::Silent, READ, 0)]
#[case::headers_alone(Way::HeadersAlone, ATTEMPT, 0)]
#[case::drips(Way::Drips, ATTEMPT, 0)]
#[case::refuses_and_drips(Way::RefusesAndDrips, OPERATION, 1)]
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_come_to_an_end_is_given_up(
    #[case] way: Way,
    #[case] limit: Duration,
    #[case] again: u64,
) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, way));
        }
    });
    assert_eq!(all_end(port, limit).await, again * Aws::SERVICES.len() as u64);
    serving.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_does_not_come_is_given_up() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    // Nobody accepts: once its queue is full, a connection waits.
    let mut waiting = Vec::new();
    while let Ok(connected) = timeout(Duration::from_secs(1), TcpStream::connect(address)).await {
        waiting.push(connected.unwrap());
        assert!(waiting.len() < 100, "the queue is never full");
    }
    assert_eq!(all_end(address.port(), CONNECT).await, 0, "one attempt each");
}

/// Whoever gives credentials does not answer: each call ends before its own limits, so that its error names what is missing.
#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_do_not_come_are_given_up() {
    let issuer = Issuer::of(ATTEMPT * 100, 1);
    issuer.hold();
    let http = aws_smithy_http_client::Builder::new().build_http();
    let environment = Environment::new("test", Provider::Sandbox, "us-east-1");
    let aws = Aws::with(&environment, http, Source::Test(issuer), &Retries::default()).await;
    // They all wait for one answer, and the first of them asks.
    let began = Instant::now();
    let calls = Aws::SERVICES.iter().map(|service| async {
        let ended = timeout(CREDENTIALS + MORE, call(&aws, service)).await;
        (*service, ended, began.elapsed())
    });
    for (service, ended, took) in join_all(calls).await {
        let error = ended.unwrap_or_else(|_| panic!("{service}: no end within {:?}", CREDENTIALS + MORE));
        let error = error.expect_err("without credentials nothing is asked");
        assert_eq!(error.code, "no-credentials-now", "{service}: {error}");
        let said = format!("within {} s", CREDENTIALS.as_secs());
        assert!(error.message.contains(&said), "{service}: {error}");
        assert!(took >= CREDENTIALS, "{service}: {took:?}, {error}");
    }
}

#[test]
fn the_limits_are_in_their_order() {
    assert!(CONNECT < READ && READ < ATTEMPT && ATTEMPT < OPERATION);
    assert!(CREDENTIALS < ATTEMPT, "or their error is not told");
    assert!(REFUSES_AFTER < READ && REFUSES_AFTER + ATTEMPT > OPERATION, "or the test shows nothing");
}
