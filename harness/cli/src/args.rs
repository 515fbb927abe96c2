//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use lifeboat_model::parse_duration;

use crate::history_place::HistoryPlace;

/// Disaster-recovery drills on databases: they measure RTO and RPO as clients see them, prove the data, and clean up.
#[derive(Debug, Parser)]
#[command(name = "lifeboat", version, arg_required_else_help = true)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the drills of a plan and write record, verdict and reports
    Run(RunArgs),
    /// Show what a run would do, step by step, with the undo of each; touches nothing
    Plan(PlanArgs),
    /// Print the least-privilege IAM policy of a plan's drills; touches nothing
    IamPolicy(IamPolicyArgs),
    /// Show the catalogue of drills, with what each one needs and proves
    List,
    /// Make the record and the verdict of a run again from its plan, journal and ledger
    Judge(JudgeArgs),
    /// Make a report of a run again, from its record alone
    Report(ReportArgs),
    /// Finish what an interrupted run left undone, from its journal
    Undo(UndoArgs),
    /// Make a key to sign runs with
    Keygen(KeygenArgs),
    /// Verify that a signed run is as it was signed
    Verify(VerifyArgs),
    /// Show what runs show together: trends, quantiles, drills that are flaky or got slower
    History(HistoryArgs),
    /// Show what differs between two runs
    Diff(DiffArgs),
    /// Show which controls the drills of runs evidence, and where evidence is missing
    Controls(ControlsArgs),
    /// Print the JSON Schema of plans, of records or of the event stream
    Schema(SchemaArgs),
    /// Find what runs left in an account and region, and delete what has expired; needs no journal
    Gc(GcArgs),
    /// The local sandbox: the AWS API over real PostgreSQL servers
    #[command(subcommand)]
    Sandbox(SandboxCommand),
    /// Runs LocalStack until standard input ends: what a run starts for itself
    #[command(hide = true)]
    Localstack(LocalstackArgs),
}

#[derive(Debug, ClapArgs)]
pub struct RunArgs {
    /// The plan file
    pub plan: PathBuf,
    /// Only the drill of this name; may be given more than once
    #[arg(long = "drill", value_name = "NAME")]
    pub drills: Vec<String>,
    /// The folder for the run's files; it must be empty or new [default: lifeboat-runs/<run-id>]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Sign the record with this private key (`lifeboat keygen`)
    #[arg(long, value_name = "FILE")]
    pub sign_key: Option<PathBuf>,
    /// The history that the run is added to, a file or s3://BUCKET/PREFIX [default: lifeboat-runs/history.jsonl, and none
    /// with --out]
    #[arg(long, value_name = "PLACE", value_parser = HistoryPlace::parser())]
    pub history: Option<HistoryPlace>,
    #[command(flatten)]
    pub sandbox: SandboxOptions,
    /// Releases a target for drills: the identifier of an instance, the name of a table, or HOST:PORT of a plain server
    #[arg(long = "confirm", value_name = "ID")]
    pub confirmed: Vec<String>,
    /// Events on stdout, one JSON object a line, the verdict last (docs/automation.md)
    #[arg(long)]
    pub json: bool,
    /// No progress and no summary
    #[arg(short, long)]
    pub quiet: bool,
}

#[derive(Debug, ClapArgs)]
pub struct PlanArgs {
    /// The plan file
    pub plan: PathBuf,
    /// Only the drill of this name; may be given more than once
    #[arg(long = "drill", value_name = "NAME")]
    pub drills: Vec<String>,
    /// Also make the read-only calls of the guards
    #[arg(long)]
    pub check: bool,
    /// Releases a target for drills, as in `run`
    #[arg(long = "confirm", value_name = "ID")]
    pub confirmed: Vec<String>,
}

