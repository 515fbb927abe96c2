//! What the tests share: a folder and a sandbox of their own, the command, what a run wrote, and SQL.

mod aws;
mod cable;
mod command;
mod dynamodb;
mod eventually;
mod front;
mod http;
mod lab;
mod moto;
mod plans;
mod preload;
mod python;
mod receiver;
mod run;
mod sandbox;
mod snapshot;
mod sql;
mod steps;

pub use aws::Aws;
pub use cable::Cable;
pub use command::{Ended, Process, Signal};
pub use dynamodb::{Table, dynamodb, dynamodb_plan, everything};
pub use eventually::eventually;
pub use front::Front;
pub use http::{request, request_with};
pub use lab::{Lab, repository, without_docker};
pub use moto::Moto;
pub use plans::{
    BACKED_UP_SEED, ORDERS_SEED, PLAIN_SEED, SECRET, exhaustion_plan, failover_plan, kept, kept_seed,
    restore_plan, token_seed, with_tokens,
};
pub use preload::preload;
pub use python::{
    junit_problems, oscal_problems, python, python_prints, schema_problems, verified_by_python,
};
pub use receiver::{Answer, Received, Receiver};
pub use run::{Record, Run};
pub use sandbox::{External, containers_labelled, containers_of, processes_in, sandbox_folders, volumes_of};
pub use snapshot::snapshot;
pub use sql::{Database, Held, rows};
pub use steps::steps_of;
