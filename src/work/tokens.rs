//! What the signed tokens of links carry.

use sha2::{Digest, Sha256};

use crate::domain::kernel::{
    Error, Result,
    id::{DeliveryId, LeadId, OfferId},
    token::{Keys, Purpose},
};

/// Bytes of a rendition's key in a token.
const RENDITION_BYTES: usize = 8;

/// A delivery and its rendition: enough to follow a link without asking the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MailToken {
    /// The delivery.
    pub delivery: DeliveryId,
    rendition: [u8; RENDITION_BYTES],
}

impl MailToken {
    /// For a delivery of the rendition with this id (`rnd_` and 16 hex digits).
    ///
    /// # Errors
    /// Not such an id.
    pub fn new(delivery: DeliveryId, rendition_id: &str) -> Result<Self> {
        let number = rendition_id.strip_prefix("rnd_").and_then(|hex| u64::from_str_radix(hex, 16).ok());
        let number = number.ok_or_else(|| Error::internal(format!("`{rendition_id}` is no rendition")))?;
        Ok(Self { delivery, rendition: number.to_be_bytes() })
    }

    /// The rendition's id.
    pub fn rendition_id(&self) -> String {
        format!("rnd_{:016x}", u64::from_be_bytes(self.rendition))
    }

    /// Signs it for `purpose`.
    pub fn sign(&self, keys: &Keys, purpose: Purpose) -> String {
        let mut payload = [0; 16 + RENDITION_BYTES];
        payload[..16].copy_from_slice(&self.delivery.to_bytes());
        payload[16..].copy_from_slice(&self.rendition);
        keys.sign(purpose, &payload)
    }

    /// Reads a token of `purpose`.
    ///
    /// # Errors
    /// `NotFound` if it was not signed for that.
    pub fn verify(keys: &Keys, purpose: Purpose, token: &str) -> Result<Self> {
        let payload: [u8; 16 + RENDITION_BYTES] = keys.verify(purpose, token)?;
        let (delivery, rendition) = payload.split_at(16);
        let wrong = |_| Error::not_found("this link");
        Ok(Self {
            delivery: DeliveryId::from_bytes(delivery.try_into().map_err(wrong)?),
            rendition: rendition.try_into().map_err(wrong)?,
        })
    }
}

/// The id of the rendition with this content: 64 bits of its SHA-256.
pub fn rendition_id(parts: &[&str]) -> String {
    let digest = digest_of(parts);
    let mut first = [0; RENDITION_BYTES];
    first.copy_from_slice(&digest[..RENDITION_BYTES]);
    format!("rnd_{:016x}", u64::from_be_bytes(first))
}

/// A promise's id, made of its natural key: whoever enters it makes the same.
pub fn promise_id(parts: &[&str]) -> String {
    let mut first = [0; 16];
    first.copy_from_slice(&digest_of(parts)[..16]);
    format!("prm_{:032x}", u128::from_be_bytes(first))
}

/// SHA-256 of the parts, which can be told apart.
fn digest_of(parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

/// SHA-256 of `bytes`, hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a filled form unlocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessToken {
    /// Who.
    pub lead: LeadId,
    asset: [u8; 8],
}

impl AccessToken {
    /// For a lead and the asset with this reference.
    pub fn new(lead: LeadId, asset: &str) -> Self {
        let digest = Sha256::digest(asset.as_bytes());
        let mut short = [0; 8];
        short.copy_from_slice(&digest[..8]);
        Self { lead, asset: short }
    }

    /// Whether it is for the asset with this reference.
    pub fn is_for(&self, asset: &str) -> bool {
        *self == Self::new(self.lead, asset)
    }

    /// Signs it.
    pub fn sign(&self, keys: &Keys) -> String {
        let mut payload = [0; 24];
        payload[..16].copy_from_slice(&self.lead.to_bytes());
        payload[16..].copy_from_slice(&self.asset);
        keys.sign(Purpose::Access, &payload)
    }

    /// Reads one.
    ///
    /// # Errors
    /// `NotFound` if we did not sign it.
    pub fn verify(keys: &Keys, token: &str) -> Result<Self> {
        let payload: [u8; 24] = keys.verify(Purpose::Access, token)?;
        let (lead, asset) = payload.split_at(16);
        let wrong = |_| Error::not_found("this link");
        Ok(Self {
            lead: LeadId::from_bytes(lead.try_into().map_err(wrong)?),
            asset: asset.try_into().map_err(wrong)?,
        })
    }
}

/// The token of an offer's link.
pub fn offer_token(keys: &Keys, offer: OfferId) -> String {
    keys.sign(Purpose::Offer, &offer.to_bytes())
}

/// Reads the token of an offer's link.
///
/// # Errors
/// `NotFound` if we did not sign it.
pub fn offer_of(keys: &Keys, token: &str) -> Result<OfferId> {
    keys.verify::<16>(Purpose::Offer, token).map(OfferId::from_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::kernel::random::SeededRandom;

    #[test]
    fn a_mail_token_carries_delivery_and_rendition() {
        let keys = Keys::new(&[vec![7; 32]]).unwrap();
        let delivery = DeliveryId::new(5, &SeededRandom::new(1));
        let rendition = rendition_id(&["a", "b"]);
        let token = MailToken::new(delivery, &rendition).unwrap().sign(&keys, Purpose::Click);
        let read = MailToken::verify(&keys, Purpose::Click, &token).unwrap();
        assert_eq!((read.delivery, read.rendition_id()), (delivery, rendition));
        assert!(MailToken::verify(&keys, Purpose::Preferences, &token).is_err());
    }

    #[test]
    fn parts_cannot_slide_into_each_other() {
        assert_ne!(rendition_id(&["ab", "c"]), rendition_id(&["a", "bc"]));
    }
}
