//! A CloudWatch alarm, metric or composite.
//!
//! Only ALARM trips. INSUFFICIENT_DATA counts as what cannot be read: an alarm without data protects nothing.

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{AlarmType, StateValue};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use lifeboat_engine::{Seen, StopLook};

use crate::{Aws, AwsError};

pub struct AlarmLook {
    client: Client,
    aws: Aws,
    name: String,
}

impl AlarmLook {
    pub fn new(aws: &Aws, name: &str) -> Self {
        Self { client: aws.cloudwatch(), aws: aws.clone(), name: name.into() }
    }

    async fn state(&self) -> Result<Option<(StateValue, String)>, AwsError> {
        let answer = self
            .aws
            .read(|| async {
                let call = self.client.describe_alarms().alarm_names(&self.name);
                // Without them AWS answers metric alarms only.
                let call = call.alarm_types(AlarmType::MetricAlarm).alarm_types(AlarmType::CompositeAlarm);
                call.send().await.map_err(|error| AwsError::of("DescribeAlarms", &error))
            })
            .await?;
        let metric =
            answer.metric_alarms().iter().map(|a| (a.alarm_name(), a.state_value(), a.state_reason()));
        let composite =
            answer.composite_alarms().iter().map(|a| (a.alarm_name(), a.state_value(), a.state_reason()));
        let mut found = metric.chain(composite).filter(|(name, ..)| *name == Some(&self.name));
        Ok(found.find_map(|(_, state, why)| Some((state?.clone(), why.unwrap_or_default().to_owned()))))
    }
}

impl StopLook for AlarmLook {
    fn look(&mut self) -> BoxFuture<'_, Seen> {
        async {
            let name = &self.name;
            match self.state().await {
                Ok(Some((StateValue::Ok, _))) => Seen::Well,
                Ok(Some((StateValue::Alarm, why))) => {
                    Seen::Trips(format!("CloudWatch alarm `{name}` is in ALARM: {why}"))
                }
                Ok(Some((state, why))) => {
                    Seen::Unreadable(format!("CloudWatch alarm `{name}` is in {}: {why}", state.as_str()))
                }
                Ok(None) => Seen::Unreadable(format!(
                    "there is no CloudWatch alarm `{name}` in this account and region; check its name"
                )),
                Err(error) => Seen::Unreadable(format!("CloudWatch alarm `{name}`: {error}")),
            }
        }
        .boxed()
    }
}
