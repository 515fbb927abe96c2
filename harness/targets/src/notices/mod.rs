//! Telling people how a run ended: SNS, SES, webhooks, a Pushgateway.
//!
//! A notice that fails says why and changes nothing. It is tried twice at most, the second time only where the first surely
//! reached nobody; so one may be lost, and none is doubled by this end. It is not known whether anybody read it.

mod by_aws;
mod notifier;
mod post;
mod tried;

pub use notifier::{NoticeTexts, Notifier, check_notice_addresses, open_notices};
