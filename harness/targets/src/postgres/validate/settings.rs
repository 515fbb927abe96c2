//! The settings that what is read depends on.

use crate::postgres::{PgError, Session};

/// Text forms, the names in definitions, and what a role may see: row security that would hide rows is an error instead.
const PINS: [&str; 9] = [
    "TimeZone = 'UTC'",
    "DateStyle = 'ISO, MDY'",
    "IntervalStyle = 'postgres'",
    "extra_float_digits = 3",
    "bytea_output = 'hex'",
    "xmloption = 'content'",
    "lc_monetary = 'C'",
    "search_path = pg_catalog",
    "row_security = off",
];

/// Pins them for the session.
///
/// # Errors
/// [`PgError`].
pub async fn pin_settings(session: &Session) -> Result<(), PgError> {
    Ok(session.client().batch_execute(&pins("SET")).await?)
}

/// The statements that pin them, with `SET` or `SET LOCAL`.
pub(super) fn pins(set: &str) -> String {
    PINS.iter().map(|pin| format!("{set} {pin};")).collect()
}
