//! Signed, purpose-bound tokens for links in mail: what a token may do is part of what is signed.
//!
//! A token is base64url of `payload ‖ MAC`, the MAC being the first 16 bytes of HMAC-SHA256 (RFC 2104) over
//! `purpose ‖ 0 ‖ payload`. Tokens hold ids alone, never targets and never personal data; whoever reads one
//! looks the rest up. Old keys stay valid for reading, so rotating a key breaks no link already sent.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::{Error, Result};

/// Bytes of the MAC that a token carries (128 bits).
const MAC_BYTES: usize = 16;

/// What a token is good for; a token of one purpose is worthless for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Follow a tracked link.
    Click,
    /// Credit what happens on a page to the mail that led there, and nothing else: people share such addresses.
    Via,
    /// Unsubscribe from, or choose, newsletters.
    Preferences,
    /// See and answer a lead offer.
    Offer,
    /// See and claim a lead that is called out.
    Claim,
    /// Open the desk of somebody who works leads.
    Desk,
    /// Sign in to the console, once.
    SignIn,
    /// Come back to what a form unlocked (download).
    Access,
    /// Ask whether one-click unsubscribing answers, without unsubscribing anybody.
    Doctor,
    /// Report what became of a mail: the envelope sender's address.
    ReturnPath,
    /// Unsubscribe by writing to an address.
    UnsubscribeMail,
    /// Tell how long a page was in view.
    Stay,
    /// Look into a calendar of newsletters and webinars, and nothing else.
    Calendar,
    /// Read a feed of what a partner gets, and nothing else.
    Feed,
    /// Follow a link that a partner spreads.
    Placed,
    /// Be known by the hidden link of a page.
    Trap,
    /// Prove that a form was worth some work.
    Proof,
    /// See and approve a post in a partner's account at a social network.
    Post,
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Click => b"click",
            Self::Via => b"via",
            Self::Preferences => b"preferences",
            Self::Offer => b"offer",
            Self::Claim => b"claim",
            Self::Desk => b"desk",
            Self::SignIn => b"sign-in",
            Self::Access => b"access",
            Self::Doctor => b"doctor",
            Self::ReturnPath => b"return-path",
            Self::UnsubscribeMail => b"unsubscribe-mail",
            Self::Stay => b"stay",
            Self::Calendar => b"calendar",
            Self::Feed => b"feed",
            Self::Placed => b"placed",
            Self::Trap => b"trap",
            Self::Proof => b"proof",
            Self::Post => b"post",
        }
    }
}

/// The keys of an installation, newest first: the first signs, all verify.
#[derive(Clone)]
pub struct Keys(Vec<Hmac<Sha256>>);

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({}, redacted)", self.0.len())
    }
}

impl Keys {
    /// From secrets of at least 32 bytes, newest first.
    ///
    /// # Errors
    /// No secret, or one that is too short.
    pub fn new(secrets: &[Vec<u8>]) -> Result<Self> {
        if secrets.is_empty() || secrets.iter().any(|secret| secret.len() < 32) {
            return Err(Error::invalid("a token key of at least 32 bytes is needed"));
        }
        secrets
            .iter()
            .map(|secret| {
                Hmac::<Sha256>::new_from_slice(secret)
                    .map_err(|error| Error::internal("token key").because(error))
            })
            .collect::<Result<_>>()
            .map(Self)
    }

    /// Signs `payload` for `purpose`.
    pub fn sign(&self, purpose: Purpose, payload: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(self.signed(purpose, payload))
    }

    /// The same for the local part of an address: base32 in lower case (RFC 4648 section 6), because mail servers may
    /// change the case. A payload of 16 bytes makes 52 characters, of the 64 that a local part may have.
    pub fn sign_for_address(&self, purpose: Purpose, payload: &[u8]) -> String {
        BASE32_NOPAD.encode(&self.signed(purpose, payload)).to_ascii_lowercase()
    }

    fn signed(&self, purpose: Purpose, payload: &[u8]) -> Vec<u8> {
        let mut token = Vec::with_capacity(payload.len() + MAC_BYTES);
        token.extend_from_slice(payload);
        token.extend_from_slice(&mac(&self.0[0], purpose, payload));
        token
    }

    /// The payload of `token`, if it was signed for `purpose` and holds exactly `N` bytes.
    ///
    /// # Errors
    /// `NotFound` for anything else, without saying which part was wrong.
    pub fn verify<const N: usize>(&self, purpose: Purpose, token: &str) -> Result<[u8; N]> {
        let refused = || Error::not_found("this link");
        if token.len() > 256 {
            return Err(refused());
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| refused())?;
        self.checked(purpose, &bytes)
    }

