//! A statement in a signed envelope: DSSE in a Sigstore bundle, which others' tools verify as well.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::key::PublicKey;
use super::statement::Statement;

/// The type of the payload.
const IN_TOTO: &str = "application/vnd.in-toto+json";

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// A bundle, as its file has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bundle {
    media_type: String,
    verification_material: Material,
    dsse_envelope: Envelope,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Material {
    public_key: Hint,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Hint {
    hint: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<Signature>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Signature {
    sig: String,
    keyid: String,
}

/// Why a bundle proves nothing.
#[derive(Debug, Error)]
pub enum BundleError {
    /// Another kind of file.
    #[error("it is no bundle that lifeboat signs: {0}")]
    Form(String),
    /// Somebody else's, or changed.
    #[error(
        "its signature is not of this key: it was changed since, or another key signed it (it names {names}, this key is {key})"
    )]
    Signature {
        /// The key that the bundle names.
        names: String,
        /// The key that was given.
        key: String,
    },
    /// Of what was just signed.
    #[error(
        "what came back as the signature is not one of this statement by the key {key}: it was spoilt on its way"
    )]
    NotOfKey {
        /// The key that was asked.
        key: String,
    },
}

impl Bundle {
    /// What is to be signed for a statement.
    pub fn to_sign(statement: &Statement) -> Vec<u8> {
        pae(IN_TOTO, &statement.bytes())
    }

    /// A statement with its signature, which is verified first: it may come from elsewhere.
    ///
    /// # Errors
    /// If the signature is not of this statement and key.
    pub fn signed(statement: &Statement, key: &PublicKey, signature: &[u8]) -> Result<Self, BundleError> {
        let payload = statement.bytes();
        if !key.verifies(&pae(IN_TOTO, &payload), signature) {
            return Err(BundleError::NotOfKey { key: key.hint() });
        }
        Ok(Self {
            media_type: BUNDLE.into(),
            verification_material: Material { public_key: Hint { hint: key.hint() } },
            dsse_envelope: Envelope {
                payload: STANDARD.encode(payload),
                payload_type: IN_TOTO.into(),
                signatures: vec![Signature { sig: STANDARD.encode(signature), keyid: String::new() }],
            },
        })
    }

    /// The statement, after its signature was verified; nothing of it is looked at before.
    ///
    /// # Errors
    /// If it is of another form, or not signed by this key.
    pub fn verify(&self, key: &PublicKey) -> Result<Statement, BundleError> {
        let form = |why: &str| BundleError::Form(why.into());
        if self.media_type != BUNDLE || self.dsse_envelope.payload_type != IN_TOTO {
            return Err(form("another media or payload type"));
        }
        let [signature] = &self.dsse_envelope.signatures[..] else {
            return Err(form("it has not one signature"));
        };
        let payload = self.payload().ok_or_else(|| form("its payload is no base64"))?;
        let signature = STANDARD.decode(&signature.sig).map_err(|_| form("its signature is no base64"))?;
        if !key.verifies(&pae(IN_TOTO, &payload), &signature) {
            let names = self.verification_material.public_key.hint.clone();
            return Err(BundleError::Signature { names, key: key.hint() });
        }
        serde_json::from_slice(&payload).map_err(|error| BundleError::Form(error.to_string()))
    }

    /// What is signed, as it is in the bundle: the bytes that a link of a chain is the digest of.
    pub fn payload(&self) -> Option<Vec<u8>> {
        STANDARD.decode(&self.dsse_envelope.payload).ok()
    }
}

/// What DSSE signs of a payload.
fn pae(kind: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {kind} {} ", kind.len(), body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

#[cfg(test)]
mod tests {
    use lifeboat_model::{FileDigest, Restoration, Verdict};
    use time::OffsetDateTime;

    use super::super::key::SigningKey;
    use super::super::statement::{Facts, Link, Of, Undone};
    use super::*;

    fn statement() -> Statement {
        let at = OffsetDateTime::UNIX_EPOCH;
        let run = Facts {
            of: Of::Run,
            run_id: "20261121-020000-0a0b0c".into(),
            simulated: true,
            environment: "test".into(),
            account: None,
            region: "eu-west-1".into(),
            started_at: at,
            ended_at: at,
            verdict: Verdict::Passed,
            restoration: Restoration::Clean,
            tool_version: "0.1.0".into(),
            previous: None,
        };
        let journal = FileDigest { name: "undo.jsonl".into(), sha256: "00".repeat(32), bytes: 1 };
        let undone = Undone {
            done: vec!["promoted".into()],
            left: Vec::new(),
            started_at: at,
            ended_at: at,
            tool_version: "0.1.0".into(),
        };
        let previous = Link { run_id: run.run_id.clone(), sha256: "11".repeat(32) };
        Statement::of_undo(&run, &journal, &undone, previous)
    }

    fn key() -> SigningKey {
        SigningKey::from_pem(&SigningKey::generate().unwrap()).unwrap()
    }

    #[test]
    fn what_is_signed_comes_back() {
        let (statement, key) = (statement(), key());
        let signature = key.sign(&Bundle::to_sign(&statement)).unwrap();
        let bundle = Bundle::signed(&statement, &key.public(), &signature).unwrap();
        assert_eq!(bundle.verify(&key.public()).unwrap(), statement);
        assert_eq!(bundle.payload(), Some(statement.bytes()));
    }

    /// One that was spoilt, of another key, or of other bytes makes no bundle.
    #[test]
    fn a_signature_that_is_none_makes_no_bundle() {
        let (statement, key) = (statement(), key());
        let good = key.sign(&Bundle::to_sign(&statement)).unwrap();
        let mut spoilt = good.clone();
        *spoilt.last_mut().unwrap() ^= 1;
        let of_another = self::key().sign(&Bundle::to_sign(&statement)).unwrap();
        let of_other_bytes = key.sign(&statement.bytes()).unwrap();
        for signature in [spoilt, of_another, of_other_bytes, Vec::new(), good[1..].to_vec()] {
            let error = Bundle::signed(&statement, &key.public(), &signature).unwrap_err();
            assert!(error.to_string().contains("spoilt on its way"), "{error}");
        }
    }
}
