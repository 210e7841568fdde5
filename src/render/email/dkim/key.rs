//! Private keys for signing, from PEM, and their public half as DNS holds it.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::{
    rand::SystemRandom,
    signature::{self, Ed25519KeyPair, KeyPair, RsaKeyPair, UnparsedPublicKey},
};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject};

use crate::domain::{
    kernel::{Error, Result},
    sender::dkim::{DkimRecord, KeyType},
};

/// How to make a key that can be used.
const MAKE_ONE: &str = "make one with `openssl genrsa -out FILE 2048`";
/// AlgorithmIdentifier of rsaEncryption with its NULL (RFC 3279 section 2.3.1), DER.
const RSA_ALGORITHM: [u8; 15] =
    [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

/// A private key.
pub struct SigningKey(Pair);

enum Pair {
    Rsa(RsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl SigningKey {
    /// Reads PEM: RSA in PKCS#1 or PKCS#8 of 2048 to 4096 bits, or Ed25519 in PKCS#8.
    ///
    /// # Errors
    /// What is wrong with it and how to make one that is right; never repeats any of it.
    pub fn from_pem(pem: &[u8]) -> Result<Self> {
        let says = |words: &[u8]| memchr::memmem::find(pem, words).is_some();
        if says(b"BEGIN ENCRYPTED PRIVATE KEY") || says(b"Proc-Type: 4,ENCRYPTED") {
            return Err(Error::invalid(
                "the key is protected by a passphrase; write it without: `openssl pkey -in OLD -out FILE`, and let \
                 the file's permissions protect it",
            ));
        }
        let der = PrivateKeyDer::from_pem_slice(pem).map_err(|_| {
            let public = says(b"BEGIN PUBLIC KEY") || says(b"BEGIN CERTIFICATE");
            let what =
                if public { "holds a public key, not the private one" } else { "holds no private key" };
            Error::invalid(format!("the file {what} in PEM; {MAKE_ONE}"))
        })?;
        let rejected = |error: ring::error::KeyRejected| match error.to_string().as_str() {
            "TooSmall" => Error::invalid(format!("the RSA key is shorter than 2048 bits; {MAKE_ONE}")),
            "TooLarge" => Error::invalid(format!("the RSA key is longer than 4096 bits; {MAKE_ONE}")),
            why => Error::invalid(format!("the key cannot be used ({why}); {MAKE_ONE}")),
        };
        let pair = match &der {
            PrivateKeyDer::Pkcs1(der) => {
                Pair::Rsa(RsaKeyPair::from_der(der.secret_pkcs1_der()).map_err(rejected)?)
            }
            PrivateKeyDer::Pkcs8(der) => {
                let der = der.secret_pkcs8_der();
                match RsaKeyPair::from_pkcs8(der) {
                    Ok(pair) => Pair::Rsa(pair),
                    // OpenSSL leaves the public half out; it follows from the private one.
                    Err(rsa) => match Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
                        Ok(pair) => Pair::Ed25519(pair),
                        Err(ed25519) if rsa.to_string() == "WrongAlgorithm" => {
                            return Err(match ed25519.to_string().as_str() {
                                "WrongAlgorithm" => not_a_kind_we_sign_with(),
                                _ => rejected(ed25519),
                            });
                        }
                        Err(_) => return Err(rejected(rsa)),
                    },
                }
            }
            _ => return Err(not_a_kind_we_sign_with()),
        };
        Ok(Self(pair))
    }

    /// RSA or Ed25519.
    pub fn key_type(&self) -> KeyType {
        match self.0 {
            Pair::Rsa(_) => KeyType::Rsa,
            Pair::Ed25519(_) => KeyType::Ed25519,
        }
    }

    /// Length in bits.
    pub fn bits(&self) -> usize {
        match &self.0 {
            Pair::Rsa(pair) => pair.public().modulus_len() * 8,
            Pair::Ed25519(_) => 256,
        }
    }

    /// The public half as `p=` carries it: SubjectPublicKeyInfo for RSA, the 32 bytes for Ed25519 (RFC 8463).
    pub fn public(&self) -> Vec<u8> {
        match &self.0 {
            Pair::Rsa(pair) => rsa_public_info(pair.public().as_ref()),
            Pair::Ed25519(pair) => pair.public_key().as_ref().to_vec(),
        }
    }

    /// The record to publish, as one text.
    pub fn record(&self) -> String {
        format!("v=DKIM1; k={}; p={}", self.key_type().as_str(), STANDARD.encode(self.public()))
    }

    /// Whether `record` publishes the other half of this key.
    pub fn matches(&self, record: &DkimRecord) -> bool {
        let bare = match &self.0 {
            // Some publish the RSA key without its wrapping, and receivers take it.
            Pair::Rsa(pair) => record.key == pair.public().as_ref(),
            Pair::Ed25519(_) => false,
        };
        record.key_type == self.key_type() && (bare || record.key == self.public())
    }

    /// Signs the canonical headers.
    pub(super) fn sign(&self, data: &[u8]) -> Result<Vec<u8>> {
        match &self.0 {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&signature::RSA_PKCS1_SHA256, &SystemRandom::new(), data, &mut signature)
                    .map_err(|_| Error::internal("RSA signing failed"))?;
                Ok(signature)
            }
            // RFC 8463 section 3: the hash is what is signed.
            Pair::Ed25519(pair) => {
                Ok(pair.sign(ring::digest::digest(&ring::digest::SHA256, data).as_ref()).as_ref().to_vec())
            }
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({} {} bits)", self.key_type().as_str(), self.bits())
    }
}

fn not_a_kind_we_sign_with() -> Error {
    Error::invalid(format!("the key is neither RSA nor Ed25519, which is what DKIM knows; {MAKE_ONE}"))
}

/// SubjectPublicKeyInfo (RFC 5280 section 4.1) around an RSAPublicKey, both DER.
fn rsa_public_info(key: &[u8]) -> Vec<u8> {
    let mut bits = vec![0];
    bits.extend_from_slice(key);
    let mut inner = RSA_ALGORITHM.to_vec();
    inner.extend(der_value(0x03, &bits));
    der_value(0x30, &inner)
}

/// Tag, length and value in DER (X.690 section 8.1.3).
fn der_value(tag: u8, value: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = value.len().to_be_bytes();
    let significant = &length[length.iter().position(|byte| *byte != 0).unwrap_or(length.len() - 1)..];
    if significant.len() > 1 || significant[0] > 0x7f {
        out.push(0x80 | u8::try_from(significant.len()).unwrap_or(u8::MAX));
    }
    out.extend_from_slice(significant);
    out.extend_from_slice(value);
    out
}

/// The RSAPublicKey inside a SubjectPublicKeyInfo; `None` when `info` is none.
fn rsa_inside(info: &[u8]) -> Option<&[u8]> {
    let at = memchr::memmem::find(info, &RSA_ALGORITHM)? + RSA_ALGORITHM.len();
    let bits = info.get(at..)?.strip_prefix(&[0x03])?;
    let (&first, rest) = bits.split_first()?;
    let rest = if first < 0x80 { rest } else { rest.get(usize::from(first & 0x7f)..)? };
    rest.strip_prefix(&[0])
}

/// Whether `signature` over `data` was made with the private half of the key in `record`.
pub(super) fn is_signed_by(record: &DkimRecord, data: &[u8], signature: &[u8]) -> bool {
    match record.key_type {
        KeyType::Rsa => {
            let key = rsa_inside(&record.key).unwrap_or(&record.key);
            UnparsedPublicKey::new(&signature::RSA_PKCS1_2048_8192_SHA256, key)
                .verify(data, signature)
                .is_ok()
        }
        KeyType::Ed25519 => {
            let hash = ring::digest::digest(&ring::digest::SHA256, data);
            UnparsedPublicKey::new(&signature::ED25519, &record.key).verify(hash.as_ref(), signature).is_ok()
        }
    }
}
