//! Notices over HTTP. The address, the token and what a server answers may hold a secret: none of them is in any message, and
//! of an answer its status alone is told.

use std::error::Error as _;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use hyper::{Method, Request, StatusCode, Uri};
use lifeboat_model::Secret;

use super::tried::{Unsent, twice};
use crate::http::{HttpClient, client, parts_of};
use crate::is_loopback;

/// How long a connection may take: short of a try, so that one that surely reached nobody is told from one that may have.
const CONNECT: Duration = Duration::from_secs(3);

/// Where something is sent.
pub struct Post {
    client: HttpClient<Full<Bytes>>,
    uri: Uri,
    authorization: Option<HeaderValue>,
}

/// What is sent.
pub struct Letter<'a> {
    /// With which method.
    pub method: Method,
    /// What is added to the path of the address.
    pub path: &'a str,
    /// What it is.
    pub content_type: &'static str,
    /// The body.
    pub body: &'a str,
}

impl Post {
    /// # Errors
    /// What [`check`] says, or that the system has no CA certificates.
    pub fn new(url: &Secret, bearer: Option<&Secret>) -> Result<Self, String> {
        let (uri, mut authorization) = check(url)?;
        if let Some(bearer) = bearer {
            if authorization.is_some() {
                return Err("bearer: the url has a user already; drop one of the two".into());
            }
            let mut value = HeaderValue::try_from(format!("Bearer {}", bearer.expose()))
                .map_err(|_| "bearer: no header can hold this token; look for a line feed in it")?;
            value.set_sensitive(true);
            authorization = Some(value);
        }
        Ok(Self { client: client("url", Some(CONNECT))?, uri, authorization })
    }

    /// Sends it. An answer of 2xx is taken for its having arrived.
    ///
    /// # Errors
    /// Why not, without the address.
    pub async fn send(&self, letter: Letter<'_>) -> Result<(), String> {
        let request = self.request(&letter)?;
        twice(|| async {
            match self.client.request(request.clone()).await {
                Ok(answer) => taken(answer.status()),
                Err(error) => Err(self.unanswered(&error)),
            }
        })
        .await
    }

    fn request(&self, letter: &Letter<'_>) -> Result<Request<Full<Bytes>>, String> {
        let mut request = Request::new(Full::new(Bytes::copy_from_slice(letter.body.as_bytes())));
        *request.method_mut() = letter.method.clone();
        *request.uri_mut() = self.below(letter.path)?;
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(letter.content_type));
        headers.insert(USER_AGENT, HeaderValue::from_static("lifeboat"));
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        Ok(request)
    }

    /// The address with more of a path.
    fn below(&self, path: &str) -> Result<Uri, String> {
        if path.is_empty() {
            return Ok(self.uri.clone());
        }
        let wrong = || "url: the path of the metrics cannot be added to it".to_owned();
        let whole = format!("{}{path}", self.uri.path().trim_end_matches('/'));
        let mut parts = self.uri.clone().into_parts();
        parts.path_and_query = Some(whole.parse().map_err(|_| wrong())?);
        Uri::from_parts(parts).map_err(|_| wrong())
    }

    /// Why there was no answer. The causes of an error may name the host, which may be a secret as well.
    fn unanswered(&self, error: &hyper_util::client::legacy::Error) -> Unsent {
        let mut causes = Vec::new();
        let mut next = error.source();
        while let Some(cause) = next {
            causes.push(cause.to_string());
            next = cause.source();
        }
        let mut causes = causes.join(": ");
        if let Some(host) = self.uri.host() {
            causes = causes.replace(host.trim_matches(['[', ']']), "its host");
        }
        match error.is_connect() {
            true => Unsent { why: format!("no connection: {causes}"), again: true },
            false => Unsent { why: format!("no answer: {causes}; it may have arrived"), again: false },
        }
    }
}

