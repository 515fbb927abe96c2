//! The probe streams of a drill on a PostgreSQL server, and how many attempts each may have under way.

use std::time::Duration;

use lifeboat_engine::{Context, Params, StepError, wait_for};
use lifeboat_model::Stream;
use lifeboat_targets::postgres::{LedgerTable, Server, connect_probe, pinned_probe, read_probe, write_probe};
use lifeboat_targets::{dns_probe, http_probe};

use crate::access::session_name;

/// The most attempts that may be under way at once, over all streams.
const MOST_IN_FLIGHT: u32 = 20;

/// How many attempts each stream may have under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slots {
    /// The ledger's writers.
    pub write: u32,
    /// Readers.
    pub read: u32,
    /// Fresh connections.
    pub connect: u32,
}

impl Slots {
    /// A tenth of the free connections and at most 20, with one for the pinned connection.
    pub fn within(free: u32) -> Self {
        let budget = (free / 10).clamp(4, MOST_IN_FLIGHT) - 1;
        let write = (budget / 2).max(1);
        let read = (budget / 4).max(1);
        Self { write, read, connect: budget.saturating_sub(write + read).max(1) }
    }
}

/// Starts the streams: connect, pinned, read, write if there is a ledger table, dns and http where there is something
/// to ask.
///
/// # Errors
/// If the application's health address is none.
pub fn start(
    context: &Context,
    params: &Params,
    server: &Server,
    table: Option<&LedgerTable>,
    slots: Slots,
    app_health: Option<&str>,
) -> Result<(), String> {
    let (interval, deadline) = (params.probe.interval, params.probe.deadline);
    let slow = params.probe.api_interval;
    let http = app_health
        .map(|address| http_probe(address, slow, deadline.max(Duration::from_secs(2))))
        .transpose()?;
    let name = |role: &str| session_name(params, role);
    let probes = context.probes();
    if let Some(table) = table {
        probes.start(write_probe(server.clone(), &name("write"), table, slots.write, interval, deadline));
    }
    probes.start(read_probe(server.clone(), &name("read"), slots.read, interval, deadline));
    probes.start(pinned_probe(server.clone(), &name("pinned"), interval, deadline));
    probes.start(connect_probe(server.clone(), &name("connect"), slots.connect, interval, deadline));
    if let Some(probe) = dns_probe(&server.reference().host, slow, deadline) {
        probes.start(probe);
    }
    if let Some(probe) = http {
        probes.start(probe);
    }
    Ok(())
}

/// Waits until each of these streams has answered for `quiet` without a failure: else what is measured later is not the
/// fault.
///
/// # Errors
/// What was in the way last, after 45 seconds.
pub async fn await_quiet(context: &Context, wanted: &[Stream], quiet: Duration) -> Result<(), StepError> {
    let began = context.now();
    wait_for("a steady state", Duration::from_millis(50), Duration::from_secs(45), || async {
        let now = context.now();
        if now.since(began) < quiet {
            return Err("the first attempts".to_owned());
        }
        let since = now.before(quiet);
        for stream in wanted {
            let seen = context.probes().seen(*stream, since);
            if let Some(failure) = seen.iter().find(|a| !a.ok()) {
                return Err(format!("stream {} failed: {}", stream.name(), failure.failure_text()));
            }
            if seen.is_empty() {
                return Err(format!("stream {} has no answer yet", stream.name()));
            }
        }
        Ok(())
    })
    .await
    .map_err(StepError::failed)
}

/// The stream that the recovery time is taken from.
pub fn leading(writes: bool) -> Stream {
    if writes { Stream::Write } else { Stream::Read }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_more_than_a_tenth_nor_than_twenty() {
        for (free, most) in [(70, 7), (90, 9), (200, 20), (5_000, 20)] {
            let slots = Slots::within(free);
            let all = 1 + slots.write + slots.read + slots.connect;
            assert!(all <= most, "{free} free: {slots:?}");
            assert!(slots.write >= slots.read);
        }
        // A server that is nearly full still gets one of each: four is the least that measures anything.
        assert_eq!(Slots::within(3), Slots { write: 1, read: 1, connect: 1 });
    }
}
