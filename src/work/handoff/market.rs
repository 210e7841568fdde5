//! Which partners may be given a lead that none brought, as roster, rule and what each has in hand are now.

use std::collections::{BTreeMap, BTreeSet};

use super::super::context::Context;
use crate::{
    domain::{
        content::rules::{Assigning, assigning::AssignOrder},
        kernel::{Result, text::domain_key},
        lead::assign::{self, Candidate, Wanted},
        partner::Partner,
    },
    store::{
        assignments::{self, Load},
        partners,
    },
};

/// Who can be given leads, as it is now.
#[derive(Clone)]
pub(in super::super) struct Market {
    rule: Option<Assigning>,
    partners: Vec<Partner>,
    receiving: BTreeSet<String>,
    loads: BTreeMap<String, Load>,
    passed: BTreeMap<String, String>,
}

impl Market {
    /// Reads it.
    ///
    /// # Errors
    /// Those of the store.
    pub(in super::super) async fn load(ctx: &Context) -> Result<Self> {
        let rule = ctx.library().rules.routing.as_ref().and_then(|rule| rule.partners_of_leads.clone());
        let loads = assignments::loads(&ctx.db).await?;
        Ok(Self {
            rule,
            partners: partners::all_partners(&ctx.db).await?,
            receiving: partners::receiving(&ctx.db).await?.into_iter().collect(),
            loads: loads.into_iter().map(|load| (load.partner_slug.clone(), load)).collect(),
            passed: BTreeMap::new(),
        })
    }

    /// Whether leads are given to partners at all.
    pub(super) fn has_rule(&self) -> bool {
        self.rule.is_some()
    }

    /// Leaves out these partners, each with why.
    pub(in super::super) fn pass(&mut self, passed: impl IntoIterator<Item = (String, String)>) {
        self.passed.extend(passed);
    }

    /// How many partners are asked at once for somebody at this address; nothing where one is chosen.
    pub(in super::super) fn called_max(&self, email_key: &str) -> Option<usize> {
        let rule = self.rule.as_ref().filter(|rule| rule.order == AssignOrder::FirstClaim)?;
        let domain = domain_key(email_key);
        // Somebody's account is nobody else's to claim.
        if rule.pinned_to(domain.trim_start_matches('@')).is_some() {
            return None;
        }
        usize::try_from(rule.called_max).ok()
    }

    /// Leaves out all but `slugs`.
    pub(in super::super) fn only(&mut self, slugs: &[String], why: &str) {
        for partner in &self.partners {
            if !slugs.iter().any(|slug| *slug == partner.slug.as_str()) {
                self.passed.entry(partner.slug.to_string()).or_insert_with(|| why.to_owned());
            }
        }
    }

    /// Counts a lead that a partner would be given, after all others.
    pub(in super::super) fn count(&mut self, slug: &str) {
        let last_ms = self.loads.values().map(|load| load.last_ms).max().unwrap_or(0) + 1;
        let nothing = Load { partner_slug: slug.to_owned(), live: 0, last_ms: 0 };
        let load = self.loads.entry(slug.to_owned()).or_insert(nothing);
        load.live += 1;
        load.last_ms = last_ms;
    }

    /// Whom a lead would be given to; without a rule nobody.
    pub(in super::super) fn assign(
        &self,
        email_key: &str,
        country: &str,
        vertical: &str,
    ) -> assign::Assignment<'_> {
        let candidates: Vec<Candidate<'_>> =
            self.partners.iter().map(|partner| self.candidate(partner)).collect();
        let domain = domain_key(email_key);
        let wanted = Wanted { domain: domain.trim_start_matches('@'), country, vertical };
        match &self.rule {
            Some(rule) => assign::assign(rule, &wanted, &candidates),
            None => assign::assign(&Assigning { tiers: Vec::new(), ..Assigning::default() }, &wanted, &[]),
        }
    }

    /// All partners for somebody who chooses one for a lead, those who may be given it first.
    pub(super) fn choices(&self, email_key: &str, country: &str, vertical: &str) -> Vec<assign::Choice<'_>> {
        let candidates: Vec<Candidate<'_>> =
            self.partners.iter().map(|partner| self.candidate(partner)).collect();
        let domain = domain_key(email_key);
        let wanted = Wanted { domain: domain.trim_start_matches('@'), country, vertical };
        assign::choices(self.rule.as_ref(), &wanted, &candidates)
    }

    fn candidate<'p>(&self, partner: &'p Partner) -> Candidate<'p> {
        let slug = partner.slug.as_str();
        let load = self.loads.get(slug);
        let nobody =
            || (!self.receiving.contains(slug)).then(|| "has nobody who sells or decides".to_owned());
        Candidate {
            partner,
            live: load.map_or(0, |load| u32::try_from(load.live).unwrap_or(u32::MAX)),
            last_ms: load.map_or(0, |load| load.last_ms),
            passed: self.passed.get(slug).cloned().or_else(nobody),
        }
    }
}
