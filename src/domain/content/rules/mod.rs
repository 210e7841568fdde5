//! The rules that marketers may change: scoring, routing, consent, the calendar, the
//! frequency of messages, the key messages, people and machines, the credit for deals. A file each in the folder `rules`.

pub mod assigning;
pub mod attribution;
pub mod calendar;
mod consent;
pub mod engagement;
pub mod frequency;
pub mod guide;
pub mod guide_leads;
pub(super) mod ics;
pub mod messages;
mod quiet;
mod recurrence;
pub mod routing;
mod scoring;

use super::{finding::Findings, keys::Found};

pub use assigning::Assigning;
pub use attribution::AttributionRule;
pub use calendar::CalendarRules;
pub use consent::ConsentText;
pub use engagement::EngagementRules;
pub use frequency::{FrequencyLimit, FrequencyRules};
pub use messages::{KeyMessage, MessageRules};
pub use routing::{BusinessHours, LeadClock, Routing};
pub use scoring::{Fit, FitGrade, ScoreEvent, Scoring};

pub(super) use consent::texts as consent;
pub(super) use routing::business_hours;

/// The rules; what a folder does not have is nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// scoring.toml.
    pub scoring: Option<Scoring>,
    /// routing.toml.
    pub routing: Option<Routing>,
    /// consent.toml, in its order.
    pub consent: Vec<ConsentText>,
    /// calendar.toml, with the calendars that it names.
    pub calendar: CalendarRules,
    /// frequency.toml.
    pub frequency: FrequencyRules,
    /// messages.toml.
    pub messages: MessageRules,
    /// engagement.toml.
    pub engagement: EngagementRules,
    /// attribution.toml.
    pub attribution: AttributionRule,
}

impl Rules {
    /// The newest version of the consent text `id`.
    pub fn consent(&self, id: &str) -> Option<&ConsentText> {
        self.consent.iter().filter(|text| text.id.as_str() == id).max_by_key(|text| text.version)
    }
}

/// A whole number from `least` to `most`.
fn whole(found: Found, least: u32, most: u32, f: &mut Findings<'_>) -> Option<u32> {
    found.int(i64::from(least)..=i64::from(most), f).and_then(|number| u32::try_from(number).ok())
}

#[cfg(test)]
mod calendar_tests;
#[cfg(test)]
pub(in crate::domain) mod tests;