#[derive(Debug, ClapArgs)]
pub struct IamPolicyArgs {
    /// The plan file
    pub plan: PathBuf,
    /// Only for the drill of this name; may be given more than once
    #[arg(long = "drill", value_name = "NAME")]
    pub drills: Vec<String>,
    /// The AWS account [default: that of the plan's environment]
    #[arg(long, value_name = "ACCOUNT")]
    pub account: Option<String>,
    /// Also what the history of the runs needs, where it is s3://BUCKET/PREFIX
    #[arg(long, value_name = "PLACE", value_parser = HistoryPlace::parser())]
    pub history: Option<HistoryPlace>,
    /// Instead: the policy of whoever takes on the plan's role
    #[arg(long)]
    pub caller: bool,
}

#[derive(Debug, ClapArgs)]
pub struct JudgeArgs {
    /// The run's folder
    pub dir: PathBuf,
    /// Sign the record, as `run` does; for a run that was killed, could not be signed, or is not in its history
    #[arg(long, value_name = "FILE")]
    pub sign_key: Option<PathBuf>,
    /// The history that the run is added to, unless it is in it: a file or s3://BUCKET/PREFIX
    #[arg(long, value_name = "PLACE", value_parser = HistoryPlace::parser())]
    pub history: Option<HistoryPlace>,
}

#[derive(Debug, ClapArgs)]
pub struct UndoArgs {
    /// The run's folder
    pub dir: PathBuf,
    /// Sign what was undone, in a file of its own; the run has to be signed
    #[arg(long, value_name = "FILE")]
    pub sign_key: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub struct KeygenArgs {
    /// The private key's file; the public key's is beside it and ends in .pub
    #[arg(long, value_name = "FILE", default_value = "lifeboat.key")]
    pub out: PathBuf,
}

#[derive(Debug, ClapArgs)]
pub struct VerifyArgs {
    /// The run's folder
    pub dir: PathBuf,
    /// The signer's public key
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// Also verify the run's place in this history, a file or s3://BUCKET/PREFIX
    #[arg(long, value_name = "PLACE", value_parser = HistoryPlace::parser())]
    pub history: Option<HistoryPlace>,
}

#[derive(Debug, ClapArgs)]
pub struct HistoryArgs {
    /// The history's file, the folder that it is in, or s3://BUCKET/PREFIX
    #[arg(default_value = "lifeboat-runs", value_parser = HistoryPlace::parser())]
    pub place: HistoryPlace,
    /// Only the drill of this name; may be given more than once
    #[arg(long = "drill", value_name = "NAME")]
    pub drills: Vec<String>,
    /// Only the last so many runs of each drill
    #[arg(long, value_name = "RUNS", default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..))]
    pub last: u32,
    /// Fail where the last recovery took longer than the median of those before by more than this, as in 20%
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent)]
    pub fail_on_regression: Option<f64>,
}

#[derive(Debug, ClapArgs)]
pub struct DiffArgs {
    /// The folder of the one run
    pub before: PathBuf,
    /// The folder of the other
    pub after: PathBuf,
}

