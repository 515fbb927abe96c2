//! What the restores of DB instances share: canaries, the moment, the copy, its proof.

pub mod canaries;
#[cfg(test)]
mod check_tests;
pub mod checks;
pub mod copy;
pub mod guard;
pub mod keep;
pub mod measure;
pub mod moment;
pub mod options;
pub mod places;
pub mod scene;
pub mod steps;
pub mod verify;
