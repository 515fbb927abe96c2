//! A key of AWS KMS that signs.
//!
//! Only its signatures leave KMS. Whether one is good is for the caller to look at, with the public key: what comes back may
//! have been changed on its way, or be of a stand-in.

use std::time::Duration;

use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{KeySpec, KeyUsageType, MessageType, SigningAlgorithmSpec};
use lifeboat_model::KmsKeyArn;
use thiserror::Error;
use tokio::time::timeout;

use crate::{Aws, AwsError};

/// Until a key has told its public key, or signed, however often it is asked.
const LIMIT: Duration = Duration::from_secs(30);

/// Why a key does not sign.
#[derive(Debug, Error)]
pub enum KmsError {
    /// A call that failed.
    #[error("KMS key {key}: {error}{advice}", advice = advice(.error))]
    Call {
        /// The key's ARN.
        key: String,
        /// What was answered.
        error: AwsError,
    },
    /// Another kind of key.
    #[error(
        "KMS key {key} is {is}; one that signs evidence has the key spec ECC_NIST_P256 and the usage SIGN_VERIFY, which it has \
         for good: make another"
    )]
    Kind {
        /// The key's ARN.
        key: String,
        /// What it is instead, with an article.
        is: String,
    },
    /// No end of it.
    #[error("KMS key {key} did not answer within {LIMIT:?}")]
    Late {
        /// The key's ARN.
        key: String,
    },
}

impl KmsError {
    /// Whether it may be otherwise a little later, without anybody's doing.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Call { error, .. } => error.is_passing(),
            Self::Kind { .. } => false,
            Self::Late { .. } => true,
        }
    }
}

/// A key that signs.
#[derive(Debug, Clone)]
pub struct KmsKey {
    aws: Aws,
    client: Client,
    arn: String,
    /// The key itself where the ARN is of an alias, which may be given to another one meanwhile.
    id: String,
    public: Vec<u8>,
}

impl KmsKey {
    /// Asks for the public key, and looks whether it is one that signs evidence.
    ///
    /// # Errors
    /// [`KmsError`].
    pub async fn open(aws: &Aws, endpoint: Option<&str>, arn: &KmsKeyArn) -> Result<Self, KmsError> {
        let client = aws.kms_at(arn.region(), endpoint);
        let key = || arn.as_str().to_owned();
        let call = || async {
            let sent = client.get_public_key().key_id(arn.as_str()).send().await;
            sent.map_err(|error| AwsError::of("GetPublicKey", &error))
        };
        let asked = timeout(LIMIT, aws.read(call)).await.map_err(|_| KmsError::Late { key: key() })?;
        let answer = asked.map_err(|error| KmsError::Call { key: key(), error })?;
        let wrong = |is: String| KmsError::Kind { key: key(), is };
        match (answer.key_usage(), answer.key_spec()) {
            (Some(KeyUsageType::SignVerify), None | Some(KeySpec::EccNistP256)) => {}
            (Some(KeyUsageType::SignVerify), Some(other)) => return Err(wrong(format!("an {other}"))),
            (usage, _) => {
                let usage = usage.map_or("no usage", KeyUsageType::as_str);
                return Err(wrong(format!("a key for {usage}")));
            }
        }
        let public = answer.public_key().map(|blob| blob.as_ref().to_vec());
        Ok(Self {
            aws: aws.clone(),
            client,
            arn: key(),
            id: answer.key_id().unwrap_or(arn.as_str()).to_owned(),
            public: public.ok_or_else(|| wrong("a key without a public one".into()))?,
        })
    }

    /// The public key, as the DER of its `SubjectPublicKeyInfo`.
    pub fn public_der(&self) -> &[u8] {
        &self.public
    }

    /// The same key, where another look at its public key shows that it is no key on P-256.
    pub fn is_no_p256(&self) -> KmsError {
        KmsError::Kind { key: self.arn.clone(), is: "a key on no P-256 curve".into() }
    }

    /// The signature, in DER, of what has this SHA-256.
    ///
    /// # Errors
    /// [`KmsError`].
    pub async fn sign(&self, sha256: [u8; 32]) -> Result<Vec<u8>, KmsError> {
        let call = || async {
            let call = self.client.sign().key_id(&self.id).message(Blob::new(sha256));
            let call = call.message_type(MessageType::Digest);
            let sent = call.signing_algorithm(SigningAlgorithmSpec::EcdsaSha256).send().await;
            let answer = sent.map_err(|error| AwsError::of("Sign", &error))?;
            answer.signature.map(Blob::into_inner).ok_or_else(|| AwsError::empty("Sign"))
        };
        // To sign twice harms nothing.
        let signed = timeout(LIMIT, self.aws.read(call)).await;
        let signed = signed.map_err(|_| KmsError::Late { key: self.arn.clone() })?;
        signed.map_err(|error| KmsError::Call { key: self.arn.clone(), error })
    }
}

/// What a person can do, as the end of a sentence.
fn advice(error: &AwsError) -> &'static str {
    match error.code.as_str() {
        "NotFoundException" => "; check the ARN in [evidence] of the plan, its region and account",
        "AccessDeniedException" | "AccessDenied" => {
            "; allow the caller kms:GetPublicKey and kms:Sign on it, in the key's policy as well (`lifeboat iam-policy` prints \
             the statements)"
        }
        "DisabledException" | "KMSInvalidStateException" => "; enable the key, or name another in [evidence]",
        "UnsupportedOperationException" => {
            "; one that signs evidence has the key spec ECC_NIST_P256 and the usage SIGN_VERIFY"
        }
        _ if error.is_unsupported() => "; this endpoint is not KMS: set AWS_ENDPOINT_URL_KMS, or unset it",
        _ => "",
    }
}
