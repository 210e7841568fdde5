//! `[social]`

use serde::Deserialize;

use crate::domain::{kernel::Result, social::linkedin::Version};

/// `[social]`: how networks are spoken to in which partners have accounts.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Social {
    /// The month of LinkedIn's API, `202607`: each is served for about a year, and then refused.
    pub linkedin_version: Option<String>,
}

impl Social {
    /// Which version of LinkedIn's API is spoken.
    ///
    /// # Errors
    /// `Invalid` for what is none.
    pub fn linkedin_version(&self) -> Result<Version> {
        self.linkedin_version.as_deref().map_or_else(|| Ok(Version::default()), Version::parse)
    }

    /// Adds what cannot be.
    pub(super) fn find_faults(&self, faults: &mut Vec<String>) {
        if let Err(error) = self.linkedin_version() {
            faults.push(format!("social.linkedin_version: {}", error.public()));
        }
    }
}
