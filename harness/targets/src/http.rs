//! The `http` stream: an application's health address.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::Empty;
use hyper::body::Bytes;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use lifeboat_engine::{Probe, Tried};
use lifeboat_model::{AttemptOutcome, Stream};

/// A stream of GETs; an answer below 400 is healthy. Each look opens its own connection, as a load balancer does.
///
/// # Errors
/// If the address is not an absolute one, or the system has no CA certificates.
pub fn http_probe(address: &str, interval: Duration, deadline: Duration) -> Result<Probe, String> {
    let uri: hyper::Uri =
        address.parse().map_err(|error| format!("app_health is not an address: {error}"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none() {
        return Err("app_health has to begin with http:// or https://".into());
    }
    let https = HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
        .map_err(|error| format!("the system's CA certificates, for app_health, cannot be read: {error}"))?
        .https_or_http()
        .enable_http1()
        .build();
    let client: Client<_, Empty<Bytes>> =
        Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(https);
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
