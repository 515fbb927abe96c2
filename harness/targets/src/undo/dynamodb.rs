//! Undo actions on Amazon DynamoDB.

use lifeboat_model::{UndoAction, UndoEnd};

use crate::Aws;

/// Carries one out.
pub async fn undo(_aws: &Aws, action: &UndoAction) -> Result<(UndoEnd, String), String> {
    Err(format!("no drill of this version plans to {}", action.describe()))
}
