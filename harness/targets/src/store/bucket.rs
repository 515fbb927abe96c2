//! A bucket whose objects are written once: listed, read, and put where none is.
//!
//! That no object is written over is for the bucket to keep: S3 does, asked with `If-None-Match: *`, and a stand-in that does
//! not know that header may not. Who may delete objects is not seen here.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use tokio::time::timeout;

use super::StoreError;
use crate::{Aws, AwsError, Effect};

/// The most objects that are listed.
const MOST: usize = 100_000;

/// The most that is read of an object, in bytes.
const LONGEST: usize = 1 << 20;

/// Until an object is read whole. The limits of a call end with the head of its answer.
const READ: Duration = Duration::from_secs(20);

const REGION: &str = "x-amz-bucket-region";

/// A bucket.
#[derive(Debug, Clone)]
pub struct Bucket {
    aws: Aws,
    client: Client,
    name: String,
}

impl Bucket {
    /// The bucket of that name, at AWS or another endpoint. It is asked where it is, whatever region the caller is set to; one
    /// that does not say is taken for one of this region.
    pub async fn open(aws: &Aws, region: &str, endpoint: Option<&str>, name: &str) -> Self {
        let client = aws.s3_at(region, endpoint);
        let told = client.head_bucket().bucket(name).send().await;
        let told = match &told {
            Ok(answer) => answer.bucket_region(),
            // It is told also to whom the bucket is refused.
            Err(error) => error.raw_response().and_then(|answer| answer.headers().get(REGION)),
        };
        let client = match told {
            Some(other) if other != region => aws.s3_at(other, endpoint),
            _ => client,
        };
        Self { aws: aws.clone(), client, name: name.into() }
    }

    /// The keys that begin so, in their order, from the one after `after` on.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn keys(&self, prefix: &str, after: Option<&str>) -> Result<Vec<String>, StoreError> {
        let mut keys = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let page = self
                .aws
                .read(|| async {
                    let call = self.client.list_objects_v2().bucket(&self.name).prefix(prefix);
                    let call = call.set_start_after(after.map(str::to_owned));
                    let call = call.set_continuation_token(next.clone());
                    call.send().await.map_err(|error| AwsError::of("ListObjectsV2", &error))
                })
                .await?;
            keys.extend(page.contents().iter().filter_map(|object| object.key()).map(str::to_owned));
            if keys.len() > MOST {
                return Err(StoreError::TooMany(MOST));
            }
            next = page.next_continuation_token().map(str::to_owned);
            if next.is_none() {
                return Ok(keys);
            }
        }
    }

    /// What an object holds.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn read(&self, key: &str) -> Result<Vec<u8>, StoreError> {
        let bytes = self.aws.read(|| self.get(key)).await?;
        match bytes.len() > LONGEST {
            true => Err(StoreError::TooLong { key: key.into(), most: LONGEST }),
            false => Ok(bytes),
        }
    }

    /// Puts an object where there is none; `false` where there is one, which stays as it is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn put_new(&self, key: &str, bytes: &[u8]) -> Result<bool, StoreError> {
        let call = || async {
            let call = self.client.put_object().bucket(&self.name).key(key).if_none_match("*");
            let call = call.content_type("application/json").body(ByteStream::from(bytes.to_vec()));
            call.send().await.map(drop).map_err(|error| AwsError::of("PutObject", &error))
        };
        // After an answer that was lost it may be there, and be this one or another's.
        let is_there = || async {
            // Who may not list all of the bucket is told of an object that is not there that it is refused.
            if !self.lists(key).await? {
                return Ok(false);
            }
            match self.get(key).await {
                Ok(found) => Ok(found == bytes),
                Err(error) if error.code == "NoSuchKey" => Ok(false),
                Err(error) => Err(error),
            }
        };
        match self.aws.change(call, is_there).await {
            Ok(_) => Ok(true),
            // The second is of two that are written at the same moment.
            Err(error)
                if matches!(error.code.as_str(), "PreconditionFailed" | "ConditionalRequestConflict") =>
            {
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// One look at the list of the key's folder, whether the key is in it.
    async fn lists(&self, key: &str) -> Result<bool, AwsError> {
        let folder = key.rfind('/').map_or("", |end| &key[..=end]);
        let mut before = key.to_owned();
        before.pop();
        let call = self.client.list_objects_v2().bucket(&self.name).prefix(folder).start_after(before);
        let page = call.send().await.map_err(|error| AwsError::of("ListObjectsV2", &error))?;
        Ok(page.contents().iter().any(|object| object.key() == Some(key)))
    }

    /// One look at an object: no more than a byte above [`LONGEST`] matters.
    async fn get(&self, key: &str) -> Result<Vec<u8>, AwsError> {
        const CALL: &str = "GetObject";
        let failed = |code: &str, message: String| AwsError {
            call: CALL,
            code: code.into(),
            message,
            effect: Effect::Perhaps,
        };
        let reading = async {
            let sent = self.client.get_object().bucket(&self.name).key(key).send().await;
            let mut answer = sent.map_err(|error| AwsError::of(CALL, &error))?;
            let mut bytes = Vec::new();
            while bytes.len() <= LONGEST {
                let part = answer.body.try_next().await;
                let Some(part) = part.map_err(|error| failed("no-answer", error.to_string()))? else { break };
                bytes.extend_from_slice(&part);
            }
            Ok(bytes)
        };
        let ended = timeout(READ, reading).await;
        ended.unwrap_or_else(|_| Err(failed("timeout", format!("`{key}` was not read within {READ:?}"))))
    }
}

#[cfg(test)]
#[path = "bucket_tests.rs"]
mod tests;
