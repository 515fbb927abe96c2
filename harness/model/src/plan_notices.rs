//! `[[notices]]` of a plan file: who is told how a run ended.
//!
//! What is read here is well-formed. Whether an address can be reached shows when it is written to, after the run; whether it
//! is one at all is looked at before.

use schemars::{JsonSchema, Schema};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::schema::ONE_VARIABLE;
use crate::{Provider, Secret};

/// One `[[notices]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "Form")]
#[schemars(with = "Form")]
pub struct Notice {
    /// Its name in every report.
    pub name: String,
    /// Where it goes.
    pub kind: NoticeKind,
    /// Whether it is sent only where the run did not pass, or was not put back.
    pub only_failures: bool,
}

/// Where a notice goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoticeKind {
    /// A topic of Amazon SNS.
    Sns {
        /// Its ARN.
        topic: String,
    },
    /// A webhook that takes what Slack's takes.
    Slack {
        /// Its address, which is all that is needed to write there.
        url: Secret,
    },
    /// E-mail through Amazon SES.
    Email {
        /// The sender's address.
        from: String,
        /// The addresses of who gets it.
        to: Vec<String>,
    },
    /// A webhook that takes JSON.
    Webhook {
        /// Its address.
        url: Secret,
        /// The token that goes with it.
        bearer: Option<Secret>,
    },
    /// A Pushgateway of Prometheus.
    Pushgateway {
        /// Its address, without `/metrics`.
        url: Secret,
    },
}

impl NoticeKind {
    /// The kind as plans write it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sns { .. } => "sns",
            Self::Slack { .. } => "slack",
            Self::Email { .. } => "email",
            Self::Webhook { .. } => "webhook",
            Self::Pushgateway { .. } => "pushgateway",
        }
    }

    /// Whether AWS sends it, with the credentials of the run.
    pub fn needs_control_plane(&self) -> bool {
        matches!(self, Self::Sns { .. } | Self::Email { .. })
    }
}

/// SES takes no more for one message.
const MOST_ADDRESSES: usize = 50;

/// A notice as a plan has it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = of_kinds)]
struct Form {
    /// Its name in every report.
    #[schemars(regex(pattern = r"\S"))]
    name: String,
    /// Where it goes.
    #[schemars(extend("enum" = KINDS))]
    kind: String,
    /// To be told only of runs that did not pass, or were not put back.
    #[schemars(extend("enum" = ["failures"]))]
    only: Option<String>,
    /// The ARN of an SNS topic.
    #[schemars(regex(pattern = r"^arn:aws[^:]*:sns:[^:]*:[0-9]{12}:[A-Za-z0-9_.-]{1,256}$"))]
    topic: Option<String>,
    /// The address, as one variable and nothing else: whoever has it can write there. A Pushgateway's may be in clear.
    #[schemars(with = "Option<String>", regex(pattern = CLEAR_OR_VARIABLE))]
    url: Option<Secret>,
    /// The token that goes with a webhook's address.
    bearer: Option<Secret>,
    /// The sender's address.
    #[schemars(regex(pattern = ADDRESS))]
    from: Option<String>,
    /// The addresses of who gets it.
    #[schemars(length(min = 1, max = MOST_ADDRESSES), inner(regex(pattern = ADDRESS)))]
    to: Option<Vec<String>>,
}

/// What [`check_address`] takes, but for its length.
const ADDRESS: &str = r#"^[^\s"(),:;<>\[\\\]@]+@[^\s"(),:;<>\[\\\]@]+$"#;

/// An address without what could be a secret in it, or one variable.
const CLEAR_OR_VARIABLE: &str = r"^\$\{[A-Za-z_][A-Za-z0-9_]*\}$|^[^@?#]*$";

/// The kinds, with the keys that each has to have and may have.
const KEYS: [(&str, &[&str], &[&str]); 5] = [
    ("sns", &["topic"], &[]),
    ("slack", &["url"], &[]),
    ("email", &["from", "to"], &[]),
    ("webhook", &["url"], &["bearer"]),
    ("pushgateway", &["url"], &[]),
];

const KINDS: [&str; 5] = ["sns", "slack", "email", "webhook", "pushgateway"];

/// Says in the schema of a plan which keys go with which kind.
fn of_kinds(schema: &mut Schema) {
    let all = ["topic", "url", "bearer", "from", "to"];
    let rules = KEYS.map(|(kind, needed, more)| {
        let none = all.into_iter().filter(|key| !needed.contains(key) && !more.contains(key));
        let mut keys: Map<String, Value> = none.map(|key| (key.to_owned(), false.into())).collect();
        if needed.contains(&"url") && kind != "pushgateway" {
            keys.insert("url".into(), json!({ "pattern": ONE_VARIABLE }));
        }
        json!({
            "if": { "properties": { "kind": { "const": kind } }, "required": ["kind"] },
            "then": { "required": needed, "properties": keys },
        })
    });
    schema.insert("allOf".into(), Value::from(rules.to_vec()));
}

impl TryFrom<Form> for Notice {
    type Error = String;

