//! What touches the world: the control plane through the AWS SDK, and PostgreSQL.
//!
//! The only crate that names an AWS SDK crate. It gives drills typed views and functions, and the interpreter of undo
//! actions.

mod aws;
mod claim;
mod dns;
mod http;
mod kms;
mod leftovers;
mod lock;
mod notices;
mod pages;
mod sane_dates;
mod secrets;
mod stop;
mod store;
mod tags;
mod tokens;
mod undo;

pub mod dynamodb;
pub mod postgres;
pub mod rds;

pub use aws::{Aws, AwsError, Effect, is_loopback, is_of_aws, pause};
pub use claim::Claim;
pub use dns::dns_probe;
pub use http::http_probe;
pub use kms::{KmsError, KmsKey};
pub use leftovers::{Leftover, LeftoverKind, Standing, delete_leftover, find_leftovers};
pub use lock::{Holder, Standing as LockStanding, Tagged, TargetLock};
pub use notices::{NoticeTexts, Notifier, check_notice_addresses, open_notices};
pub use secrets::{bind_passwords, fetch_passwords};
pub use stop::{OfRun, open_conditions};
pub use store::{Bucket, StoreError};
pub use tags::{COPY_OF_TAG, EXPIRES_TAG, LOCK_TAG, RUN_TAG};
pub use undo::{WorldInterpreter, give_name};
