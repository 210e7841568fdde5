//! Signatures as Standard Webhooks 1.0.0 has them: `v1` is HMAC-SHA256, `v1a` is Ed25519 (RFC 8032). What is signed is
//! `id.timestamp.body`, and several signatures stand in one header, separated by spaces, while keys are being changed.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use sha2::Sha256;

use crate::domain::kernel::{Error, Random, Result};

/// Begins a shared secret.
const SHARED: &str = "whsec_";
/// Begins a private key.
const PRIVATE: &str = "whsk_";
/// Begins a public key.
const PUBLIC: &str = "whpk_";
/// Bytes of a shared secret: fewest and most, by the specification.
const SHARED_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// Bytes of a secret that we make, and of an Ed25519 seed.
const BYTES: usize = 32;

/// Most signatures of one header that are looked at.
const SIGNATURES_MAX: usize = 10;

/// A key that signs for one endpoint.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// Known to both sides (`v1`), 24 to 64 bytes.
    Shared(Vec<u8>),
    /// The seed of an Ed25519 key, whose public half the receiver has (`v1a`).
    Pair([u8; BYTES]),
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({}, redacted)", self.version())
    }
}

impl Secret {
    /// A new shared secret.
    pub fn new_shared(random: &dyn Random) -> Self {
        let mut bytes = vec![0; BYTES];
        random.fill(&mut bytes);
        Self::Shared(bytes)
    }

    /// A new pair of keys.
    pub fn new_pair(random: &dyn Random) -> Self {
        let mut seed = [0; BYTES];
        random.fill(&mut seed);
        Self::Pair(seed)
    }

    /// Reads `whsec_…` or `whsk_…` (the seed, or seed and public key as some libraries write it).
    ///
    /// # Errors
    /// `Invalid`, without repeating what was given.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong =
            |why: &str| Error::invalid(format!("a secret is {SHARED} or {PRIVATE} and base64: {why}"));
        let (is_shared, rest) = match (text.strip_prefix(SHARED), text.strip_prefix(PRIVATE)) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => return Err(wrong("it begins otherwise")),
        };
        let bytes = STANDARD.decode(rest).map_err(|_| wrong("what follows is no base64"))?;
        if is_shared {
            return if SHARED_BYTES.contains(&bytes.len()) {
                Ok(Self::Shared(bytes))
            } else {
                Err(wrong("it must be of 24 to 64 bytes"))
            };
        }
        let seed = bytes.first_chunk::<BYTES>().filter(|_| matches!(bytes.len(), 32 | 64));
        let seed = *seed.ok_or_else(|| wrong("a private key has 32 or 64 bytes"))?;
        let pair = Self::Pair(seed);
        // Seed and public key that do not belong together would sign what nobody can verify.
        let fits = bytes.len() == BYTES || pair.public_bytes()? == bytes[BYTES..];
        if fits { Ok(pair) } else { Err(wrong("its public key is another's")) }
    }

    /// The secret in its usual form: for who is to have it, once.
    pub fn reveal(&self) -> String {
        match self {
            Self::Shared(bytes) => format!("{SHARED}{}", STANDARD.encode(bytes)),
            Self::Pair(seed) => format!("{PRIVATE}{}", STANDARD.encode(seed)),
        }
    }

    /// What the receiver verifies with: the shared secret itself, or the public key, `whpk_…`.
    ///
    /// # Errors
    /// `Internal` where the library refuses the key.
    pub fn for_receiver(&self) -> Result<String> {
        match self {
            Self::Shared(_) => Ok(self.reveal()),
            Self::Pair(_) => Ok(format!("{PUBLIC}{}", STANDARD.encode(self.public_bytes()?))),
        }
    }

    /// `v1` or `v1a`.
    pub fn version(&self) -> &'static str {
        match self {
            Self::Shared(_) => "v1",
            Self::Pair(_) => "v1a",
        }
    }

    fn pair(&self) -> Result<Option<Ed25519KeyPair>> {
        let Self::Pair(seed) = self else { return Ok(None) };
        Ed25519KeyPair::from_seed_unchecked(seed)
            .map(Some)
            .map_err(|error| Error::internal(format!("an Ed25519 key: {error}")))
    }

    fn public_bytes(&self) -> Result<Vec<u8>> {
        Ok(self.pair()?.map(|pair| pair.public_key().as_ref().to_vec()).unwrap_or_default())
    }

    /// One signature: `v1,…` or `v1a,…`.
    ///
    /// # Errors
    /// `Internal` where the library refuses the key.
    pub fn sign(&self, message: &Message<'_>) -> Result<String> {
        let signed = match self {
            Self::Shared(bytes) => {
                let mut mac = Hmac::<Sha256>::new_from_slice(bytes)
                    .map_err(|error| Error::internal("webhook secret").because(error))?;
                message.parts().iter().for_each(|part| mac.update(part));
                mac.finalize().into_bytes().to_vec()
            }
            Self::Pair(_) => {
                let pair = self.pair()?.ok_or_else(|| Error::internal("an Ed25519 key"))?;
                pair.sign(&message.parts().concat()).as_ref().to_vec()
            }
        };
        Ok(format!("{},{}", self.version(), STANDARD.encode(signed)))
    }
}

