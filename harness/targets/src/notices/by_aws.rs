//! Notices that AWS sends, with the credentials, endpoint and limits of the run's other calls.

use aws_sdk_sesv2::error::BuildError;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message};

use super::tried::{Unsent, twice};
use crate::{Aws, AwsError, Effect};

/// Publishes to a topic of SNS.
///
/// # Errors
/// Why not.
pub async fn publish(aws: &Aws, topic: &str, subject: &str, text: &str) -> Result<(), String> {
    let client = aws.sns();
    let call = client.publish().topic_arn(topic).subject(subject).message(text);
    twice(|| async {
        let sent = call.clone().send().await;
        sent.map(drop).map_err(|error| unsent(&AwsError::of("Publish", &error)))
    })
    .await
}

/// Sends an e-mail through SES.
///
/// # Errors
/// Why not.
pub async fn mail(aws: &Aws, from: &str, to: &[String], subject: &str, text: &str) -> Result<(), String> {
    let client = aws.sesv2();
    let message = message(subject, text).map_err(|error| format!("no message can be made: {error}"))?;
    let to = Destination::builder().set_to_addresses(Some(to.to_vec())).build();
    let call = client.send_email().from_email_address(from).destination(to).content(message);
    twice(|| async {
        let sent = call.clone().send().await;
        sent.map(drop).map_err(|error| unsent(&AwsError::of("SendEmail", &error)))
    })
    .await
}

fn message(subject: &str, text: &str) -> Result<EmailContent, BuildError> {
    let content = |text: &str| Content::builder().data(text).charset("UTF-8").build();
    let message =
        Message::builder().subject(content(subject)?).body(Body::builder().text(content(text)?).build());
    Ok(EmailContent::builder().simple(message.build()).build())
}

fn unsent(error: &AwsError) -> Unsent {
    Unsent { why: error.to_string(), again: error.effect == Effect::None && error.is_passing() }
}
