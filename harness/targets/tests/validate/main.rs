//! The validation engine against real PostgreSQL servers: every change of the data is noticed and found, and the same data
//! raises no alarm. And what tells whether anybody wrote to one.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod benchmark;
mod changes;
mod old_snapshot;
mod other_drills;
mod own_server;
mod physical;
mod random;
mod sessions;
mod support;
mod whole;
mod writes;
