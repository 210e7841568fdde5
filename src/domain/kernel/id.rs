//! Typed ids: a prefix that says what it is, and a UUIDv7 (RFC 9562 section 5.7) that sorts by time.

use std::fmt;

use uuid::Uuid;

use super::{Error, Random, Result, clock::UtcMs};

/// Makes a UUIDv7 from argued time and randomness.
fn uuid_v7(now_ms: UtcMs, random: &dyn Random) -> Uuid {
    let mut bytes = [0; 10];
    random.fill(&mut bytes);
    uuid::Builder::from_unix_timestamp_millis(u64::try_from(now_ms).unwrap_or(0), &bytes).into_uuid()
}

/// One of many UUIDv7 of the same instant, in the order of their numbers: a counter of 32 bits stands before what is
/// random (RFC 9562 section 6.2, method 1).
fn uuid_v7_numbered(now_ms: UtcMs, number: u32, random: &dyn Random) -> Uuid {
    let mut bytes = [0; 10];
    random.fill(&mut bytes);
    let [high, middle, low, last] = number.to_be_bytes();
    // The upper four bits of the first byte and the upper two of the third are the version and the variant.
    bytes[0] = high >> 4;
    bytes[1] = (high << 4) | (middle >> 4);
    bytes[2] = ((middle & 0x0f) << 2) | (low >> 6);
    bytes[3] = (low << 2) | (last >> 6);
    bytes[4] = (last << 2) | (bytes[4] & 0x03);
    uuid::Builder::from_unix_timestamp_millis(u64::try_from(now_ms).unwrap_or(0), &bytes).into_uuid()
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id.
            pub fn new(now_ms: UtcMs, random: &dyn Random) -> Self {
                Self(uuid_v7(now_ms, random))
            }

            /// One of many new ids of the same instant, which sort by their number: rows that are worked on together
            /// lie together.
            pub fn numbered(now_ms: UtcMs, number: u32, random: &dyn Random) -> Self {
                Self(uuid_v7_numbered(now_ms, number, random))
            }

            /// What is smaller than every id made at `at_ms` or later, and greater than the earlier ones: for finding
            /// rows by the time in their keys.
            pub fn since(at_ms: UtcMs) -> Self {
                let at_ms = u128::try_from(at_ms).unwrap_or(0);
                Self(Uuid::from_u128(at_ms << 80))
            }

            /// Reads the text form.
            ///
            /// # Errors
            /// Not the prefix, or not a UUID after it.
            pub fn parse(text: &str) -> Result<Self> {
                text.strip_prefix(concat!($prefix, "_"))
                    .and_then(|rest| Uuid::try_parse(rest).ok())
                    .map(Self)
                    .ok_or_else(|| Error::invalid(format!("`{text}` is not an id of the form {}_…", $prefix)))
            }

            /// The sixteen bytes, as tokens carry them.
            pub fn to_bytes(self) -> [u8; 16] {
                self.0.into_bytes()
            }

            /// From the sixteen bytes of a token.
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.0.simple())
            }
        }
    )*};
}

ids! {
    /// A person at a partner.
    ContactId "con";
    /// One edition of a newsletter.
    IssueId "iss";
    /// One message to one recipient over one channel: the same message for ever.
    DeliveryId "dlv";
    /// A person whom the content reached.
    LeadId "led";
    /// A lead proposed to a sales rep, with a clock.
    OfferId "off";
    /// One person, or company, known through two partners.
    ConflictId "cnf";
    /// Something that somebody, or some machine, did with what we sent.
    EventId "evt";
    /// A lead that somebody is asked to claim.
    CallId "cal";
    /// A program's key; not its secret.
    ApiKeyId "key";
    /// An asset taken back.
    RecallId "rcl";
    /// One person's journey through one sequence.
    EnrolmentId "enr";
    /// Something that came back by mail.
    ReportId "rpt";
    /// One running `partnercast serve`.
    NodeId "nod";
    /// Where another system is told what happened.
    EndpointId "whe";
    /// What it is told: the `webhook-id` of every try.
    WebhookId "whm";
    /// A partner's account in a social network.
    SocialAccountId "soc";
    /// A link by which a partner's people connect one.
    SocialInvitationId "soi";
    /// A post in such an account: the same post for ever.
    SocialPostId "spo";
    /// Something that was paid for at a social network.
    ExpenseId "ssp";
    /// A partner's own site that we post to.
    SiteId "sit";
    /// A signed-in browser.
    SessionId "ses";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::kernel::random::SeededRandom;

    #[test]
    fn numbered_ids_sort_by_their_number() {
        let random = SeededRandom::new(1);
        let numbers =
            [0, 1, 2, 63, 64, 255, 256, 4_095, 4_096, 65_535, 1 << 20, 1 << 24, u32::MAX - 1, u32::MAX];
        let ids: Vec<String> =
            numbers.iter().map(|number| DeliveryId::numbered(1_000, *number, &random).to_string()).collect();
        assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
        assert!(ids.iter().all(|id| DeliveryId::parse(id).unwrap().0.get_version_num() == 7));
        assert!(ids[13] < DeliveryId::new(1_001, &random).to_string(), "and with others by time");
        assert_ne!(DeliveryId::numbered(1_000, 7, &random), DeliveryId::numbered(1_000, 7, &random));
    }

    #[test]
    fn ids_round_trip_and_sort_by_time() {
        let random = SeededRandom::new(1);
        let (early, late) = (LeadId::new(1_000, &random), LeadId::new(2_000, &random));
        assert!(early.to_string() < late.to_string());
        assert_eq!(LeadId::parse(&early.to_string()).unwrap(), early);
        assert_eq!(LeadId::from_bytes(early.to_bytes()), early);
        assert!(ContactId::parse(&early.to_string()).is_err());
        assert!(LeadId::parse("led_no").is_err());
    }
}
