//! `[social]`

use serde::Deserialize;

use crate::domain::{
    kernel::Result,
    social::{
        linkedin::Version,
        spend::{Prices, Terms, Usd},
    },
};

/// `[social]`: how networks are spoken to in which partners have accounts, and what that may cost.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Social {
    /// The month of LinkedIn's API, `202607`: each is served for about a year, and then refused.
    pub linkedin_version: Option<String>,
    /// What may be spent at X in a calendar month, in US dollars. Without it nothing is posted there but by people.
    pub x_budget_usd_monthly: Option<Usd>,
    /// What X asks for a post without a link.
    pub x_price_post_usd: Option<Usd>,
    /// What it asks for a post with one.
    pub x_price_post_with_link_usd: Option<Usd>,
    /// For a picture.
    pub x_price_upload_usd: Option<Usd>,
    /// For the words that stand for a picture.
    pub x_price_alt_text_usd: Option<Usd>,
    /// For each post that is read to look for one of ours.
    pub x_price_read_post_usd: Option<Usd>,
    /// For asking whose a token is.
    pub x_price_read_user_usd: Option<Usd>,
}

impl Social {
    /// Which version of LinkedIn's API is spoken.
    ///
    /// # Errors
    /// `Invalid` for what is none.
    pub fn linkedin_version(&self) -> Result<Version> {
        self.linkedin_version.as_deref().map_or_else(|| Ok(Version::default()), Version::parse)
    }

    /// On which terms X is posted at.
    pub fn x_terms(&self) -> Terms {
        let usual = Prices::default();
        let prices = Prices {
            post: self.x_price_post_usd.unwrap_or(usual.post),
            post_with_link: self.x_price_post_with_link_usd.unwrap_or(usual.post_with_link),
            upload: self.x_price_upload_usd.unwrap_or(usual.upload),
            alt_text: self.x_price_alt_text_usd.unwrap_or(usual.alt_text),
            read_post: self.x_price_read_post_usd.unwrap_or(usual.read_post),
            read_user: self.x_price_read_user_usd.unwrap_or(usual.read_user),
        };
        Terms { budget: self.x_budget_usd_monthly, prices }
    }

    /// Adds what cannot be.
    pub(super) fn find_faults(&self, faults: &mut Vec<String>) {
        if let Err(error) = self.linkedin_version() {
            faults.push(format!("social.linkedin_version: {}", error.public()));
        }
        let terms = self.x_terms();
        if let Some(budget) = terms.budget.filter(|budget| *budget < terms.prices.post_with_link) {
            faults.push(format!(
                "social.x_budget_usd_monthly: {budget} does not pay for one post with a link, which costs {}; name more, or leave it \
                 out: then people post at X",
                terms.prices.post_with_link
            ));
        }
    }
}
