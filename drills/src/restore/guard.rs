//! What must hold before anything is restored.

use std::time::Duration;

use lifeboat_engine::{Context, StepError};
use lifeboat_model::InstanceSize;
use lifeboat_targets::postgres::{PgError, ledger_obstacles, server_witness};

use super::scene::Scene;
use crate::access::{instance_server, released_instance};
use crate::same;

/// How long a single connection may take.
pub const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Looks the source up: it has to be released for drills and available.
pub async fn identify(s: &Scene, context: &Context) -> Result<(), StepError> {
    let rds = s.rds().await;
    let id = &s.target.identifier;
    let source = released_instance(&s.params, &rds, context, id, "source").await?;
    if source.status != "available" {
        let status = &source.status;
        let text =
            format!("cannot restore `{id}`: its status is `{status}`; run the drill when it is available");
        return Err(StepError::Unmet(text));
    }
    within_largest_class(s, &source.class)?;
    s.known(|known| known.source = Some(source));
    Ok(())
}

/// A copy has its source's class, which only the control plane knows.
fn within_largest_class(s: &Scene, class: &str) -> Result<(), StepError> {
    let Some(largest) = &s.params.safety.largest_class else { return Ok(()) };
    let refused = |why: String| {
        let id = &s.target.identifier;
        Err(StepError::Failed(format!(
            "cannot restore `{id}` within [safety] largest_class = \"{largest}\": {why}"
        )))
    };
    match InstanceSize::of(class) {
        Ok(size) if size.exceeds(largest) => {
            refused(format!("its copy would be of class {class}; raise the limit or drop the drill"))
        }
        Ok(_) => Ok(()),
        Err(error) => refused(error),
    }
}

pub async fn identify_target(s: Scene, context: Context) -> Result<(), StepError> {
    identify(&s, &context).await
}

/// As [`identify_target`], and automated backups have to be on.
pub async fn identify_with_backups(s: Scene, context: Context) -> Result<(), StepError> {
    identify(&s, &context).await?;
    if s.source()?.settings.backup_retention < 1 {
        let id = &s.target.identifier;
        let text = format!(
            "cannot restore `{id}`: automated backups are off (BackupRetentionPeriod = 0); turn them on or drop the drill"
        );
        return Err(StepError::Unmet(text));
    }
    Ok(())
}

pub async fn check_database(s: Scene, context: Context) -> Result<(), StepError> {
    let server = instance_server(&s.params, &s.target, &s.source()?)?;
    let at = server.address();
    let failed = |error: PgError| {
        let (user, advice) = (&s.target.user, error.advice());
        StepError::Failed(format!("cannot look at the database at {at} as `{user}`: {error}{advice}"))
    };
    let session = server.connect(&s.session("guard"), CONNECT_LIMIT).await.map_err(failed)?;
    let witness = server_witness(&session).await.map_err(failed)?;
    let obstacles = ledger_obstacles(&session).await.map_err(failed)?;
    session.close().await;
    context.observe("source-server", &witness);
    let obstacles = obstacles.describe();
    if !obstacles.is_empty() {
        let text = format!(
            "a table of canaries would do harm in database `{}`: {}; without canaries a restore proves nothing",
            s.target.database,
            obstacles.join("; ")
        );
        return Err(StepError::Unmet(text));
    }
    let server = s.patient(server);
    s.known(|known| known.server = Some(server));
    Ok(())
}

pub async fn create_canaries(s: Scene, context: Context) -> Result<(), StepError> {
    same::instance(&s.rds().await, &s.source()?).await?;
    s.canaries.create(&s.server()?, &s.session("canary")).await?;
    context.created("schema", s.canaries.schema()).await
}
