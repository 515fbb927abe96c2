//! From the notices of a plan to what sends them.

use hyper::Method;
use lifeboat_model::{Notice, NoticeKind, Secret};

use super::by_aws::{mail, publish};
use super::post::{Letter, Post, check};
use crate::Aws;

/// An error is cut to so many characters: AWS's message may be of any length.
const LONGEST: usize = 300;

/// What a run says, in the form of each kind.
#[derive(Debug, Clone)]
pub struct NoticeTexts {
    /// One line of less than 100 printable ASCII characters.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// The JSON of a message of Slack.
    pub slack: String,
    /// The JSON for programs.
    pub document: String,
    /// The metrics, in Prometheus' own format.
    pub metrics: String,
    /// Where a Pushgateway keeps them, below its address.
    pub metrics_path: String,
}

/// What sends one notice of a plan.
pub struct Notifier {
    name: String,
    kind: &'static str,
    only_failures: bool,
    way: Way,
}

enum Way {
    Sns { aws: Aws, topic: String },
    Email { aws: Aws, from: String, to: Vec<String> },
    Slack(Post),
    Webhook(Post),
    Pushgateway(Post),
}

impl Notifier {
    /// The notice's name in the plan.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its kind, as the plan writes it.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// Whether it is sent only where the run did not pass, or was not put back.
    pub fn only_failures(&self) -> bool {
        self.only_failures
    }

    /// Sends it. It takes 21 s at most.
    ///
    /// # Errors
    /// Why it was not sent, or is not known to have been: without the address, and not longer than 300 characters.
    pub async fn send(&self, texts: &NoticeTexts) -> Result<(), String> {
        let json = |body| Letter { method: Method::POST, path: "", content_type: "application/json", body };
        let sent = match &self.way {
            Way::Sns { aws, topic } => publish(aws, topic, &texts.subject, &texts.text).await,
            Way::Email { aws, from, to } => mail(aws, from, to, &texts.subject, &texts.text).await,
            Way::Slack(post) => post.send(json(&texts.slack)).await,
            Way::Webhook(post) => post.send(json(&texts.document)).await,
            Way::Pushgateway(post) => {
                let metrics = Letter {
                    // All of the group: what a run did not measure must not be left over from the one before.
                    method: Method::PUT,
                    path: &texts.metrics_path,
                    content_type: "text/plain; version=0.0.4; charset=utf-8",
                    body: &texts.metrics,
                };
                post.send(metrics).await
            }
        };
        sent.map_err(|why| why.chars().take(LONGEST).collect())
    }
}

/// What sends a plan's notices; nothing is sent or asked yet.
///
/// # Errors
/// A sentence for each that cannot be sent, whatever happens.
pub fn open_notices(notices: &[Notice], aws: &Result<Aws, String>) -> Result<Vec<Notifier>, Vec<String>> {
    let (mut ready, mut wrong) = (Vec::new(), Vec::new());
    for notice in notices {
        match way(&notice.kind, aws) {
            Ok(way) => ready.push(Notifier {
                name: notice.name.clone(),
                kind: notice.kind.name(),
                only_failures: notice.only_failures,
                way,
            }),
            Err(error) => wrong.push(format!("notice `{}`: {error}", notice.name)),
        }
    }
    if wrong.is_empty() { Ok(ready) } else { Err(wrong) }
}

fn way(kind: &NoticeKind, aws: &Result<Aws, String>) -> Result<Way, String> {
    Ok(match kind {
        NoticeKind::Sns { topic } => Way::Sns { aws: aws.clone()?, topic: topic.clone() },
        NoticeKind::Email { from, to } => {
            Way::Email { aws: aws.clone()?, from: from.clone(), to: to.clone() }
        }
        NoticeKind::Slack { url } => Way::Slack(Post::new(url, None)?),
        NoticeKind::Webhook { url, bearer } => Way::Webhook(Post::new(url, bearer.as_ref())?),
        NoticeKind::Pushgateway { url } => Way::Pushgateway(Post::new(&no_query(url)?, None)?),
    })
}

fn no_query(url: &Secret) -> Result<Secret, String> {
    match url.expose().contains('?') {
        true => Err("url: a Pushgateway's has no query; give it without one".into()),
        false => Ok(url.clone()),
    }
}

/// Looks whether the addresses of a plan's notices are some; a variable without a value may be any.
///
/// # Errors
/// A sentence, without the address.
pub fn check_notice_addresses(notices: &[Notice]) -> Result<(), String> {
    for notice in notices {
        let (NoticeKind::Slack { url } | NoticeKind::Webhook { url, .. } | NoticeKind::Pushgateway { url }) =
            &notice.kind
        else {
            continue;
        };
        if !url.expose().contains("${") {
            check(url).map_err(|error| format!("notice `{}`: {error}", notice.name))?;
        }
    }
    Ok(())
}
