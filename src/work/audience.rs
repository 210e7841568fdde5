//! Who gets an issue, in which zone and why: the contacts, their partners, and the do-not-send list, under the
//! newsletter's rule. Freezing stores it; planning only shows it.

use std::{collections::HashMap, sync::Arc};

use super::{
    compose::{Plan, Readers},
    context::Context,
    promised::PromisedHours,
};
use crate::{
    domain::{
        content::Reader,
        kernel::{EmailAddress, Result, text::domain_key},
        partner::{Contact, Partner},
        program::audience::{
            self, AudienceRule, Candidate, Decision, ExclusionReason, Subscription, SuppressionReason,
        },
    },
    store::{
        partners::{self, StoredContact},
        promises::NewPromise,
        suppressions::{self, ALL, Suppression},
    },
};

/// Readers who get the same: partner, roles, language.
pub(super) type VariantKey = (String, String, String);

/// What decides who gets an issue.
pub(super) struct Audience<'a> {
    hours: &'a PromisedHours<'a>,
    plan: Option<&'a Plan<'a>>,
    rule: AudienceRule,
    partners: HashMap<String, Partner>,
    stopped: HashMap<String, Suppression>,
}

/// What one contact gets, and why.
pub(super) struct Verdict<'a> {
    /// What is promised to them, whether or not they get it.
    pub(super) promise: Arc<NewPromise>,
    pub(super) because: String,
    /// For those left out.
    pub(super) reason: Option<ExclusionReason>,
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
    /// Loads what decides about the promises of `hours`, kept by the issue of `plan`; without one, as if an issue had
    /// something for everybody.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn load(
        ctx: &Context,
        hours: &'a PromisedHours<'a>,
        plan: Option<&'a Plan<'a>>,
    ) -> Result<Self> {
        let partners = partners::all_partners(&ctx.db).await?;
        let partners = partners.into_iter().map(|partner| (partner.slug.to_string(), partner)).collect();
        let (mut stopped, mut after) = (HashMap::new(), String::new());
        loop {
            let newsletter = hours.letter().asset.slug();
            let page = suppressions::concerning(&ctx.db, ctx.now_ms(), newsletter, &after).await?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.email_key);
            stopped.extend(page.into_iter().map(|entry| (entry.email_key.clone(), entry)));
        }
        let rule = AudienceRule::from(&hours.letter().newsletter.audience);
        Ok(Self { hours, plan, rule, partners, stopped })
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
        let promise = self.hours.of(partner, contact.zone.unwrap_or(partner.zone));
        let no_hour = promise.because.as_deref().map(|because| {
            let reason = if promise.skipped { ExclusionReason::Calendar } else { ExclusionReason::Missed };
            (reason, because)
        });
        let candidate = Candidate { contact, partner, subscribed, suppressed, no_hour };
        let has_content = |reader: &Reader<'_>| self.plan.is_none_or(|plan| plan.has_content_for(reader));
        Some(match audience::decide(&self.rule, &candidate, &has_content) {
            Decision::Out { because, reason } => {
                Verdict { promise, because, reason: Some(reason), readers: None }
            }
            Decision::In { because } => {
                let locale = contact.locale.as_ref().unwrap_or(&partner.locale);
                let readers = Some(Readers { partner, roles: Some(contact.roles), locale });
                Verdict { promise, because, reason: None, readers }
            }
        })
    }
}

impl Verdict<'_> {
    /// Whether the hour was promised to them: they get the issue, or would if the calendar or our own fault had not come
    /// between.
    pub(super) fn is_promised(&self) -> bool {
        matches!(self.reason, None | Some(ExclusionReason::Calendar | ExclusionReason::Missed))
    }
}

pub(super) fn key_of(readers: &Readers<'_>) -> VariantKey {
    (readers.partner.slug.to_string(), readers.roles_text(), readers.locale.to_string())
}
