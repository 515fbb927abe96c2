//! Proof that tables hold the same data: counts and digests computed inside the database, and the place of a difference.

mod digest;
mod locate;
mod shape;

pub use digest::{TableDigest, pin_settings, table_digest};
pub use locate::{Difference, DifferentRow, Side, locate};
pub use shape::{Column, TableShape, table_shape};
