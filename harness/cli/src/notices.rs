//! Telling people how a run ended: after its last line, and before its reports are written.
//!
//! What goes wrong here is a warning and changes nothing of what the run came to. A run that was killed tells nobody.

use std::path::Path;

use futures_util::future::join_all;
use lifeboat_engine::Journal;
use lifeboat_model::{EventKind, PlanFile, RunRecord};
use lifeboat_reports as reports;
use lifeboat_targets::{Aws, NoticeTexts, Notifier, check_notice_addresses, open_notices};

use crate::failure::Failure;
use crate::print::errln;
use crate::signals::Hurry;

/// What is said of a notice where the signal came first.
const NOT_BEGUN: &str = "a signal came before it was sent";

/// What a notice says that a signal ended.
const CUT_OFF: &str = "a signal ended it before there was an answer; it may have arrived";

/// Refuses a plan whose notices lead nowhere, as far as its variables have values.
pub fn check(plan: &PlanFile) -> Result<(), Failure> {
    check_notice_addresses(&plan.notices).map_err(Failure::usage)
}

/// What sends the plan's notices, before anything is done that they would tell.
pub fn ready(plan: &PlanFile, aws: &Result<Aws, String>) -> Result<Vec<Notifier>, Failure> {
    open_notices(&plan.notices, aws)
        .map_err(|wrong| Failure::usage(format!("{}; nothing was done", wrong.join("; "))))
}

/// Sends those that are wanted of a run with this record, all at once, and adds to its journal how each went; whether that has
/// grown. A signal ends those that have no answer yet.
pub async fn send(
    notifiers: &[Notifier],
    record: &RunRecord,
    dir: &Path,
    journal: &Journal,
    hurry: &Hurry,
) -> bool {
    let wanted: Vec<&Notifier> =
        notifiers.iter().filter(|one| reports::is_failure(record) || !one.only_failures()).collect();
    if wanted.is_empty() {
        return false;
    }
    let texts = texts(record, dir);
    let sending = wanted.iter().map(|one| async {
        let mut begun = false;
        let sending = async {
            begun = true;
            one.send(&texts).await
        };
        let sent = hurry.until(sending).await;
        sent.unwrap_or_else(|| Err(if begun { CUT_OFF } else { NOT_BEGUN }.into())).err()
    });
    let ended = join_all(sending).await;
    let mut grown = false;
    for (one, error) in wanted.iter().zip(ended) {
        let (name, kind) = (one.name().to_owned(), one.kind().to_owned());
        if let Some(why) = &error {
            errln!("lifeboat: the notice `{name}` ({kind}) was not sent: {why}");
        }
        match journal.write(EventKind::NoticeSent { name, kind, error }).await {
            Ok(()) => grown = true,
            Err(error) => errln!("lifeboat: how a notice went is not in the record: {error}"),
        }
    }
    grown
}

fn texts(record: &RunRecord, dir: &Path) -> NoticeTexts {
    let folder = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned()).display().to_string();
    NoticeTexts {
        subject: reports::notice_subject(record),
        text: reports::notice_text(record, &folder),
        slack: reports::notice_slack(record, &folder),
        document: reports::notice_json(record, &folder),
        metrics: reports::openmetrics(record),
        metrics_path: reports::pushgateway_path(record),
    }
}
