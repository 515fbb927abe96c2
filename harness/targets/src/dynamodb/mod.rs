//! Amazon DynamoDB tables.

mod client;

pub use client::Dynamo;
