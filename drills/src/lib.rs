//! The catalogue of drills.
