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
    /// Something that somebody, or some machine, did with what we sent.
    EventId "evt";
    /// Something that came back by mail.
    ReportId "rpt";
    /// One running `partnercast serve`.
    NodeId "nod";
    /// A signed-in browser.
    SessionId "ses";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::kernel::random::SeededRandom;

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
