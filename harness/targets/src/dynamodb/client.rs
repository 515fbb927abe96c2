//! Calls to Amazon DynamoDB.

use aws_sdk_dynamodb::Client;

use crate::Aws;

/// Amazon DynamoDB as one caller sees it.
#[derive(Debug, Clone)]
pub struct Dynamo {
    client: Client,
    aws: Aws,
}

impl Dynamo {
    /// Through a control plane's connection.
    pub fn new(aws: &Aws) -> Self {
        Self { client: Client::new(aws.config()), aws: aws.clone() }
    }

    /// The connection that it uses.
    pub fn aws(&self) -> &Aws {
        &self.aws
    }

    #[expect(dead_code, reason = "the calls of the drills come with them")]
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }
}
