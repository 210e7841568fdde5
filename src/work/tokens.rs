//! What the signed tokens of links carry.

use sha2::{Digest, Sha256};

use crate::domain::kernel::{
    Error, Result,
    clock::UtcMs,
    id::{CallId, ContactId, DeliveryId, LeadId, OfferId},
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

/// The mark of a row that was taken: 128 bits of its SHA-256, hex.
pub fn row_mark(parts: &[&str]) -> String {
    digest_of(parts)[..16].iter().map(|byte| format!("{byte:02x}")).collect()
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

/// Bytes of a zone's key in a token.
const ZONE_BYTES: usize = 8;

/// Which calendar a link shows: that of a newsletter or of a partner, or of a newsletter for a partner. It holds keys made
/// of slugs and the reader's zone, so it says nothing to whoever does not know what there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CalendarToken {
    newsletter: [u8; 16],
    partner: [u8; 16],
    zone: [u8; ZONE_BYTES],
}

impl CalendarToken {
    /// For `newsletter`, or all that the partner gets; as promised to readers of `partner` in `zone`, or for the vendor's
    /// own people. One of the two slugs must be given.
    pub fn new(newsletter: Option<&str>, partner: Option<(&str, &str)>) -> Self {
        let mut token = Self { newsletter: [0; 16], partner: [0; 16], zone: [0; ZONE_BYTES] };
        if let Some(newsletter) = newsletter {
            token.newsletter = key("newsletter", newsletter);
        }
        if let Some((partner, zone)) = partner {
            token.partner = key("partner", partner);
            token.zone = key("zone", zone);
        }
        token
    }

    /// Whether it is about one newsletter.
    pub fn names_newsletter(&self) -> bool {
        self.newsletter != [0; 16]
    }

    /// Whether it is for a partner's readers.
    pub fn names_partner(&self) -> bool {
        self.partner != [0; 16]
    }

    /// Whether it is about the newsletter with this slug.
    pub fn is_newsletter(&self, slug: &str) -> bool {
        self.newsletter == key("newsletter", slug)
    }

    /// Whether it is for readers of the partner with this slug.
    pub fn is_partner(&self, slug: &str) -> bool {
        self.partner == key("partner", slug)
    }

    /// Whether it is for readers in the zone with this name.
    pub fn is_zone(&self, name: &str) -> bool {
        self.zone == key("zone", name)
    }

    /// Signs it.
    pub fn sign(&self, keys: &Keys) -> String {
        keys.sign(Purpose::Calendar, &[&self.newsletter[..], &self.partner, &self.zone].concat())
    }

    /// Reads one.
    ///
    /// # Errors
    /// `NotFound` if we did not sign it, or it is about nothing.
    pub fn verify(keys: &Keys, token: &str) -> Result<Self> {
        let payload: [u8; 32 + ZONE_BYTES] = keys.verify(Purpose::Calendar, token)?;
        let (newsletter, rest) = payload.split_at(16);
        let (partner, zone) = rest.split_at(16);
        let wrong = |_| Error::not_found("this link");
        let token = Self {
            newsletter: newsletter.try_into().map_err(wrong)?,
            partner: partner.try_into().map_err(wrong)?,
            zone: zone.try_into().map_err(wrong)?,
        };
        let about_something = token.names_newsletter() || token.names_partner();
        about_something.then_some(token).ok_or_else(|| Error::not_found("this link"))
    }
}

/// Whose feed a link shows; it says nothing to whoever does not know who there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedToken([u8; 16]);

impl FeedToken {
    /// For the partner with this slug.
    pub fn new(partner: &str) -> Self {
        Self(key("partner", partner))
    }

    /// Whether it is for the partner with this slug.
    pub fn is_partner(&self, slug: &str) -> bool {
        *self == Self::new(slug)
    }

    /// Signs it.
    pub fn sign(&self, keys: &Keys) -> String {
        keys.sign(Purpose::Feed, &self.0)
    }

    /// Reads one.
    ///
    /// # Errors
    /// `NotFound` if we did not sign it.
    pub fn verify(keys: &Keys, token: &str) -> Result<Self> {
        keys.verify(Purpose::Feed, token).map(Self)
    }
}

/// The first 8 bytes of SHA-256 of a word of its kind, for short tokens.
pub(super) fn short_key(kind: &str, word: &str) -> [u8; 8] {
    key(kind, word)
}

/// The first bytes of SHA-256 of a word of its kind.
fn key<const N: usize>(kind: &str, word: &str) -> [u8; N] {
    let mut first = [0; N];
    first.copy_from_slice(&digest_of(&[kind, word])[..N]);
    first
}

/// The token of an offer's link, which says when it was made.
pub fn offer_token(keys: &Keys, offer: OfferId, made_ms: UtcMs) -> String {
    let mut payload = [0; 16 + 8];
    payload[..16].copy_from_slice(&offer.to_bytes());
    payload[16..].copy_from_slice(&made_ms.to_be_bytes());
    keys.sign(Purpose::Offer, &payload)
}

/// Reads the token of an offer's link: which offer, and when the link was made.
///
/// # Errors
/// `NotFound` if we did not sign it.
pub fn offer_of(keys: &Keys, token: &str) -> Result<(OfferId, UtcMs)> {
    let payload: [u8; 16 + 8] = keys.verify(Purpose::Offer, token)?;
    let (offer, made) = payload.split_at(16);
    let wrong = |_| Error::not_found("this link");
    let made_ms = i64::from_be_bytes(made.try_into().map_err(wrong)?);
    Ok((OfferId::from_bytes(offer.try_into().map_err(wrong)?), made_ms))
}

/// The token of the link to a lead that is called out, made at `made_ms`.
pub fn call_token(keys: &Keys, call: CallId, made_ms: UtcMs) -> String {
    let mut payload = [0; 16 + 8];
    payload[..16].copy_from_slice(&call.to_bytes());
    payload[16..].copy_from_slice(&made_ms.to_be_bytes());
    keys.sign(Purpose::Claim, &payload)
}

/// Reads the token of a call's link: which call, and when the link was made.
///
/// # Errors
/// `NotFound` if we did not sign it.
pub fn call_of(keys: &Keys, token: &str) -> Result<(CallId, UtcMs)> {
    let payload: [u8; 16 + 8] = keys.verify(Purpose::Claim, token)?;
    let (call, made) = payload.split_at(16);
    let wrong = |_| Error::not_found("this link");
    let made_ms = i64::from_be_bytes(made.try_into().map_err(wrong)?);
    Ok((CallId::from_bytes(call.try_into().map_err(wrong)?), made_ms))
}

/// Whose desk a link opens. It holds the key of a contact, or one made of an address, so it says nothing to whoever does
/// not know who there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeskToken {
    is_contact: bool,
    who: [u8; 16],
    /// When the link was made, by the wall clock.
    pub made_ms: UtcMs,
}

