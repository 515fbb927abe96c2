//! `lifeboat localstack`: the LocalStack that a run starts for itself, as a process of its own that outlives the run by
//! as long as the clean-up takes.

use lifeboat_model::ExitCode;
use lifeboat_sandbox::{LocalStack, LocalStackSettings};

use crate::args::LocalstackArgs;
use crate::embedded::READY;
use crate::failure::Failure;
use crate::print::outln;
use crate::sandbox_cmd::end_of_stdin;

/// The variable with the token that LocalStack's images ask for.
pub const TOKEN: &str = "LOCALSTACK_AUTH_TOKEN";

/// Runs LocalStack until standard input ends.
pub async fn up(args: LocalstackArgs) -> Result<ExitCode, Failure> {
    let settings = LocalStackSettings {
        image: args.image,
        tag: args.tag,
        auth_token: std::env::var(TOKEN).ok().filter(|token| !token.is_empty()),
    };
    let started = LocalStack::start(settings, end_of_stdin()).await.map_err(Failure::not_run)?;
    let Some(localstack) = started else { return Ok(ExitCode::Met) };
    for (name, value) in localstack.exports() {
        outln!("export {name}='{value}'");
    }
    outln!("{READY}docker: LocalStack from the image `{}`", localstack.image());
    end_of_stdin().await;
    localstack.stop().await.map_err(|error| {
        let mut failure = Failure::internal(error);
        failure.code = ExitCode::Residue;
        failure
    })?;
    Ok(ExitCode::Met)
}