#[derive(Debug, ClapArgs)]
pub struct ControlsArgs {
    /// The folders of runs, or folders that hold them
    #[arg(required = true)]
    pub dirs: Vec<PathBuf>,
    /// What to make
    #[arg(long, value_enum, default_value_t = ControlsFormatArg::Markdown)]
    pub format: ControlsFormatArg,
    /// The file to write, or - for stdout
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub out: PathBuf,
    /// As of the end of this day, UTC, as in 2026-11-30 [default: now]
    #[arg(long, value_name = "DATE", value_parser = crate::controls_cmd::parse_day)]
    pub at: Option<time::Date>,
    /// The signer's public key: a run that is not as it was signed with it evidences nothing
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Fail where a control has no evidence within its period
    #[arg(long)]
    pub fail_on_gap: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ControlsFormatArg {
    /// For people
    Markdown,
    /// For a spreadsheet
    Csv,
    /// OSCAL assessment results, JSON
    Oscal,
}

#[derive(Debug, ClapArgs)]
pub struct ReportArgs {
    /// The run's folder; record.json is all that is read of it
    pub dir: PathBuf,
    /// What to make
    #[arg(long, value_enum)]
    pub format: FormatArg,
    /// The file to write, or - for stdout
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub out: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FormatArg {
    /// One self-contained page
    Html,
    /// For a CI job's summary
    Markdown,
    /// Metrics for node_exporter's textfile collector
    Openmetrics,
    /// An SVG badge
    Badge,
    /// JUnit XML for CI servers
    Junit,
    /// The record itself
    Json,
    /// What a run says at its end
    Summary,
}

#[derive(Debug, ClapArgs)]
pub struct SchemaArgs {
    /// Of what
    #[arg(value_enum)]
    pub of: SchemaArg,
    /// The file to write, or - for stdout
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub out: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaArg {
    /// Plan files
    Plan,
    /// record.json
    Record,
    /// Each line of `run --json`, and of journal.jsonl
    Events,
}

#[derive(Debug, ClapArgs)]
pub struct GcArgs {
    /// The plan whose [environment] says where to look [default: what stands in for AWS at AWS_ENDPOINT_URL]
    #[arg(long, value_name = "PLAN")]
    pub plan: Option<PathBuf>,
    /// Nothing younger is deleted, expired or not
    #[arg(long, value_name = "DURATION", default_value = "6h", value_parser = parse_duration)]
    pub older_than: Duration,
    /// Only list
    #[arg(long)]
    pub dry_run: bool,
    /// Also delete this one, which AWS could not tag; its name, or a backup's ARN. May be given more than once
    #[arg(long = "confirm", value_name = "NAME")]
    pub confirmed: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub enum SandboxCommand {
    /// Start a sandbox that runs until it is stopped; prints `export NAME=value` lines once it is ready
    Up(UpArgs),
}

#[derive(Debug, ClapArgs)]
pub struct UpArgs {
    /// The port of its endpoint [default: a free one]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    pub port: u16,
    /// What is in it: a TOML file with instances, servers and data
    #[arg(long, value_name = "FILE")]
    pub seed: Option<PathBuf>,
    #[command(flatten)]
    pub options: SandboxOptions,
    /// Ends when its standard input does, however that came about
    #[arg(long, hide = true)]
    pub until_stdin_closes: bool,
}

#[derive(Debug, ClapArgs)]
pub struct LocalstackArgs {
    #[arg(long)]
    pub image: Option<String>,
    #[arg(long)]
    pub tag: Option<String>,
    /// There is no other way: it says, to whoever looks, that it ends by itself
    #[arg(long, required = true)]
    pub until_stdin_closes: bool,
}

#[derive(Debug, Clone, Copy, ClapArgs)]
pub struct SandboxOptions {
    /// What the sandbox's servers run as
    #[arg(long, value_enum, default_value_t = RuntimeArg::Auto)]
    pub runtime: RuntimeArg,
    /// The sandbox's delays: as quick as PostgreSQL allows, or as seen on AWS
    #[arg(long, value_enum, default_value_t = ProfileArg::Fast)]
    pub profile: ProfileArg,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RuntimeArg {
    /// Docker where it can be had, else installed PostgreSQL
    Auto,
    /// Containers
    Docker,
    /// Processes of the installed PostgreSQL
    Native,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProfileArg {
    Fast,
    Aws,
}

impl RuntimeArg {
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Docker => "docker",
            Self::Native => "native",
        }
    }
}

impl ProfileArg {
    pub fn name(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Aws => "aws",
        }
    }
}

/// A share, from a text like `20%`.
fn parse_percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).parse::<f64>().ok();
    let share = number.filter(|number| (0.0..=10_000.0).contains(number)).map(|number| number / 100.0);
    share.ok_or_else(|| format!("`{text}` is no share like 20%"))
}
