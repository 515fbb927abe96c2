//! A bucket of another region, and an object that never ends. What S3 answers is written out here.

use std::sync::{Arc, Mutex};

use lifeboat_model::{Environment, Provider};
use rstest::rstest;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::*;

/// Answers each request with what `answer` makes of it, and keeps it; the connection stays open until the test ends.
async fn serve(answer: impl Fn(&str) -> String + Send + 'static) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = Arc::clone(&asked);
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 16 << 10];
            let read = stream.read(&mut request).await.unwrap_or_default();
            let request = String::from_utf8_lossy(&request[..read]).into_owned();
            let _ = stream.write_all(answer(&request).as_bytes()).await;
            kept.lock().unwrap().push(request);
            open.push(stream);
        }
    });
    (endpoint, asked)
}

async fn aws() -> Aws {
    Aws::connect(&Environment::new("test", Provider::Sandbox, "us-east-1")).await
}

const EMPTY: &str =
    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 37\r\n\r\n<ListBucketResult></ListBucketResult>";

#[rstest]
#[case::told_with_the_bucket("HTTP/1.1 200 OK\r\n", "eu-west-1")]
#[case::told_with_a_refusal("HTTP/1.1 403 Forbidden\r\n", "eu-west-1")]
#[case::told_with_a_redirection("HTTP/1.1 301 Moved Permanently\r\n", "eu-west-1")]
#[case::not_told("HTTP/1.1 403 Forbidden\r\nX-", "us-east-1")]
#[tokio::test]
async fn a_bucket_is_asked_in_its_own_region(#[case] head: &'static str, #[case] region: &str) {
    let (endpoint, asked) = serve(move |request| match request.starts_with("HEAD") {
        true => format!("{head}x-amz-bucket-region: eu-west-1\r\nConnection: close\r\n\r\n"),
        false => EMPTY.into(),
    })
    .await;
    let bucket = Bucket::open(&aws().await, "us-east-1", Some(&endpoint), "drills").await;
    assert_eq!(bucket.keys("a/history/", None).await.unwrap(), Vec::<String>::new());
    let asked = asked.lock().unwrap();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(
        asked[1].starts_with("GET /drills") && asked[1].contains(&format!("/{region}/s3/")),
        "{}",
        asked[1]
    );
}

/// The limits of a call end with the head of its answer.
#[tokio::test]
async fn an_object_that_never_ends_is_given_up() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{";
    let (endpoint, _) = serve(move |_| head.into()).await;
    let aws = aws().await;
    let bucket = Bucket { client: aws.s3_at("us-east-1", Some(&endpoint)), aws, name: "drills".into() };
    let began = Instant::now();
    let error = timeout(READ * 2, bucket.get("x")).await.expect("an end").unwrap_err();
    assert_eq!(error.code, "timeout", "{error}");
    assert!(began.elapsed() >= READ, "{error}");
}

#[tokio::test]
async fn an_object_that_is_no_line_is_not_read_whole() {
    let (endpoint, _) = serve(|_| {
        let length = LONGEST * 3;
        format!(
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{}",
            "x".repeat(length)
        )
    })
    .await;
    let bucket = Bucket::open(&aws().await, "us-east-1", Some(&endpoint), "drills").await;
    let error = bucket.read("history/00000001.json").await.unwrap_err();
    assert!(matches!(&error, StoreError::TooLong { key, .. } if key.ends_with("1.json")), "{error}");
}

/// A put whose first answer is lost: what is there tells whose it is.
#[rstest]
#[case::it_was_done(LISTED, "200 OK", "mine\n", "", true, 1)]
#[case::another_was_first(LISTED, "200 OK", "another's\n", "412 Precondition Failed", false, 2)]
#[case::it_was_not_done(NOT_LISTED, "403 Forbidden", REFUSED, "200 OK", true, 2)]
#[case::it_was_not_done_and_another_comes(NOT_LISTED, "403 Forbidden", REFUSED, "409 Conflict", false, 2)]
#[case::it_was_deleted_meanwhile(LISTED, "404 Not Found", NO_KEY, "200 OK", true, 2)]
#[tokio::test]
async fn a_put_without_an_answer_is_looked_at(
    #[case] list: &'static str,
    #[case] there: &'static str,
    #[case] holds: &'static str,
    #[case] second: &'static str,
    #[case] made: bool,
    #[case] puts: usize,
) {
    let lost = std::sync::atomic::AtomicBool::new(false);
    let (endpoint, asked) = serve(move |request| {
        let answer = |status: &str, body: &str| {
            let length = body.len();
            format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
        };
        match request.starts_with("PUT") {
            true if !lost.swap(true, std::sync::atomic::Ordering::Relaxed) => answer("500 Oh", ""),
            true if second.starts_with("412") => {
                answer(second, "<Error><Code>PreconditionFailed</Code></Error>")
            }
            true if second.starts_with("409") => {
                answer(second, "<Error><Code>ConditionalRequestConflict</Code></Error>")
            }
            true => answer(second, ""),
            false if request.starts_with("GET") && request.contains("list-type=2") => {
                // The policy that is printed allows the list of this prefix, and of no other.
                match request.contains("prefix=history%2F&") || request.contains("prefix=history/&") {
                    true => answer("200 OK", list),
                    false => answer("403 Forbidden", REFUSED),
                }
            }
            false if request.starts_with("GET") => answer(there, holds),
            false => answer("200 OK", ""),
        }
    })
    .await;
    let bucket = Bucket::open(&aws().await, "us-east-1", Some(&endpoint), "drills").await;
    assert_eq!(bucket.put_new("history/00000001.json", b"mine\n").await.unwrap(), made);
    let asked = asked.lock().unwrap();
    let sent: Vec<&String> = asked.iter().filter(|request| request.starts_with("PUT")).collect();
    assert_eq!(sent.len(), puts, "{asked:?}");
    assert!(sent.iter().all(|put| put.to_lowercase().contains("if-none-match: *")), "{asked:?}");
}

/// What is said of an object that is not there to whom the list of the whole bucket is not allowed.
const REFUSED: &str = "<Error><Code>AccessDenied</Code></Error>";
const NOT_LISTED: &str = "<ListBucketResult></ListBucketResult>";
const LISTED: &str =
    "<ListBucketResult><Contents><Key>history/00000001.json</Key></Contents></ListBucketResult>";
const NO_KEY: &str = "<Error><Code>NoSuchKey</Code></Error>";
