//! A thousand answers that no control plane should give, to the clients as the drills use them: each call ends, without a
//! panic, and where it fails says which call of AWS it was. Every case is made from its number, which a failure gives.
//!
//! The answers are those of the sandbox to the same calls, damaged on their way.

mod calls;
mod damage;
mod server;

use std::time::Duration;

use lifeboat_model::{Environment, Provider};
use lifeboat_targets::Aws;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use calls::{CALLS, Clients};
use server::Server;

const CASES: usize = 1_000;

/// So many go on at once: nearly all of it is the waiting between two attempts of a read.
const LANES: usize = 64;

/// How long a call may take, its attempts included, on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);

async fn clients(endpoint: String) -> Clients {
    let environment =
        Environment { endpoint: Some(endpoint), ..Environment::new("test", Provider::Sandbox, "us-east-1") };
    Clients::new(&Aws::connect(&environment).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_damaged_answers_end_in_sentences() {
    let sandbox = super::with_instances(&["orders"]).await;
    super::create(&super::sdk(&sandbox.endpoint()), "carts").await;
    let server = Server::start(&sandbox.endpoint()).await;
    let healthy = clients(server.endpoint(None)).await;
    for (name, words) in CALLS {
        // What each answers in good health, be it a refusal.
        let answered = timeout(LIMIT, healthy.call(name)).await.expect(name);
        assert!(answered.is_ok() || words.iter().any(|word| server.knows(word)), "{name}: {answered:?}");
    }
    sandbox.shutdown().await.unwrap();

    let began = Instant::now();
    let mut lanes = JoinSet::new();
    for lane in 0..LANES {
        let (server, lane_clients) = (server.clone(), clients(server.endpoint(Some(lane))).await);
        lanes.spawn(async move {
            let (mut wrong, mut failed) = (Vec::new(), 0);
            for case in (lane..CASES).step_by(LANES) {
                let (name, words) = CALLS[case % CALLS.len()];
                server.damage(lane, case as u64);
                let asked = lane_clients.clone();
                let call = tokio::spawn(async move { asked.call(name).await });
                let fault = match timeout(LIMIT, call).await {
                    Err(_) => Some(format!("it did not end within {LIMIT:?}")),
                    Ok(Err(panic)) => Some(format!("{panic}")),
                    Ok(Ok(Ok(()))) => None,
                    Ok(Ok(Err(error))) => {
                        failed += 1;
                        let shown: String = error.chars().take(300).collect();
                        let named = words.iter().any(|word| error.contains(word));
                        (!named || error.len() > 2_000).then(|| format!("{} bytes: {shown}", error.len()))
                    }
                };
                let what = server.damaged(lane);
                wrong.extend(fault.map(|fault| format!("{case} ({name}, {what}): {fault}")));
            }
            (wrong, failed)
        });
    }
    let (mut wrong, mut failed) = (Vec::new(), 0);
    while let Some(ended) = lanes.join_next().await {
        let (of_lane, failures) = ended.unwrap();
        wrong.extend(of_lane);
        failed += failures;
    }
    println!("{CASES} answers, {failed} calls failed, {:.1} s", began.elapsed().as_secs_f64());
    assert!(wrong.is_empty(), "{} of {CASES}: {:#?}", wrong.len(), &wrong[..wrong.len().min(20)]);
    assert!(failed > CASES / 3, "only {failed} calls failed: the damage is too mild");
}
