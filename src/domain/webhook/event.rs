//! The catalogue: what can happen that another system is told of, each with the shape of what it is told.
//!
//! Payloads are thin: ids and words by which the receiver looks up what it may see, never a person's name, address or text.
//! A shape only gains keys; what would change one gets a new type (`lead.won.v2`), and the old one goes on beside it.

use chrono::SecondsFormat;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::domain::kernel::{
    Error, Result,
    clock::{UtcMs, utc},
};

/// Most bytes of a payload. Standard Webhooks advises to stay below 20 kB.
pub const PAYLOAD_BYTES_MAX: usize = 20_000;

macro_rules! events {
    ($($(#[$doc:meta])* $name:ident $word:literal $says:literal;)+) => {
        /// A sort of event.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum EventKind {
            $($(#[$doc])* $name,)+
        }

        impl EventKind {
            /// All of them, as the catalogue lists them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The word in `type`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word),+ }
            }

            /// What it says, in one sentence.
            pub fn says(self) -> &'static str {
                match self { $(Self::$name => $says),+ }
            }

            /// The JSON Schema (2020-12) of the whole payload.
            pub fn schema(self) -> &'static str {
                match self { $(Self::$name => include_str!(concat!("schemas/", $word, ".v1.json"))),+ }
            }
        }
    };
}

events! {
    /// Known for the first time.
    LeadCreated "lead.created" "Somebody became a lead: by a form, a file or a program.";
    /// Proposed to somebody, with a clock.
    LeadOffered "lead.offered" "A lead was offered to somebody of the partner, whose clock runs.";
    /// Taken by whom it was offered to.
    LeadAccepted "lead.accepted" "A lead was accepted and has an owner.";
    /// Turned down before any contact.
    LeadRejected "lead.rejected" "A lead was turned down before any contact.";
    /// Taken back because a clock ran out.
    LeadExpired "lead.expired" "A lead was not answered in time and taken back.";
    /// The owner reached the person.
    LeadContacted "lead.contacted" "The owner of a lead reached the person.";
    /// Sales confirms it.
    LeadQualified "lead.qualified" "Sales confirmed a need, a value and a date.";
    /// The deal is registered.
    LeadRegistered "lead.registered" "The partner's claim on the deal was registered.";
    /// Bought.
    LeadWon "lead.won" "The deal was won.";
    /// Worth something else than was said, or on another day.
    LeadValueCorrected "lead.value_corrected" "The value or the day of a deal was corrected.";
    /// Did not buy.
    LeadLost "lead.lost" "The deal was lost.";
    /// Closed after contact.
    LeadDisqualified "lead.disqualified" "A lead was closed after contact, with a reason.";
    /// Back to nurture.
    LeadRecycled "lead.recycled" "A lead went back to nurture.";
    /// Any step from one stage to another.
    LeadStageChanged "lead.stage_changed" "A lead went from one stage to another, from qualifying on; said beside the more special event.";
    /// Erased at the person's request.
    LeadErased "lead.erased" "The person of a lead was erased at their request: erase your copy. Said to whoever ever had the lead, and nothing else is said of it then.";
    /// New, or a new text.
    AssetPublished "asset.published" "An asset is new in the library, or has a new text; `publish` says from which day readers see it.";
    /// No longer there.
    AssetWithdrawn "asset.withdrawn" "An asset is no longer in the library.";
    /// Taken back.
    AssetRecalled "asset.recalled" "An asset was recalled: take your copies of it away.";
    /// A recall was lifted.
    AssetRestored "asset.restored" "The recall of an asset was lifted.";
    /// On its way.
    IssueReleased "issue.released" "An issue of a newsletter was released and leaves at its promised hours.";
    /// The ownership check.
    EndpointVerification "endpoint.verification" "Sent once before anything else: answer 2xx with the challenge as body.";
    /// A person asked for it.
    EndpointTest "endpoint.test" "Somebody asked for a test; nothing happened.";
}

