//! The `lifeboat` command: disaster-recovery drills on databases.
//!
//! Results go to stdout, messages to stderr. The exit codes are those of [`lifeboat_model::ExitCode`].

mod args;
mod budget;
mod conclusion;
mod control_plane;
mod controls_cmd;
mod diff_cmd;
mod earlier;
mod embedded;
mod event_stream;
mod evidence;
mod evidence_permissions;
mod failure;
mod gc_cmd;
mod history;
mod history_bucket;
mod history_cmd;
mod history_file;
mod history_place;
#[cfg(test)]
mod hostile_plans;
mod iam_policy_cmd;
mod job_summary;
mod judge_cmd;
mod judge_later;
mod keygen_cmd;
mod list_cmd;
mod localstack_cmd;
mod notices;
mod out_file;
mod out_folder;
mod plan_cmd;
mod prepare;
mod print;
mod progress;
mod report_cmd;
mod resources;
mod run_cmd;
mod run_plan;
mod sandbox_cmd;
mod schema_cmd;
mod signals;
mod signer;
mod stopping;
mod stores;
mod target_locks;
mod undo_cmd;
mod undo_signing;
mod verify_cmd;

use std::process::ExitCode;

use clap::Parser as _;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use args::{Args, Command, SandboxCommand};
use print::errln;

fn main() -> ExitCode {
    let args = Args::parse();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_env("LIFEBOAT_LOG"))
        .with_writer(std::io::stderr)
        .init();
    raise_file_limit();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            errln!("lifeboat: cannot start its runtime: {error}");
            return lifeboat_model::ExitCode::Internal.code();
        }
    };
    let done = runtime.block_on(async {
        match args.command {
            Command::Run(args) => run_cmd::run(args).await,
            Command::Plan(args) => plan_cmd::plan(args).await,
            Command::IamPolicy(args) => iam_policy_cmd::iam_policy(&args),
            Command::List => Ok(list_cmd::list()),
            Command::Judge(args) => judge_cmd::judge(&args).await,
            Command::Report(args) => report_cmd::report(&args),
            Command::Undo(args) => undo_cmd::undo(&args).await,
            Command::Keygen(args) => keygen_cmd::keygen(&args),
            Command::Verify(args) => verify_cmd::verify(&args).await,
            Command::History(args) => history_cmd::history(&args).await,
            Command::Diff(args) => diff_cmd::diff(&args),
            Command::Controls(args) => controls_cmd::controls(&args),
            Command::Schema(args) => schema_cmd::schema(&args),
            Command::Gc(args) => gc_cmd::gc(&args).await,
            Command::Localstack(args) => localstack_cmd::up(args).await,
            Command::Sandbox(SandboxCommand::Up(args)) => sandbox_cmd::up(args).await,
        }
    });
    // A read of standard input may still block a thread, which would keep a sandbox that could not start from ending.
    runtime.shutdown_background();
    let code = done.unwrap_or_else(|failure| {
        errln!("lifeboat: {failure}");
        failure.code
    });
    match print::unwritten() {
        Some(error) => {
            errln!("lifeboat: cannot write to standard output: {error}");
            run_cmd::with_something_undone(code).code()
        }
        None => code.code(),
    }
}

/// Every connection is a file, and a drill may open thousands: takes what the system allows. Where that is too little, the
/// connections that cannot be opened say so.
fn raise_file_limit() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
        && let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, hard, hard)
    {
        tracing::warn!("cannot raise the limit of open files from {soft} to {hard}: {error}");
    }
}

/// The process's exit code.
trait Code {
    fn code(self) -> ExitCode;
}

impl Code for lifeboat_model::ExitCode {
    fn code(self) -> ExitCode {
        ExitCode::from(u8::from(self))
    }
}
