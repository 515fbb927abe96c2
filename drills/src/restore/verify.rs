//! The proof: which moment the copy is of, whether its data is the source's, what its settings became.

use std::time::Duration;

use lifeboat_engine::{Context, StepError, wait_for};
use lifeboat_model::Judgement;
use lifeboat_targets::postgres::validate::{DataOutcome, Since, Subject, Validation, validate};
use lifeboat_targets::postgres::{Canaries, PgError, Server};

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::canaries;
use super::scene::Scene;
use crate::same;

/// How long a copy that changes something about itself gets to be available again.
const SETTLES_WITHIN: Duration = Duration::from_secs(300);

/// The canaries that a server holds, asked again while it does not answer.
pub async fn read_canaries(s: &Scene, server: &Server) -> Result<Canaries, String> {
    let name = s.session("canary");
    let read = wait_for("the canaries", Duration::from_millis(200), Duration::from_secs(20), || async {
        match s.canaries.read(server, &name).await {
            Err(error) if error.is_passing() => Err(error),
            settled => Ok::<_, PgError>(settled),
        }
    });
    match read.await {
        Ok(settled) => settled.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

/// Reads the canaries on both sides.
pub async fn prove_moment(s: Scene, context: Context) -> Result<(), StepError> {
    let Some(copy) = s.copy_server() else { return Ok(()) };
    same::instance(&s.rds().await, &s.source()?).await?;
    let expected = s.known(|known| known.expected.clone());
    let held = (read_canaries(&s, &copy).await, read_canaries(&s, &s.server()?).await);
    match held {
        (Ok(copy), Ok(source)) => {
            context.observe("canaries-copy", &copy);
            context.observe("canaries-source", &source);
            let proved = canaries::judge(&expected, &source, &copy).judgement == Judgement::Passed;
            s.known(|known| known.proved = proved);
        }
        (Err(error), _) | (_, Err(error)) => context.observe("canaries-error", error),
    }
    Ok(())
}

/// Compares the data. What it finds is for the checks to judge; only if all of it is the same is the copy verified.
pub async fn validate_data(s: Scene, context: Context) -> Result<(), StepError> {
    let Some(copy) = s.copy_server() else { return Ok(()) };
    same::instance(&s.rds().await, &s.source()?).await?;
    let (source, since) = (s.server()?, s.known(|known| known.since.clone()));
    let Some(since) = since else { return Ok(()) };
    match compare(s.clone(), source, copy, since).await {
        Ok(validation) => {
            if s.known(|known| known.proved) && validation.outcome() == DataOutcome::Same {
                s.known(|known| known.verified = true);
                context.mark("verified");
            }
            context.observe("validation", validation);
        }
        Err(error) => context.observe("validation-error", error),
    }
    context.mark("observed-until");
    Ok(())
}

/// Runs the comparison on a thread of its own: its future borrows in ways that bar it from moving between threads. It ends
/// when this is dropped.
async fn compare(s: Scene, source: Server, copy: Server, since: Since) -> Result<Validation, String> {
    let (goes_on, dropped) = oneshot::channel::<()>();
    let runtime = Handle::current();
    let compared = tokio::task::spawn_blocking(move || {
        let (name, expectations) = (s.session("validate"), s.options.expectations());
        let subject = Subject {
            source: Some(&source),
            copy: &copy,
            expectations: &expectations,
            since: &since,
            ignore_schemas: &[s.canaries.schema().to_owned()],
            application_name: &name,
            workers: 2,
            limit: s.options.validate_within(&s.params),
        };
        runtime.block_on(async {
            tokio::select! {
                compared = validate(&subject) => compared.map_err(|error| error.to_string()),
                _ = dropped => Err("it was given up".to_owned()),
            }
        })
    })
    .await;
    drop(goes_on);
    compared.unwrap_or_else(|error| Err(error.to_string()))
}

/// Looks at the settings once the copy is available, which it may leave again for a while after its first time.
pub async fn compare_settings(s: Scene, context: Context) -> Result<(), StepError> {
    let rds = s.rds().await;
    if let Some(copy) = s.copy() {
        let settled = wait_for("the copy to be available again", s.every(), SETTLES_WITHIN, || async {
            match rds.find(&copy.identifier).await {
                Ok(Some(now)) if now.status == "available" => Ok(now),
                Ok(Some(now)) => Err(format!("status {}", now.status)),
                Ok(None) => Err("no such instance".into()),
                Err(error) => Err(error.to_string()),
            }
        });
        match settled.await {
            Ok(now) => context.observe("copy-settled", now),
            Err(error) => context.observe("settings-error", error.to_string()),
        }
    }
    context.observe("control-plane-retries", rds.aws().retries());
    Ok(())
}
