//! `lifeboat sandbox up`.

use lifeboat_model::ExitCode;
use lifeboat_sandbox::{Config, Profile, RuntimeChoice, Sandbox, Seed};
use tokio::io::AsyncReadExt as _;

use crate::args::{ProfileArg, RuntimeArg, UpArgs};
use crate::embedded::READY;
use crate::failure::Failure;
use crate::print::outln;
use crate::signals::Signals;

/// Runs a sandbox until it is stopped.
pub async fn up(args: UpArgs) -> Result<ExitCode, Failure> {
    let seed = args.seed.as_deref().map(Seed::load).transpose().map_err(Failure::usage)?;
    let mut config = Config {
        port: args.port,
        runtime: match args.options.runtime {
            RuntimeArg::Auto => RuntimeChoice::Auto,
            RuntimeArg::Docker => RuntimeChoice::Docker,
            RuntimeArg::Native => RuntimeChoice::Native,
        },
        profile: match args.options.profile {
            ProfileArg::Fast => Profile::Fast,
            ProfileArg::Aws => Profile::Aws,
        },
        seed,
        ..Config::default()
    };
    if let Ok(image) = std::env::var("LIFEBOAT_POSTGRES_IMAGE") {
        config.image = image;
    }
    // Before the start, so that a signal in its midst does not leave half a sandbox.
    let mut signals = Signals::take()?;
    let until_stdin_closes = args.until_stdin_closes;
    let stopped = async {
        if until_stdin_closes {
            // A signal to the whole group is for the run, which needs its sandbox to unwind against.
            end_of_stdin().await;
        } else {
            signals.next().await;
        }
    };
    tokio::pin!(stopped);
    let starting = Sandbox::start(config);
    tokio::pin!(starting);
    let (sandbox, stop_now) = tokio::select! {
        started = &mut starting => (started, false),
        () = &mut stopped => (starting.await, true),
    };
    let sandbox = sandbox.map_err(|error| Failure::not_run(with_causes(&error)))?;
    if !stop_now {
        for (name, value) in sandbox.exports() {
            outln!("export {name}='{}'", value.replace('\'', "'\\''"));
        }
        outln!("{READY}{}: {}", sandbox.runtime(), sandbox.runtime_reason());
        stopped.await;
    }
    sandbox.shutdown().await.map_err(|error| {
        let mut failure = Failure::internal(error);
        failure.code = ExitCode::Residue;
        failure
    })?;
    Ok(ExitCode::Met)
}

/// An error and what it came from, down to the server's own words.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        next = cause.source();
    }
    text
}

/// Waits until the other end of standard input is closed, as it is when its process has ended.
pub async fn end_of_stdin() {
    let mut stdin = tokio::io::stdin();
    let mut buffer = [0; 64];
    while !matches!(stdin.read(&mut buffer).await, Ok(0) | Err(_)) {}
}
