//! HTTP addresses that say whether something is healthy, and the `http` stream of looks at an application's.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::Empty;
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use lifeboat_engine::{Probe, Tried};
use lifeboat_model::{AttemptOutcome, Stream};

/// Opens a connection for each request, as a load balancer does.
pub(crate) type HttpClient = Client<HttpsConnector<HttpConnector>, Empty<Bytes>>;

/// An address of a plan, which has to be an absolute one. `key` is what the plan calls it; the address may hold a secret
/// and is not in the error.
pub(crate) fn address_of(key: &str, address: &str) -> Result<hyper::Uri, String> {
    let uri: hyper::Uri = address.parse().map_err(|error| format!("{key} is not an address: {error}"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none() {
        return Err(format!("{key} has to begin with http:// or https://"));
    }
    Ok(uri)
}

/// A client with the system's CA certificates.
pub(crate) fn http_client(key: &str) -> Result<HttpClient, String> {
    let https = HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
        .map_err(|error| format!("the system's CA certificates, for {key}, cannot be read: {error}"))?
        .https_or_http()
        .enable_http1()
        .build();
    Ok(Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(https))
}

/// A stream of GETs; an answer below 400 is healthy.
///
/// # Errors
/// If the address is not an absolute one, or the system has no CA certificates.
pub fn http_probe(address: &str, interval: Duration, deadline: Duration) -> Result<Probe, String> {
    let (uri, client) = (address_of("app_health", address)?, http_client("app_health")?);
    Ok(Probe {
        stream: Stream::Http,
        interval,
        deadline,
        slots: 4,
        holds: false,
        ready: Arc::new(|_| true),
        call: Arc::new(move |_, _| {
            let asked = client.get(uri.clone());
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
