//! Runs that name controls.

use lifeboat_model::{ControlRecord, RunRecord};
use lifeboat_reports::{SeenRun, Signature};
use time::OffsetDateTime;
use time::macros::{datetime, format_description};

use crate::support::{one_of, one_of_each};

/// What the drills name.
pub const CONTROL: &str = "soc2:A1.2";

/// A moment that all runs here began before.
pub const UNTIL: OffsetDateTime = datetime!(2026-12-01 00:00 UTC);

/// The run as if it had been on a real system, with a control that wants a run every 30 days.
pub fn real(mut record: RunRecord) -> RunRecord {
    record.environment.simulated = false;
    record.environment.name = "production".into();
    record.environment.provider = "aws".into();
    record.environment.runtime = None;
    record.environment.account = Some("123456789012".into());
    record.plan.sha256 = "5e".repeat(32);
    for drill in &mut record.drills {
        drill.controls = vec![CONTROL.into()];
    }
    record.controls = vec![ControlRecord { id: CONTROL.into(), period_days: Some(30) }];
    record
}

/// The run as if it had begun then.
pub fn at(mut record: RunRecord, began: OffsetDateTime) -> RunRecord {
    let form = format_description!("[year][month][day]-[hour][minute][second]-a1b2c3");
    record.run_id = began.format(form).expect("a name");
    record.ended_at = began + time::Duration::seconds(7);
    record.started_at = began;
    record
}

/// A run of one drill, which passed on a real system.
pub fn passed(began: OffsetDateTime) -> RunRecord {
    at(real(one_of(one_of_each().drills.remove(0))), began)
}

/// A run whose signature nobody looked at.
pub fn seen(record: RunRecord) -> SeenRun {
    SeenRun { record, signature: Signature::NotLookedAt }
}

/// Three months in which much went wrong: a run of each verdict, one that passed, a simulated one, one that was killed, one whose
/// files were changed, and one that left a drill out.
pub fn quarter() -> Vec<SeenRun> {
    let second = "nist-800-53:cp-9(1)";
    let both = |mut record: RunRecord| {
        record.controls.insert(0, ControlRecord { id: second.into(), period_days: None });
        record
    };
    let each = at(real(one_of_each()), datetime!(2026-09-01 02:00 UTC));
    let mut good = both(passed(datetime!(2026-09-20 02:00 UTC)));
    good.drills[0].controls.push(second.into());
    let mut simulated = both(passed(datetime!(2026-10-05 02:00 UTC)));
    simulated.environment.simulated = true;
    let mut killed = both(passed(datetime!(2026-10-10 02:00 UTC)));
    killed.complete = false;
    let changed = SeenRun {
        record: passed(datetime!(2026-10-15 02:00 UTC)),
        signature: Signature::NotVerified("record.json is not what was signed".into()),
    };
    let left_out = both(passed(datetime!(2026-11-15 02:00 UTC)));
    let others = [each, good, simulated, killed, left_out];
    let others = others.map(|record| SeenRun { record, signature: Signature::Verified });
    others.into_iter().chain([changed]).collect()
}
