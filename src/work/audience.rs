//! Who gets an issue, in which zone and why: the contacts, their partners, and the do-not-send list, under the
//! newsletter's rule. Freezing stores it; planning only shows it.

use std::collections::HashMap;

use chrono_tz::Tz;

use super::{
    compose::{Plan, Readers},
    context::Context,
};
use crate::{
    domain::{
        content::kinds::IssueZone,
        kernel::{EmailAddress, Result, text::domain_key},
        partner::{Contact, Partner},
        program::audience::{self, AudienceRule, Candidate, Decision, Subscription, SuppressionReason},
    },
    store::{
        partners::{self, StoredContact},
        suppressions::{self, ALL, Suppression},
    },
};

/// Readers who get the same: partner, roles, language.
pub(super) type VariantKey = (String, String, String);

/// What decides who gets an issue.
pub(super) struct Audience<'a> {
    pub(super) plan: &'a Plan<'a>,
    rule: AudienceRule,
    partners: HashMap<String, Partner>,
    stopped: HashMap<String, Suppression>,
}

/// What one contact gets, and why.
pub(super) struct Verdict<'a> {
    pub(super) zone: &'static str,
    pub(super) because: String,
    /// For those included.
    pub(super) readers: Option<Readers<'a>>,
}

/// The next contacts after `after`, which moves on; none at the end.
pub(super) async fn page(ctx: &Context, after: &mut String) -> Result<Option<Vec<StoredContact>>> {
    let page = partners::contacts(&ctx.db, after).await?;
    let Some(last) = page.last() else { return Ok(None) };
    *after = last.id.to_string();
    Ok(Some(page))
}

impl<'a> Audience<'a> {
    pub(super) async fn load(ctx: &Context, plan: &'a Plan<'a>) -> Result<Self> {
        let partners = partners::all_partners(&ctx.db).await?;
        let partners = partners.into_iter().map(|partner| (partner.slug.to_string(), partner)).collect();
        let (mut stopped, mut after) = (HashMap::new(), String::new());
        loop {
            let newsletter = plan.newsletter_asset.slug();
            let page = suppressions::concerning(&ctx.db, ctx.now_ms(), newsletter, &after).await?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.email_key);
            stopped.extend(page.into_iter().map(|entry| (entry.email_key.clone(), entry)));
        }
        let rule = AudienceRule::from(&plan.newsletter.audience);
        Ok(Self { plan, rule, partners, stopped })
    }

    /// What the do-not-send list says of an address, or else of its domain.
    fn said_no(&self, address: &EmailAddress) -> (Subscription, Option<SuppressionReason>) {
        let entry = self.stopped.get(&address.base_key());
        match entry.or_else(|| self.stopped.get(&domain_key(address.as_str()))) {
            None => (Subscription::Default, None),
            Some(entry) => match SuppressionReason::parse(&entry.reason) {
                // One newsletter is the reader's choice; whatever stops everything has its own sentence.
                Some(reason) if entry.scope == ALL || reason != SuppressionReason::Unsubscribed => {
                    (Subscription::Default, Some(reason))
                }
                None if entry.scope == ALL => (Subscription::Default, Some(SuppressionReason::Unsubscribed)),
                _ => (Subscription::Out, None),
            },
        }
    }

    /// What a contact gets; `None` for one whose partner is gone.
    pub(super) fn decide<'b>(&'b self, contact: &'b Contact) -> Option<Verdict<'b>> {
        let partner = self.partners.get(contact.partner.as_str())?;
        let (subscribed, suppressed) = self.said_no(&contact.email);
        let candidate = Candidate { contact, partner, subscribed, suppressed };
        let zone = zone_of(self.plan, contact, partner).name();
        let decision = audience::decide(&self.rule, &candidate, &|reader| self.plan.has_content_for(reader));
        Some(match decision {
            Decision::Out { because, .. } => Verdict { zone, because, readers: None },
            Decision::In { because } => {
                let locale = contact.locale.as_ref().unwrap_or(&partner.locale);
                Verdict { zone, because, readers: Some(Readers { partner, roles: contact.roles, locale }) }
            }
        })
    }
}

pub(super) fn key_of(readers: &Readers<'_>) -> VariantKey {
    (readers.partner.slug.to_string(), readers.roles.to_string(), readers.locale.to_string())
}

pub(super) fn zone_of(plan: &Plan<'_>, contact: &Contact, partner: &Partner) -> Tz {
    match plan.newsletter.zone {
        IssueZone::Partner => contact.zone.unwrap_or(partner.zone),
        IssueZone::Vendor => plan.library.vendor.as_ref().map_or(Tz::UTC, |vendor| vendor.zone),
        IssueZone::Named(zone) => zone,
    }
}
