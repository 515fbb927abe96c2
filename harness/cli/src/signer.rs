//! What signs: a key in a file, or one of AWS KMS.

use std::fs;
use std::path::Path;

use lifeboat_model::KmsKeyArn;
use lifeboat_reports::{Bundle, PublicKey, SigningKey, Statement};
use lifeboat_targets::{KmsError, KmsKey};
use sha2::{Digest as _, Sha256};

use crate::failure::Failure;
use crate::stores::Stores;

/// What signs.
pub enum Signer {
    /// A key in a file.
    File(Box<SigningKey>),
    /// A key of KMS, and its public one.
    Kms(Box<KmsKey>, PublicKey),
}

impl Signer {
    /// Reads the key of a file.
    ///
    /// # Errors
    /// If it is none.
    pub fn of_file(path: &Path) -> Result<Self, Failure> {
        let wrong = |why: &dyn std::fmt::Display| Failure::usage(format!("key {}: {why}", path.display()));
        let text = fs::read_to_string(path).map_err(|cause| wrong(&cause))?;
        SigningKey::from_pem(&text).map(|key| Self::File(Box::new(key))).map_err(|why| wrong(&why))
    }

    /// Asks KMS for the public key.
    ///
    /// # Errors
    /// If it does not answer, or the key is of another kind.
    pub async fn of_kms(stores: &Stores, arn: &KmsKeyArn) -> Result<Self, Failure> {
        if let Some(open) = arn.open() {
            return Err(Failure::usage(format!("{open} in [evidence] is not set; export it")));
        }
        let refused = |error: KmsError| match error.is_passing() {
            true => Failure::not_run(error),
            false => Failure::usage(error),
        };
        let key = stores.key(arn).await.map_err(refused)?;
        let public = PublicKey::from_der(key.public_der().to_vec());
        let public = public.map_err(|_| Failure::usage(key.is_no_p256()))?;
        Ok(Self::Kms(Box::new(key), public))
    }

    /// What others verify with.
    pub fn public(&self) -> PublicKey {
        match self {
            Self::File(key) => key.public(),
            Self::Kms(_, public) => public.clone(),
        }
    }

    /// Signs a statement. The signature is verified before anybody gets it.
    ///
    /// # Errors
    /// If the key does not sign, or what comes of it is no signature of this statement.
    pub async fn sign(&self, statement: &Statement) -> Result<Bundle, Failure> {
        let bytes = Bundle::to_sign(statement);
        let signature = match self {
            Self::File(key) => key.sign(&bytes).map_err(Failure::internal)?,
            Self::Kms(key, _) => key.sign(Sha256::digest(&bytes).into()).await.map_err(Failure::internal)?,
        };
        Bundle::signed(statement, &self.public(), &signature).map_err(Failure::internal)
    }
}