/// What is signed.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// `webhook-id`: the same at every try. Holds no dot.
    pub id: &'a str,
    /// `webhook-timestamp`: seconds since 1970 of this try, as text.
    pub timestamp: &'a str,
    /// The body's bytes.
    pub body: &'a str,
}

impl Message<'_> {
    fn parts(&self) -> [&[u8]; 5] {
        debug_assert!(!self.id.contains('.') && !self.timestamp.contains('.'), "dots are ours");
        [self.id.as_bytes(), b".", self.timestamp.as_bytes(), b".", self.body.as_bytes()]
    }
}

/// `webhook-signature`: one signature of each key, the newest first.
///
/// # Errors
/// `Internal` where the library refuses a key.
pub fn signature(secrets: &[Secret], message: &Message<'_>) -> Result<String> {
    let all = secrets.iter().map(|secret| secret.sign(message)).collect::<Result<Vec<_>>>()?;
    Ok(all.join(" "))
}

/// Whether one of the `v1` signatures of a `webhook-signature` header is one of these secrets' for the message. Compared in
/// constant time. Signatures of other versions are left alone: of a pair of keys we hold the private half, so that nobody else
/// could have made one.
///
/// # Errors
/// `Internal` where the library refuses a key.
pub fn verifies(secrets: &[Secret], message: &Message<'_>, header: &str) -> Result<bool> {
    let given = header.split(' ').take(SIGNATURES_MAX).filter_map(|it| it.strip_prefix("v1,"));
    let given: Vec<Vec<u8>> = given.filter_map(|it| STANDARD.decode(it).ok()).collect();
    let mut fits = false;
    for secret in secrets {
        let Secret::Shared(bytes) = secret else { continue };
        for signed in &given {
            let mut mac = Hmac::<Sha256>::new_from_slice(bytes)
                .map_err(|error| Error::internal("webhook secret").because(error))?;
            message.parts().iter().for_each(|part| mac.update(part));
            fits |= mac.verify_slice(signed).is_ok();
        }
    }
    Ok(fits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ring::signature::{ED25519, UnparsedPublicKey};

    use super::*;
    use crate::domain::kernel::random::SeededRandom;

    /// The example that libraries of Standard Webhooks test themselves with.
    #[test]
    fn the_published_example_is_signed_as_published() {
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let message = Message {
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
            timestamp: "1614265330",
            body: "{\"test\": 2432232314}",
        };
        assert_eq!(secret.sign(&message).unwrap(), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn what_was_signed_verifies_with_its_own_secret_alone() {
        let random = SeededRandom::new(3);
        let (ours, other, pair) =
            (Secret::new_shared(&random), Secret::new_shared(&random), Secret::new_pair(&random));
        let message = Message { id: "msg_1", timestamp: "1614265330", body: "{}" };
        let header = signature(&[other.clone(), ours.clone(), pair.clone()], &message).unwrap();
        let verify = |secrets: &[Secret], message: &Message<'_>, header: &str| {
            verifies(secrets, message, header).unwrap()
        };
        assert!(
            verify(std::slice::from_ref(&ours), &message, &header)
                && verify(&[pair.clone(), other], &message, &header)
        );
        assert!(
            !verify(std::slice::from_ref(&pair), &message, &pair.sign(&message).unwrap()),
            "nobody else has that key"
        );
        for moved in [
            Message { id: "msg_2", ..message },
            Message { timestamp: "1614265331", ..message },
            Message { body: "{ }", ..message },
        ] {
            assert!(!verify(std::slice::from_ref(&ours), &moved, &header));
        }
        let far = format!("{}{}", "v1,AAAA ".repeat(SIGNATURES_MAX), ours.sign(&message).unwrap());
        for bad in ["", "v1,", "v1,%", "v1", "v2,AAAA", far.as_str()] {
            assert!(!verify(std::slice::from_ref(&ours), &message, bad), "{bad}");
        }
        assert!(!verify(&[], &message, &header));
    }

    #[test]
    fn secrets_are_read_in_their_forms_and_nothing_else_and_never_printed() {
        let random = SeededRandom::new(7);
        let (shared, pair) = (Secret::new_shared(&random), Secret::new_pair(&random));
        assert_eq!(Secret::parse(&shared.reveal()).unwrap(), shared);
        assert_eq!(Secret::parse(&pair.reveal()).unwrap(), pair);
        assert!(pair.for_receiver().unwrap().starts_with("whpk_"));
        let Secret::Pair(seed) = &pair else { panic!() };
        let mut long = seed.to_vec();
        long.extend(pair.public_bytes().unwrap());
        assert_eq!(Secret::parse(&format!("whsk_{}", STANDARD.encode(&long))).unwrap(), pair);
        long[40] ^= 1;
        let short = STANDARD.encode([1; 23]);
        for bad in [
            format!("whsk_{}", STANDARD.encode(&long)),
            format!("whsec_{short}"),
            format!("whsec_{}", STANDARD.encode([1; 65])),
            "whsec_%".to_owned(),
            "my own words".to_owned(),
        ] {
            let error = Secret::parse(&bad).unwrap_err();
            assert!(!error.public().contains(&bad), "{error}");
        }
        assert!(!format!("{shared:?}{pair:?}").contains(&STANDARD.encode(seed)));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        /// Whatever is said verifies, with the right key alone, and no other text has that signature.
        #[test]
        fn signatures_verify_and_belong_to_one_message(seed: u64, body in ".{0,200}", other in ".{0,200}", at in 0..4_000_000_000_i64) {
            let random = SeededRandom::new(seed);
            let keys = [Secret::new_pair(&random), Secret::new_shared(&random), Secret::new_shared(&random)];
            let timestamp = at.to_string();
            let message = Message { id: "evt_1", timestamp: &timestamp, body: &body };
            let header = signature(&keys, &message).unwrap();
            let signatures: Vec<&str> = header.split(' ').collect();
            prop_assert_eq!(signatures.len(), 3);
            let ed = STANDARD.decode(signatures[0].strip_prefix("v1a,").unwrap()).unwrap();
            let public = UnparsedPublicKey::new(&ED25519, keys[0].public_bytes().unwrap());
            let verifies = |text: &str| public.verify(format!("evt_1.{timestamp}.{text}").as_bytes(), &ed).is_ok();
            prop_assert!(verifies(&body));
            prop_assert_eq!(verifies(&other), body == other);
            prop_assert_ne!(signatures[1], signatures[2]);
            let moved = Message { body: &other, ..message };
            prop_assert_eq!(keys[1].sign(&moved).unwrap() == signatures[1], body == other);
        }
    }
}
