//! Where a run ends, and what its notices, which come after that, may change of it.

use time::OffsetDateTime;

use super::*;

/// Events a second apart on both clocks, from the run's start on.
fn events(kinds: Vec<EventKind>) -> Vec<Event> {
    let started = EventKind::RunStarted {
        format: crate::JOURNAL_FORMAT.into(),
        run_id: "r".into(),
        tool_version: "0".into(),
        tool_sha256: None,
        environment: serde_json::from_value(serde_json::json!({
            "name": "e", "provider": "sandbox", "region": "us-east-1", "account": null, "simulated": true
        }))
        .unwrap(),
        operator: None,
        sandbox_pid: None,
    };
    let all = std::iter::once(started).chain(kinds).zip(0_u64..);
    all.map(|(kind, second)| Event {
        seq: second + 1,
        at: OffsetDateTime::from_unix_timestamp(i64::try_from(second).unwrap()).unwrap(),
        elapsed: Elapsed(second * 1_000_000),
        kind,
    })
    .collect()
}

fn record(kinds: Vec<EventKind>) -> RunRecord {
    let plan = PlanDocument {
        schema: PlanDocument::SCHEMA.into(),
        source: "plan.toml".into(),
        sha256: "00".into(),
        variables: Vec::new(),
        plan: toml::Table::new(),
    };
    fold(&plan, &events(kinds), Vec::new(), Vec::new()).unwrap().record
}

fn ended() -> EventKind {
    EventKind::RunEnded { ledger_lines: Some(0) }
}

fn told(error: Option<&str>) -> EventKind {
    EventKind::NoticeSent { name: "ops".into(), kind: "slack".into(), error: error.map(Into::into) }
}

#[test]
fn notices_come_after_the_end_and_change_nothing_of_it() {
    let alone = record(vec![ended()]);
    let mut with = record(vec![ended(), told(None), told(Some("it answers 500"))]);
    assert!(alone.complete && with.complete);
    let notices: Vec<Option<String>> =
        std::mem::take(&mut with.notices).into_iter().map(|n| n.error).collect();
    assert_eq!(notices, [None, Some("it answers 500".into())]);
    assert_eq!(with, alone, "its end and its length are the run's own");
    assert_eq!((with.duration_s, with.ended_at.unix_timestamp()), (1.0, 1));
}

#[test]
fn a_notice_is_no_end() {
    assert!(!record(vec![told(None)]).complete, "a run that was killed");
    assert!(!record(vec![ended(), told(None), EventKind::Unknown]).complete, "nobody knows what that says");
    let cut = record(vec![EventKind::RunEnded { ledger_lines: Some(7) }, told(None)]);
    assert!(!cut.complete, "its ledger was cut off");
    // What stands within a run is none of its end.
    assert_eq!(record(vec![told(None), ended()]).notices, []);
}

#[test]
fn a_journal_of_notices_alone_is_none() {
    let plan = PlanDocument {
        schema: PlanDocument::SCHEMA.into(),
        source: "plan.toml".into(),
        sha256: "00".into(),
        variables: Vec::new(),
        plan: toml::Table::new(),
    };
    let only = &events(vec![told(None)])[1..];
    assert_eq!(fold(&plan, only, Vec::new(), Vec::new()).unwrap_err(), FoldError::NoStart);
}
