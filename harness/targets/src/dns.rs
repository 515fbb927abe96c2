//! The `dns` stream: what an endpoint's name resolves to.

use std::sync::Arc;
use std::time::Duration;

use lifeboat_engine::{Probe, Tried};
use lifeboat_model::{AttemptOutcome, Stream};

/// A stream of look-ups through the system's resolver; `None` for an address, which resolves to itself.
pub fn dns_probe(host: &str, interval: Duration, deadline: Duration) -> Option<Probe> {
    if host.parse::<std::net::IpAddr>().is_ok() {
        return None;
    }
    let host = host.to_owned();
    Some(Probe {
        stream: Stream::Dns,
        interval,
        deadline,
        slots: 2,
        holds: false,
        ready: Arc::new(|_| true),
        call: Arc::new(move |_, _| {
            let host = host.clone();
            Box::pin(async move {
                match tokio::net::lookup_host((host.as_str(), 0)).await {
                    Ok(found) => {
                        let mut found: Vec<String> = found.map(|address| address.ip().to_string()).collect();
                        found.sort();
                        found.dedup();
                        Tried::found(found.join(" "))
                    }
                    Err(error) => Tried {
                        outcome: AttemptOutcome::Refused,
                        code: Some("dns".into()),
                        text: Some(error.to_string()),
                    },
                }
            })
        }),
    })
}
