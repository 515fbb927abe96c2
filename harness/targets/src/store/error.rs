//! Why S3 does not do what is asked, and what a person can do.

use thiserror::Error;

use crate::AwsError;

/// Why objects cannot be listed, read or written. The bucket is for the caller to name.
#[derive(Debug, Error)]
pub enum StoreError {
    /// A call that failed.
    #[error("{0}{advice}", advice = advice(.0))]
    Call(#[from] AwsError),
    /// More objects than are listed.
    #[error(
        "there are more than {0} objects below this prefix; give another one, that nothing else is kept below"
    )]
    TooMany(usize),
    /// An object that is larger than any of lifeboat's.
    #[error("`{key}` is larger than {most} bytes and not of lifeboat; move it away, or give another prefix")]
    TooLong {
        /// Its key.
        key: String,
        /// The most that is read of one.
        most: usize,
    },
}

impl StoreError {
    /// Whether it may be otherwise a little later, without anybody's doing.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Call(error) if error.is_passing())
    }
}

/// What a person can do, as the end of a sentence.
fn advice(error: &AwsError) -> &'static str {
    match error.code.as_str() {
        "NoSuchBucket" => "; make the bucket, or correct its name",
        "AccessDenied" | "AccessDeniedException" => {
            "; allow the caller s3:ListBucket on the bucket, and s3:GetObject and s3:PutObject below the prefix (`lifeboat \
             iam-policy PLAN --history` prints the statements)"
        }
        "InvalidAccessKeyId" | "SignatureDoesNotMatch" => {
            "; look at the credentials, and at AWS_ENDPOINT_URL_S3"
        }
        _ if error.is_unsupported() => "; this endpoint is not S3: set AWS_ENDPOINT_URL_S3, or unset it",
        _ => "",
    }
}
