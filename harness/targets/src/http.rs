//! Clients of HTTP addresses that a plan gives; those that say whether something is healthy, and the `http` stream of looks at
//! an application's.

use std::sync::Arc;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use http_body_util::Empty;
use hyper::body::{Body, Bytes};
use hyper::header::{AUTHORIZATION, HeaderValue};
use hyper::{Request, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, ResponseFuture};
use hyper_util::rt::TokioExecutor;
use lifeboat_engine::{Probe, Tried};
use lifeboat_model::{AttemptOutcome, Stream};
use percent_encoding::percent_decode_str;

/// A client that opens a connection for each request, as a load balancer does, and follows no redirect.
pub(crate) type HttpClient<B> = Client<HttpsConnector<HttpConnector>, B>;

/// A client for the address that the plan calls `key`. Certificates are held against the system's CAs. A TCP connection may take
/// as long as `connect`, or as the system tries.
///
/// # Errors
/// If the system has no CA certificates.
pub(crate) fn client<B>(key: &str, connect: Option<Duration>) -> Result<HttpClient<B>, String>
where
    B: Body + Send,
    B::Data: Send,
{
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_connect_timeout(connect);
    let https = HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
        .map_err(|error| format!("the system's CA certificates, for {key}, cannot be read: {error}"))?
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    Ok(Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(https))
}

/// An address of a plan that says whether something is healthy. It may hold a secret and is in no message.
pub(crate) struct Health {
    client: HttpClient<Empty<Bytes>>,
    uri: Uri,
    /// What the address says before its `@`.
    authorization: Option<HeaderValue>,
}

impl Health {
    /// `key` is what the plan calls it.
    ///
    /// # Errors
    /// If the address is not an absolute one, or the system has no CA certificates.
    pub(crate) fn new(key: &str, address: &str) -> Result<Self, String> {
        let (uri, authorization) = parts_of(key, address)?;
        Ok(Self { client: client(key, None)?, uri, authorization })
    }

    /// Asks once.
    pub(crate) fn get(&self) -> ResponseFuture {
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = self.uri.clone();
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        self.client.request(request)
    }
}

/// The address without what stands before its `@`, and that as a header for basic authentication (RFC 7617).
pub(crate) fn parts_of(key: &str, address: &str) -> Result<(Uri, Option<HeaderValue>), String> {
    let uri: Uri = address.parse().map_err(|error| format!("{key} is not an address: {error}"))?;
    let (Some("http" | "https"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(format!("{key} has to begin with http:// or https://"));
    };
    let after_host = authority.as_str().rsplit(['@', ']']).next().unwrap_or_default();
    if after_host.contains(':') && authority.port().is_none() {
        return Err(format!("{key} has a port that is no number"));
    }
    let Some((user, place)) = authority.as_str().rsplit_once('@') else { return Ok((uri, None)) };
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let mut plain: Vec<u8> = percent_decode_str(name).collect();
    plain.push(b':');
    plain.extend(percent_decode_str(password));
    let value = HeaderValue::try_from(format!("Basic {}", BASE64_STANDARD.encode(plain)));
    let mut value = value.map_err(|_| format!("{key} has a user that no header can hold"))?;
    value.set_sensitive(true);
    let place = place.parse().map_err(|error| format!("{key} is not an address: {error}"))?;
    let mut parts = uri.into_parts();
    parts.authority = Some(place);
    let uri = Uri::from_parts(parts).map_err(|error| format!("{key} is not an address: {error}"))?;
    Ok((uri, Some(value)))
}

/// A stream of GETs; an answer below 400 is healthy.
///
/// # Errors
/// If the address is not an absolute one, or the system has no CA certificates.
pub fn http_probe(address: &str, interval: Duration, deadline: Duration) -> Result<Probe, String> {
    let health = Health::new("app_health", address)?;
    Ok(Probe {
        stream: Stream::Http,
        interval,
        deadline,
        slots: 4,
        holds: false,
        ready: Arc::new(|_| true),
        call: Arc::new(move |_, _| {
            let asked = health.get();
            Box::pin(async move {
                match asked.await {
                    Ok(answer) if answer.status().as_u16() < 400 => Tried::ok(),
                    Ok(answer) => Tried {
                        outcome: AttemptOutcome::Refused,
                        code: Some(answer.status().as_str().to_owned()),
                        text: None,
                    },
                    Err(error) => {
                        Tried { outcome: AttemptOutcome::Refused, code: None, text: Some(error.to_string()) }
                    }
                }
            })
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_in_an_address_is_sent_and_is_not_in_it_any_more() {
        let parts = |address| {
            let (uri, header) = parts_of("http", address).expect(address);
            (uri.to_string(), header.map(|value| value.to_str().expect("text").to_owned()))
        };
        assert_eq!(parts("http://shop.example:80/up?x=1"), ("http://shop.example:80/up?x=1".into(), None));
        // As `curl -u shop:p@ss:w` sends it.
        let with_user = parts("https://shop:p%40ss:w@shop.example:80/up?x=1");
        let header = Some("Basic c2hvcDpwQHNzOnc=".to_owned());
        assert_eq!(with_user, ("https://shop.example:80/up?x=1".into(), header));
        assert_eq!(parts("http://shop@h/").1, Some("Basic c2hvcDo=".to_owned()));
    }

    #[test]
    fn what_is_wrong_with_an_address_is_said_without_it() {
        for address in
            ["ftp://shop:hunter2@h/", "http://shop:hunter2@", "hunter2", "http://shop:hunter2@h:port/", ""]
        {
            let error = parts_of("http", address).expect_err(address);
            assert!(error.starts_with("http ") && !error.contains("hunter2"), "{error}");
        }
    }
}
