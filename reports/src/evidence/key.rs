//! Keys for evidence: ECDSA on P-256 with SHA-256, as PEM files that openssl reads and makes as well.
//!
//! A key of one's own proves that nothing was changed since it signed. It proves no time, and nothing about who had the key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, UnparsedPublicKey,
};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// The DER of a public key on P-256 up to its point (RFC 5480): the algorithm, the curve, a bit string of 66 bytes.
const SPKI: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// The length of an uncompressed point.
const POINT: usize = 65;

const PRIVATE: &str = "PRIVATE KEY";
const PUBLIC: &str = "PUBLIC KEY";

/// Why a key is none.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum KeyError {
    /// Another kind of file.
    #[error("this is no PEM file with one `{0}`")]
    NotPem(&'static str),
    /// Another kind of key.
    #[error(
        "this is no key on P-256; `lifeboat keygen` makes one, and so does `openssl genpkey -algorithm EC -pkeyopt \
             ec_paramgen_curve:P-256`"
    )]
    NotP256,
    /// The system gave no random numbers.
    #[error("the system gave no random numbers")]
    NoRandom,
}

/// What signs. It is not printed.
pub struct SigningKey {
    pair: EcdsaKeyPair,
}

impl SigningKey {
    /// A new one, as the PEM of its file (PKCS #8, not encrypted).
    ///
    /// # Errors
    /// If the system gives no random numbers.
    pub fn generate() -> Result<String, KeyError> {
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new());
        Ok(pem(PRIVATE, made.map_err(|_| KeyError::NoRandom)?.as_ref()))
    }

    /// From the PEM of its file.
    ///
    /// # Errors
    /// If it is something else.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let der = der_in(text, PRIVATE)?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &der, &SystemRandom::new());
        Ok(Self { pair: pair.map_err(|_| KeyError::NotP256)? })
    }

    /// What others verify with.
    pub fn public(&self) -> PublicKey {
        let point = self.pair.public_key().as_ref();
        PublicKey { spki: [&SPKI, point].concat() }
    }

    /// The signature of these bytes, in DER.
    ///
    /// # Errors
    /// If the system gives no random numbers.
    pub fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, KeyError> {
        let signature = self.pair.sign(&SystemRandom::new(), bytes);
        Ok(signature.map_err(|_| KeyError::NoRandom)?.as_ref().to_vec())
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey(of {})", self.public().hint())
    }
}

/// What verifies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    spki: Vec<u8>,
}

impl PublicKey {
    /// From the PEM of its file.
    ///
    /// # Errors
    /// If it is something else.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        Self::from_der(der_in(text, PUBLIC)?)
    }

    /// From the DER of its `SubjectPublicKeyInfo`.
    ///
    /// # Errors
    /// If it is something else.
    pub fn from_der(spki: Vec<u8>) -> Result<Self, KeyError> {
        match spki.strip_prefix(&SPKI) {
            Some([4, rest @ ..]) if rest.len() + 1 == POINT => Ok(Self { spki }),
            _ => Err(KeyError::NotP256),
        }
    }

    /// The PEM of its file.
    pub fn pem(&self) -> String {
        pem(PUBLIC, &self.spki)
    }

    /// By which a bundle names it: the SHA-256 of its DER, in base64.
    pub fn hint(&self) -> String {
        STANDARD.encode(Sha256::digest(&self.spki))
    }

    /// Whether the signature is of these bytes and this key.
    pub fn verifies(&self, bytes: &[u8], signature: &[u8]) -> bool {
        let point = &self.spki[SPKI.len()..];
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(bytes, signature).is_ok()
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: String =
        text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned() + "\n").collect();
    format!("-----BEGIN {label}-----\n{lines}-----END {label}-----\n")
}

fn der_in(text: &str, label: &'static str) -> Result<Vec<u8>, KeyError> {
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let body = text.split_once(&begin).and_then(|(_, rest)| rest.split_once(&end));
    let (body, rest) = body.ok_or(KeyError::NotPem(label))?;
    if rest.contains("-----BEGIN ") {
        return Err(KeyError::NotPem(label));
    }
    let body: String = body.split_whitespace().collect();
    STANDARD.decode(body).map_err(|_| KeyError::NotPem(label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_from_its_file_and_verifies_what_it_signed() {
        let text = SigningKey::generate().unwrap();
        let key = SigningKey::from_pem(&text).unwrap();
        let public = PublicKey::from_pem(&key.public().pem()).unwrap();
        assert_eq!(public, key.public());
        let signature = key.sign(b"record").unwrap();
        assert!(public.verifies(b"record", &signature));
        assert!(!public.verifies(b"recorD", &signature));
        let other = SigningKey::from_pem(&SigningKey::generate().unwrap()).unwrap();
        assert!(!other.public().verifies(b"record", &signature));
        assert!(!format!("{key:?}").contains(&text[40..60]));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let private = SigningKey::generate().unwrap();
        let public = SigningKey::from_pem(&private).unwrap().public().pem();
        assert_eq!(PublicKey::from_pem(&private), Err(KeyError::NotPem(PUBLIC)));
        assert_eq!(SigningKey::from_pem(&public).unwrap_err(), KeyError::NotPem(PRIVATE));
        assert_eq!(PublicKey::from_pem(&format!("{public}{public}")), Err(KeyError::NotPem(PUBLIC)));
        assert_eq!(PublicKey::from_der(vec![0x30; 91]), Err(KeyError::NotP256));
        assert_eq!(SigningKey::from_pem(&pem(PRIVATE, b"no key")).unwrap_err(), KeyError::NotP256);
    }
}
