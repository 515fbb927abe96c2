//! A statement in a signed envelope: DSSE in a Sigstore bundle, which others' tools verify as well.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::key::{KeyError, PublicKey, SigningKey};
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
}

impl Bundle {
    /// Signs a statement.
    ///
    /// # Errors
    /// If the system gives no random numbers.
    pub fn sign(statement: &Statement, key: &SigningKey) -> Result<Self, KeyError> {
        let payload = statement.bytes();
        let signature = key.sign(&pae(IN_TOTO, &payload))?;
        Ok(Self {
            media_type: BUNDLE.into(),
            verification_material: Material { public_key: Hint { hint: key.public().hint() } },
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