/// The address, and what stands before its `@` as a header.
///
/// # Errors
/// If it is none, or one that everybody on the way could read.
pub fn check(url: &Secret) -> Result<(Uri, Option<HeaderValue>), String> {
    let (uri, authorization) = parts_of("url", url.expose())?;
    if uri.scheme_str() == Some("http") && !is_loopback(&uri.to_string()) {
        return Err("url: it is http to another machine, where everybody on the way could read and change it; give an \
                    https address, or one on this machine (a proxy, a tunnel)"
            .into());
    }
    Ok((uri, authorization))
}

fn taken(status: StatusCode) -> Result<(), Unsent> {
    if status.is_success() {
        return Ok(());
    }
    let why = match status {
        _ if status.is_redirection() => {
            format!("it answers {status}, and redirects are not followed; give the address that it leads to")
        }
        _ => format!("it answers {status}"),
    };
    // The only one that says that nothing was done and that it would be in a moment.
    Err(Unsent { why, again: status == StatusCode::TOO_MANY_REQUESTS })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn checked(url: &str) -> Result<(), String> {
        check(&Secret::new(url.into())).map(drop)
    }

    #[rstest]
    #[case("http://hooks.example.com/hunter2")]
    #[case("http://10.0.0.1/hunter2")]
    #[case("http://localhost@hunter2.example.com/")]
    #[case("ftp://127.0.0.1/hunter2")]
    #[case("hunter2")]
    #[case("https://hunter2:443x/")]
    #[case("")]
    fn what_others_could_read_is_refused_without_being_told(#[case] url: &str) {
        let error = checked(url).expect_err(url);
        assert!(error.starts_with("url") && !error.contains("hunter2"), "{error}");
    }

    #[rstest]
    #[case("https://hooks.example.com/hunter2")]
    #[case("http://127.0.0.1:9091")]
    #[case("http://[::1]:9091/x")]
    #[case("http://localhost:9091")]
    #[case("https://me:pass@push.example.com/")]
    fn these_are_taken(#[case] url: &str) {
        assert_eq!(checked(url), Ok(()));
    }

    #[test]
    fn the_path_of_metrics_goes_below_the_address() {
        let below = |url: &str| {
            let post = Post::new(&Secret::new(url.into()), None).expect("an address");
            post.below("/metrics/job/x").expect("an address").to_string()
        };
        assert_eq!(below("https://h"), "https://h/metrics/job/x");
        assert_eq!(below("https://h:1/push/"), "https://h:1/push/metrics/job/x");
    }

    /// The system drops what comes for a listener whose queue is full, as a firewall does.
    #[tokio::test]
    async fn where_nobody_takes_connections_it_surely_reached_nobody() {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.bind("127.0.0.1:0".parse().expect("an address")).expect("bound");
        let listener = socket.listen(1).expect("it listens");
        let address = listener.local_addr().expect("an address");
        let mut waiting = Vec::new();
        while let Ok(connected) =
            tokio::time::timeout(Duration::from_millis(500), tokio::net::TcpStream::connect(address)).await
        {
            waiting.push(connected.expect("connected"));
        }
        let post = Post::new(&Secret::new(format!("http://{address}/hunter2")), None).expect("an address");
        let letter = Letter { method: Method::POST, path: "", content_type: "text/plain", body: "x" };
        let began = std::time::Instant::now();
        let why = post.send(letter).await.expect_err("nobody takes it");
        assert!(why.starts_with("no connection") && !why.contains("may have arrived"), "{why}");
        assert!(began.elapsed() > CONNECT * 2, "it was tried once");
    }

    #[test]
    fn a_token_that_is_none_is_refused_without_being_told() {
        let secret = |text: &str| Secret::new(text.into());
        let new = |url: &str, bearer: &str| Post::new(&secret(url), Some(&secret(bearer))).err();
        assert_eq!(new("https://h/", "fine"), None);
        let error = new("https://h/", "hunter2\n").expect("no header");
        assert!(error.starts_with("bearer") && !error.contains("hunter2"), "{error}");
        assert!(new("https://a:b@h/", "fine").is_some_and(|error| error.contains("drop one of the two")));
    }
}
