//! Mail: from trees to a rendition with slots, and from there to the wire.

mod quoted;
pub mod wire;

use serde::{Deserialize, Serialize};

pub use wire::{MessageHeaders, Recipient, WireTemplate};

use super::slots::{SlotTable, SlotValues, escape_html};

/// One variant of a mail, the same for all its recipients but for the slots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmailRendition {
    /// Subject, may hold slots.
    pub subject: String,
    /// The HTML part, may hold slots.
    pub html: String,
    /// The plain-text part, may hold slots.
    pub text: String,
    /// What the slots stand for.
    pub slots: SlotTable,
}

impl EmailRendition {
    /// Subject, HTML and text as one reader sees them: for previews and for "view in browser".
    pub fn filled(&self, values: &SlotValues<'_>) -> (String, String, String) {
        (
            self.slots.fill(&self.subject, values, str::to_owned),
            self.slots.fill(&self.html, values, escape_html),
            self.slots.fill(&self.text, values, str::to_owned),
        )
    }
}