impl DeskToken {
    /// For one of a partner's people.
    pub fn of_contact(contact: ContactId, made_ms: UtcMs) -> Self {
        Self { is_contact: true, who: contact.to_bytes(), made_ms }
    }

    /// For somebody at the vendor with this address.
    pub fn of_address(address: &str, made_ms: UtcMs) -> Self {
        Self { is_contact: false, who: key("desk", &address.to_lowercase()), made_ms }
    }

    /// The contact it is for; none where it is for somebody at the vendor.
    pub fn contact(&self) -> Option<ContactId> {
        self.is_contact.then(|| ContactId::from_bytes(self.who))
    }

    /// Whether it is for somebody at the vendor with `address`.
    pub fn is_for(&self, address: &str) -> bool {
        *self == Self::of_address(address, self.made_ms)
    }

    /// Signs it.
    pub fn sign(&self, keys: &Keys) -> String {
        let mut payload = [0; 1 + 16 + 8];
        payload[0] = u8::from(self.is_contact);
        payload[1..17].copy_from_slice(&self.who);
        payload[17..].copy_from_slice(&self.made_ms.to_be_bytes());
        keys.sign(Purpose::Desk, &payload)
    }

    /// Reads one.
    ///
    /// # Errors
    /// `NotFound` if we did not sign it.
    pub fn verify(keys: &Keys, token: &str) -> Result<Self> {
        let payload: [u8; 1 + 16 + 8] = keys.verify(Purpose::Desk, token)?;
        let (who, made) = payload[1..].split_at(16);
        let wrong = |_| Error::not_found("this link");
        Ok(Self {
            is_contact: payload[0] == 1,
            who: who.try_into().map_err(wrong)?,
            made_ms: i64::from_be_bytes(made.try_into().map_err(wrong)?),
        })
    }
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
    fn a_calendar_token_says_whose_it_is_and_no_more() {
        let keys = Keys::new(&[vec![7; 32]]).unwrap();
        let made = CalendarToken::new(Some("fold-forward"), Some(("northlight", "America/Chicago")));
        let signed = made.sign(&keys);
        let read = CalendarToken::verify(&keys, &signed).unwrap();
        assert_eq!(read, made);
        assert!(read.is_newsletter("fold-forward") && !read.is_newsletter("northlight"));
        assert!(read.is_partner("northlight") && read.is_zone("America/Chicago") && !read.is_zone("UTC"));
        let all = CalendarToken::new(None, Some(("northlight", "UTC")));
        assert!(all.names_partner() && !all.names_newsletter() && all.sign(&keys) != signed);
        let vendor = CalendarToken::new(Some("fold-forward"), None);
        assert!(!vendor.names_partner() && vendor.names_newsletter());
        assert!(CalendarToken::verify(&keys, &CalendarToken::new(None, None).sign(&keys)).is_err());
        assert!(MailToken::verify(&keys, Purpose::Preferences, &signed).is_err());
    }

    #[test]
    fn a_desk_token_is_for_one_address_in_whatever_case() {
        let keys = Keys::new(&[vec![7; 32]]).unwrap();
        let made = DeskToken::of_address("Tom@vendor.example", 5);
        let read = DeskToken::verify(&keys, &made.sign(&keys)).unwrap();
        assert_eq!((read, read.contact()), (made, None));
        let contact = ContactId::new(5, &SeededRandom::new(2));
        let theirs = DeskToken::verify(&keys, &DeskToken::of_contact(contact, 5).sign(&keys)).unwrap();
        assert_eq!((theirs.contact(), theirs.is_for("tom@vendor.example")), (Some(contact), false));
        assert!(read.is_for("tom@VENDOR.example") && !read.is_for("tim@vendor.example"));
        let offer = OfferId::new(5, &SeededRandom::new(1));
        let token = offer_token(&keys, offer, 9);
        assert_eq!(offer_of(&keys, &token).unwrap(), (offer, 9));
        assert!(DeskToken::verify(&keys, &token).is_err(), "a link is for one purpose");
        assert!(call_of(&keys, &token).is_err());
        let call = CallId::from_bytes(offer.to_bytes());
        assert_eq!(call_of(&keys, &call_token(&keys, call, 9)).unwrap(), (call, 9));
    }

    #[test]
    fn parts_cannot_slide_into_each_other() {
        assert_ne!(rendition_id(&["ab", "c"]), rendition_id(&["a", "bc"]));
    }
}
