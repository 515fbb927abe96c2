//! Objects in S3, of which each is written once.

mod bucket;
mod error;

pub use bucket::Bucket;
pub use error::StoreError;
