//! Secrets at rest: sealed with a key made from those of the installation, for one purpose and one place.
//!
//! A sealed secret is `<key id>.<base64url of nonce ‖ ciphertext ‖ tag>`, ChaCha20-Poly1305 (RFC 8439). The place is bound as
//! additional data, so that one that is put elsewhere cannot be opened. The newest key seals, all open.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use data_encoding::HEXLOWER;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sha2::{Digest as _, Sha256};

use super::{Error, Random, Result, token::Keys};

/// Letters of a key's id.
const KEY_ID_LETTERS: usize = 8;

/// The keys of one purpose, newest first.
pub struct Seal(Vec<(String, LessSafeKey)>);

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Seal({}, redacted)", self.0.len())
    }
}

impl Seal {
    /// The keys for `purpose`, such as `webhook-secret`.
    ///
    /// # Errors
    /// `Internal` where the library refuses a key.
    pub fn new(keys: &Keys, purpose: &str) -> Result<Self> {
        let named = |bytes: [u8; 32]| {
            let id = HEXLOWER.encode(&Sha256::digest(bytes))[..KEY_ID_LETTERS].to_owned();
            let key = UnboundKey::new(&CHACHA20_POLY1305, &bytes)
                .map_err(|error| Error::internal(format!("a sealing key: {error}")))?;
            Ok((id, LessSafeKey::new(key)))
        };
        keys.derived(purpose).into_iter().map(named).collect::<Result<_>>().map(Self)
    }

    /// The id of the key that seals now; what another sealed should be sealed anew.
    pub fn key_id(&self) -> &str {
        &self.0[0].0
    }

    /// Seals `secret` for `place`.
    ///
    /// # Errors
    /// `Internal` where the library refuses.
    pub fn seal(&self, place: &str, secret: &[u8], random: &dyn Random) -> Result<String> {
        let (id, key) = &self.0[0];
        // 96 random bits: good for 2^32 secrets (NIST SP 800-38D section 8.3 has the same bound), and we seal a few.
        let mut bytes = [0; NONCE_LEN].to_vec();
        random.fill(&mut bytes);
        let nonce = Nonce::try_assume_unique_for_key(&bytes)
            .map_err(|error| Error::internal(format!("a nonce: {error}")))?;
        let mut sealed = secret.to_vec();
        key.seal_in_place_append_tag(nonce, Aad::from(place.as_bytes()), &mut sealed)
            .map_err(|error| Error::internal(format!("sealing: {error}")))?;
        bytes.extend(sealed);
        Ok(format!("{id}.{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Opens what was sealed for `place`.
    ///
    /// # Errors
    /// `Unavailable` where the key that sealed it is not in the file of keys any more, `Internal` for what was changed or moved.
    pub fn open(&self, place: &str, sealed: &str) -> Result<Vec<u8>> {
        let spoilt = || Error::internal(format!("what is sealed for {place} was changed, or moved there"));
        let (id, rest) = sealed.split_once('.').ok_or_else(spoilt)?;
        let (_, key) = self.0.iter().find(|(known, _)| known == id).ok_or_else(|| {
            Error::unavailable(format!(
                "a secret was sealed with a key that is no longer in secrets.token_keys_file (its id is {id}); put the key back"
            ))
        })?;
        let mut bytes = URL_SAFE_NO_PAD.decode(rest).map_err(|_| spoilt())?;
        if bytes.len() < NONCE_LEN {
            return Err(spoilt());
        }
        let mut secret = bytes.split_off(NONCE_LEN);
        let nonce = Nonce::try_assume_unique_for_key(&bytes).map_err(|_| spoilt())?;
        let opened =
            key.open_in_place(nonce, Aad::from(place.as_bytes()), &mut secret).map_err(|_| spoilt())?;
        Ok(opened.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::kernel::{Kind, random::SeededRandom};

    fn seal(secrets: &[u8]) -> Seal {
        let secrets: Vec<Vec<u8>> = secrets.iter().map(|byte| vec![*byte; 32]).collect();
        Seal::new(&Keys::new(&secrets).unwrap(), "test").unwrap()
    }

    #[test]
    fn what_is_sealed_opens_in_its_place_alone_also_after_a_change_of_keys() {
        let random = SeededRandom::new(1);
        let sealed = seal(&[1]).seal("whe_1", b"a secret", &random).unwrap();
        assert_ne!(sealed, seal(&[1]).seal("whe_1", b"a secret", &random).unwrap(), "no two are alike");
        assert_eq!(seal(&[1]).open("whe_1", &sealed).unwrap(), b"a secret");
        assert!(seal(&[1]).open("whe_2", &sealed).is_err());
        let changed = seal(&[2, 1]);
        assert_eq!(changed.open("whe_1", &sealed).unwrap(), b"a secret");
        assert!(!sealed.starts_with(changed.key_id()));
        assert_eq!(seal(&[2]).open("whe_1", &sealed).unwrap_err().kind(), Kind::Unavailable);
        let keys = Keys::new(&[vec![1; 32]]).unwrap();
        assert!(Seal::new(&keys, "other").unwrap().open("whe_1", &sealed).is_err());
    }

    #[test]
    fn every_letter_matters() {
        let sealed = seal(&[1]).seal("p", b"a secret", &SeededRandom::new(1)).unwrap();
        for at in 0..sealed.len() {
            let mut bent = sealed.clone().into_bytes();
            bent[at] = if bent[at] == b'A' { b'B' } else { b'A' };
            assert!(seal(&[1]).open("p", &String::from_utf8(bent).unwrap()).is_err(), "letter {at}");
        }
        for short in ["", ".", "x.", "00000000.AAAA"] {
            assert!(seal(&[1]).open("p", short).is_err());
        }
    }
}