impl EventKind {
    /// Reads the word in `type`.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == word)
    }

    /// Whether endpoints choose it; the others are about the endpoint itself.
    pub fn is_chosen(self) -> bool {
        !matches!(self, Self::EndpointVerification | Self::EndpointTest)
    }

    /// `lead` of `lead.won`.
    pub fn group(self) -> &'static str {
        self.as_str().split('.').next().unwrap_or_default()
    }
}

/// Whose endpoints are told. The vendor's always are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// The vendor's alone.
    Vendor,
    /// The vendor's, and those of the partner with this slug.
    Partner(String),
    /// Those of the partner with this slug alone, where the vendor is told once for all partners.
    PartnerOnly(String),
    /// Everybody's.
    Everybody,
}

impl Scope {
    /// The scope of what concerns a partner; the vendor itself has no slug.
    pub fn of(slug: &str) -> Self {
        if slug.is_empty() { Self::Vendor } else { Self::Partner(slug.to_owned()) }
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// What.
    pub kind: EventKind,
    /// Whom it concerns.
    pub scope: Scope,
    /// When, by the calendar.
    pub at_ms: UtcMs,
    /// Ids and words, as the schema has them.
    pub data: Map<String, Value>,
}

#[derive(Serialize)]
struct Payload<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    timestamp: String,
    data: &'a Map<String, Value>,
}

impl Event {
    /// An event with the given keys and values of `data`.
    pub fn new<'k>(
        kind: EventKind,
        scope: Scope,
        at_ms: UtcMs,
        data: impl IntoIterator<Item = (&'k str, Value)>,
    ) -> Self {
        let data = data.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        Self { kind, scope, at_ms, data }
    }

    /// The payload: `{"type": …, "timestamp": …, "data": {…}}`. These bytes are signed and sent, at every try the same.
    ///
    /// # Errors
    /// `Internal` for more than [`PAYLOAD_BYTES_MAX`]: payloads are thin, so that is our mistake.
    pub fn payload(&self) -> Result<String> {
        let timestamp = utc(self.at_ms).to_rfc3339_opts(SecondsFormat::Millis, true);
        let payload = Payload { kind: self.kind.as_str(), timestamp, data: &self.data };
        let text = serde_json::to_string(&payload)
            .map_err(|error| Error::internal("webhook payload").because(error))?;
        if text.len() > PAYLOAD_BYTES_MAX {
            return Err(Error::internal(format!("the payload of {} has {} bytes", payload.kind, text.len())));
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_is_json_names_its_type_and_shows_an_example_of_it() {
        for kind in EventKind::ALL {
            let schema: Value =
                serde_json::from_str(kind.schema()).unwrap_or_else(|error| panic!("{kind:?}: {error}"));
            assert_eq!(schema["properties"]["type"]["const"], kind.as_str());
            assert_eq!(schema["$id"], format!("urn:partnercast:webhook:{}:v1", kind.as_str()));
            let example = &schema["examples"][0];
            assert_eq!(example["type"], kind.as_str());
            let known = schema["properties"]["data"]["properties"].as_object().unwrap();
            for key in example["data"].as_object().unwrap().keys() {
                assert!(known.contains_key(key), "{kind:?}: {key}");
            }
            for key in schema["properties"]["data"]["required"].as_array().unwrap() {
                assert!(example["data"].get(key.as_str().unwrap()).is_some(), "{kind:?}: {key}");
            }
            assert!(
                kind.as_str().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'.' || byte == b'_')
            );
            assert_eq!(EventKind::parse(kind.as_str()), Some(*kind));
        }
    }

    #[test]
    fn a_payload_is_type_timestamp_and_data() {
        let event = Event::new(
            EventKind::LeadWon,
            Scope::of("northlight"),
            1_799_000_000_123,
            [("lead_id", Value::from("led_1")), ("partner", Value::from("northlight"))],
        );
        assert_eq!(
            event.payload().unwrap(),
            r#"{"type":"lead.won","timestamp":"2027-01-03T18:13:20.123Z","data":{"lead_id":"led_1","partner":"northlight"}}"#
        );
        let long = Event {
            data: [("x".to_owned(), Value::from("y".repeat(20_000)))].into_iter().collect(),
            ..event
        };
        assert!(long.payload().is_err());
    }
}