    /// As [`Keys::verify`], for what [`Keys::sign_for_address`] made, in any case.
    ///
    /// # Errors
    /// `NotFound` for anything else.
    pub fn verify_from_address<const N: usize>(&self, purpose: Purpose, token: &str) -> Result<[u8; N]> {
        let refused = || Error::not_found("this address");
        if token.len() > 64 {
            return Err(refused());
        }
        let bytes = BASE32_NOPAD.decode(token.to_ascii_uppercase().as_bytes()).map_err(|_| refused())?;
        self.checked(purpose, &bytes)
    }

    /// Keys for another use, of the same secrets and in the same order: HMAC-SHA256 over `derive ‖ 0 ‖ label`, whole. No token's
    /// purpose is called `derive`, so neither tells anything about the other.
    pub(super) fn derived(&self, label: &str) -> Vec<[u8; 32]> {
        let derive = |key: &Hmac<Sha256>| {
            let mut hmac = key.clone();
            hmac.update(b"derive\0");
            hmac.update(label.as_bytes());
            hmac.finalize().into_bytes().into()
        };
        self.0.iter().map(derive).collect()
    }

    fn checked<const N: usize>(&self, purpose: Purpose, bytes: &[u8]) -> Result<[u8; N]> {
        let refused = || Error::not_found("this link");
        let (payload, given) = bytes.split_last_chunk::<MAC_BYTES>().ok_or_else(refused)?;
        let payload: [u8; N] = payload.try_into().map_err(|_| refused())?;
        let valid = self.0.iter().any(|key| bool::from(mac(key, purpose, &payload).ct_eq(given)));
        if valid { Ok(payload) } else { Err(refused()) }
    }
}

fn mac(key: &Hmac<Sha256>, purpose: Purpose, payload: &[u8]) -> [u8; MAC_BYTES] {
    let mut hmac = key.clone();
    hmac.update(purpose.label());
    hmac.update(&[0]);
    hmac.update(payload);
    let full = hmac.finalize().into_bytes();
    let mut short = [0; MAC_BYTES];
    short.copy_from_slice(&full[..MAC_BYTES]);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(first: u8) -> Keys {
        Keys::new(&[vec![first; 32]]).unwrap()
    }

    #[test]
    fn a_token_serves_its_purpose_and_no_other() {
        let token = keys(1).sign(Purpose::Click, b"0123456789abcdef");
        assert_eq!(&keys(1).verify::<16>(Purpose::Click, &token).unwrap(), b"0123456789abcdef");
        assert!(keys(1).verify::<16>(Purpose::Preferences, &token).is_err());
        assert!(keys(2).verify::<16>(Purpose::Click, &token).is_err());
        assert!(keys(1).verify::<15>(Purpose::Click, &token).is_err());
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let token = keys(1).sign(Purpose::Preferences, b"0123456789abcdef");
        let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut bent = bytes.clone();
            bent[bit / 8] ^= 1 << (bit % 8);
            assert!(
                keys(1).verify::<16>(Purpose::Preferences, &URL_SAFE_NO_PAD.encode(bent)).is_err(),
                "bit {bit}"
            );
        }
    }

    #[test]
    fn a_token_in_an_address_survives_a_change_of_case_and_nothing_else() {
        let token = keys(1).sign_for_address(Purpose::ReturnPath, b"0123456789abcdef");
        assert_eq!(token.len(), 52);
        for spelt in [token.clone(), token.to_uppercase()] {
            let read = keys(1).verify_from_address::<16>(Purpose::ReturnPath, &spelt);
            assert_eq!(&read.unwrap(), b"0123456789abcdef");
        }
        assert!(keys(1).verify_from_address::<16>(Purpose::UnsubscribeMail, &token).is_err());
        assert!(keys(2).verify_from_address::<16>(Purpose::ReturnPath, &token).is_err());
        for at in 0..token.len() {
            for other in ['a', 'b', '7', '1', 'é', ' '] {
                let bent: String =
                    token.chars().enumerate().map(|(no, c)| if no == at { other } else { c }).collect();
                let read = keys(1).verify_from_address::<16>(Purpose::ReturnPath, &bent);
                assert!(bent == token || read.is_err(), "{bent}");
            }
        }
    }

    #[test]
    fn an_old_key_still_reads_its_tokens() {
        let old = keys(1).sign(Purpose::Click, b"0123456789abcdef");
        let rotated = Keys::new(&[vec![2; 32], vec![1; 32]]).unwrap();
        assert!(rotated.verify::<16>(Purpose::Click, &old).is_ok());
    }
}