    fn try_from(form: Form) -> Result<Self, String> {
        let name = form.name.clone();
        notice(form).map_err(|error| format!("notice `{name}`: {error}"))
    }
}

fn notice(form: Form) -> Result<Notice, String> {
    let kind = form.kind.as_str();
    if !KINDS.contains(&kind) {
        return Err(
            "kind: there is no such kind, expected `sns`, `slack`, `email`, `webhook` or `pushgateway`"
                .into(),
        );
    }
    let only_failures = match form.only.as_deref() {
        None => false,
        Some("failures") => true,
        Some(_) => return Err("only: write only = \"failures\", or drop it to be told of every run".into()),
    };
    for (key, given, of) in [
        ("topic", form.topic.is_some(), &["sns"][..]),
        ("url", form.url.is_some(), &["slack", "webhook", "pushgateway"]),
        ("bearer", form.bearer.is_some(), &["webhook"]),
        ("from", form.from.is_some(), &["email"]),
        ("to", form.to.is_some(), &["email"]),
    ] {
        if given && !of.contains(&kind) {
            return Err(format!("{key} is for kind {}; drop it", of.join(", ")));
        }
    }
    let missing = |key: &str| format!("missing field `{key}`, which kind = \"{kind}\" needs");
    let url = form.url.ok_or_else(|| missing("url"));
    let kind = match kind {
        "sns" => NoticeKind::Sns { topic: form.topic.ok_or_else(|| missing("topic"))? },
        "slack" => NoticeKind::Slack { url: url? },
        "webhook" => NoticeKind::Webhook { url: url?, bearer: form.bearer },
        "pushgateway" => NoticeKind::Pushgateway { url: url? },
        _ => {
            let from = form.from.ok_or_else(|| missing("from"))?;
            NoticeKind::Email { from, to: form.to.ok_or_else(|| missing("to"))? }
        }
    };
    Ok(Notice { name: form.name, kind, only_failures })
}

/// What is wrong with the notices of a plan in view of its environment: two of one name, one that its provider does not
/// have, a topic or an address that is none.
///
/// # Errors
/// A sentence.
pub fn check_notices(notices: &[Notice], provider: Provider, region: &str) -> Result<(), String> {
    for (place, notice) in notices.iter().enumerate() {
        let name = &notice.name;
        if name.trim().is_empty() {
            return Err("a name is blank; give each a name that reports can show".into());
        }
        if notices[..place].iter().any(|earlier| earlier.name == *name) {
            return Err(format!("two are called `{name}`; give each a name of its own"));
        }
        let wrong = |error: String| format!("notice `{name}`: {error}");
        if notice.kind.needs_control_plane() && provider == Provider::Sandbox {
            return Err(wrong(format!(
                "the sandbox has no {}; use slack, webhook or pushgateway there",
                if matches!(notice.kind, NoticeKind::Sns { .. }) { "SNS" } else { "SES" }
            )));
        }
        match &notice.kind {
            NoticeKind::Sns { topic } => check_topic(topic, region).map_err(wrong)?,
            NoticeKind::Email { from, to } => {
                check_address("from", from).map_err(wrong)?;
                to.iter().try_for_each(|address| check_address("to", address)).map_err(wrong)?;
                if to.is_empty() || to.len() > MOST_ADDRESSES {
                    return Err(wrong(format!("to: give from 1 to {MOST_ADDRESSES} addresses")));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// In a plan that is printed, variables may have no value.
fn is_open(text: &str) -> bool {
    text.contains("${")
}

fn check_topic(topic: &str, region: &str) -> Result<(), String> {
    if is_open(topic) {
        return Ok(());
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let form = "topic: this is no ARN of a topic; write arn:aws:sns:REGION:ACCOUNT:NAME";
    let [arn, partition, "sns", of, account, topic_name] = topic.split(':').collect::<Vec<_>>()[..] else {
        return Err(form.into());
    };
    let account_fits = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let name_fits = !topic_name.is_empty() && topic_name.len() <= 256 && topic_name.chars().all(plain);
    if arn != "arn" || !partition.starts_with("aws") || !account_fits || !name_fits {
        return Err(form.into());
    }
    if topic_name.ends_with(".fifo") {
        return Err("topic: a FIFO topic reaches queues alone; give a standard one".into());
    }
    if of != region && !is_open(region) {
        return Err(format!(
            "topic: it is in region {of} and the plan's environment in {region}; give one of that region"
        ));
    }
    Ok(())
}

fn check_address(key: &str, address: &str) -> Result<(), String> {
    if is_open(address) {
        return Ok(());
    }
    let sane = |c: char| c.is_ascii_graphic() && !"\"(),:;<>[\\]".contains(c);
    match address.split_once('@') {
        Some((local, domain))
            if !local.is_empty()
                && !domain.is_empty()
                && !domain.contains('@')
                && address.len() <= 320
                && address.chars().all(sane) =>
        {
            Ok(())
        }
        _ => Err(format!("{key}: this is no plain address; write it as name@example.com")),
    }
}

#[cfg(test)]
#[path = "plan_notices_tests.rs"]
mod tests;
