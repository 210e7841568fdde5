//! `[retention]`

use serde::Deserialize;

/// How long what people did is kept whole.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// Months after which events are reduced to what is counted of them.
    pub events_months: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self { events_months: 13 }
    }
}

impl Retention {
    pub(super) fn find_faults(&self, faults: &mut Vec<String>) {
        if !(1..=120).contains(&self.events_months) {
            faults.push("retention.events_months must be between 1 and 120".to_owned());
        }
    }
}
