//! The `api` stream: what the control plane says, as context beside what clients see.

use std::sync::Arc;
use std::time::Duration;

use lifeboat_engine::{Probe, Tried};
use lifeboat_model::{AttemptOutcome, Stream};

use super::Rds;

/// A stream of looks at an instance's status. A look that is answered finds the status.
pub fn api_probe(rds: Rds, identifier: &str, interval: Duration, deadline: Duration) -> Probe {
    let identifier = identifier.to_owned();
    Probe {
        stream: Stream::Api,
        interval,
        deadline,
        slots: 2,
        holds: false,
        ready: Arc::new(|_| true),
        call: Arc::new(move |_, _| {
            let (rds, identifier) = (rds.clone(), identifier.clone());
            Box::pin(async move {
                match rds.describe_once(&identifier).await {
                    Ok(instance) => Tried::found(instance.status),
                    Err(error) => Tried {
                        outcome: AttemptOutcome::Refused,
                        code: Some(error.code),
                        text: Some(error.message),
                    },
                }
            })
        }),
    }
}
