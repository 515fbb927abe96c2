//! What a journal says is still to be taken back.

use crate::{Event, EventKind, PendingUndo, StepEnd, UndoEnd};

/// The undos that a journal planned and that are still to be done, the last planned first, each with what its act made
/// where the journal knows it. An act that provably had no effect needs none, unless it is known to have made something.
pub fn pending_undos(events: &[Event]) -> Vec<PendingUndo> {
    let mut pending: Vec<(String, PendingUndo)> = Vec::new();
    for event in events {
        match &event.kind {
            EventKind::UndoPlanned { drill, step, undo, action } => {
                let (drill, action) = (drill.clone(), action.clone());
                pending.push((step.clone(), PendingUndo { drill, undo: *undo, action, made: None }));
            }
            EventKind::UndoBound { drill, undo, made } => {
                let bound =
                    pending.iter_mut().find(|(_, planned)| planned.drill == *drill && planned.undo == *undo);
                if let Some((_, planned)) = bound {
                    planned.made = Some(made.clone());
                }
            }
            EventKind::StepEnded {
                drill,
                step,
                outcome: StepEnd::Failed | StepEnd::Unmet | StepEnd::Unsupported,
                ..
            } => {
                pending.retain(|(of_step, planned)| {
                    planned.drill != *drill || of_step != step || planned.made.is_some()
                });
            }
            EventKind::UndoEnded { drill, undo, outcome: UndoEnd::Undone | UndoEnd::NotNeeded, .. } => {
                pending.retain(|(_, planned)| !(planned.drill == *drill && planned.undo == *undo));
            }
            _ => {}
        }
    }
    pending.into_iter().rev().map(|(_, planned)| planned).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use time::macros::datetime;

    use super::*;
    use crate::Made;

    const AT: &str = r#""seq":1,"at":"2026-11-21T14:41:00Z","elapsed":5"#;
    const PLANNED: &str = r#""event":"undo-planned","drill":"d","step":"request-restore","undo":3,
        "action":"delete-instance","instance":"orders-lb","run":"r","never":"db-TARGET","patience_s":60"#;
    const BOUND: &str = r#""event":"undo-bound","drill":"d","undo":3,"made":{"id":"db-COPY","arn":"arn:db"}"#;
    const AGAIN: &str = r#""event":"undo-bound","drill":"d","undo":3,"made":{"id":"db-COPY","arn":"arn:db",
        "created_at":"2026-11-21T14:40:00Z","of a newer version":1}"#;
    const FAILED: &str =
        r#""event":"step-ended","drill":"d","step":"request-restore","outcome":"failed","message":"x""#;
    const UNDONE: &str = r#""event":"undo-ended","drill":"d","undo":3,"outcome":"undone","message":null"#;

    fn pending(lines: &[&str]) -> Vec<Option<Made>> {
        let event = |line: &&str| serde_json::from_str(&format!("{{{AT},{line}}}")).unwrap();
        let events: Vec<Event> = lines.iter().map(event).collect();
        pending_undos(&events).into_iter().map(|pending| pending.made).collect()
    }

    fn copy(created_at: Option<time::OffsetDateTime>) -> Option<Made> {
        Some(Made { id: "db-COPY".into(), arn: "arn:db".into(), created_at })
    }

    #[rstest]
    #[case::as_older_versions_wrote_it(&[PLANNED], &[None])]
    #[case::bound(&[PLANNED, BOUND], &[copy(None)])]
    #[case::bound_again(&[PLANNED, BOUND, AGAIN], &[copy(Some(datetime!(2026-11-21 14:40 UTC)))])]
    #[case::of_another_undo(&[PLANNED, r#""event":"undo-bound","drill":"d","undo":4,"made":{"id":"x","arn":""}"#], &[None])]
    #[case::of_another_drill(&[PLANNED, r#""event":"undo-bound","drill":"e","undo":3,"made":{"id":"x","arn":""}"#], &[None])]
    #[case::without_effect(&[PLANNED, FAILED], &[])]
    // It is there, whatever the step said.
    #[case::made_and_failed(&[PLANNED, BOUND, FAILED], &[copy(None)])]
    #[case::undone(&[PLANNED, BOUND, UNDONE], &[])]
    #[case::newer(&[PLANNED, r#""event":"undo-rebound","drill":"d","undo":3"#], &[None])]
    fn what_is_pending_has_what_was_made(#[case] lines: &[&str], #[case] made: &[Option<Made>]) {
        assert_eq!(pending(lines), made);
    }
}
