//! What mails about a lead say of how it came and why now, in the language of whoever reads them.

use super::{super::context::Context, Offering};
use crate::{
    domain::{
        content::rules::FitGrade,
        kernel::Locale,
        lead::{LeadOrigin, clock::Heat},
        partner::Partner,
    },
    render::strings::Strings,
    store::leads::Lead,
    work::publish,
};

/// How it became known that somebody asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// They filled in a form.
    Themselves,
    /// The vendor was told so, by a file or a program.
    AsTold,
}

/// Whether the vendor passes the person on: nobody filled in a form of the partner's.
pub(super) fn is_passed_on(lead: &Lead) -> bool {
    LeadOrigin::of_text(&lead.origin) == Some(LeadOrigin::Vendor)
}

/// The language of whoever gets a mail about a partner's lead: the vendor's own people read the vendor's.
pub(super) fn language(ctx: &Context, partner: &Partner, is_managers: bool) -> Locale {
    if is_managers { publish::default_locale(ctx) } else { partner.locale.clone() }
}

/// The vendor's name.
pub(super) fn vendor(ctx: &Context) -> String {
    ctx.library().vendor.as_ref().map(|vendor| vendor.name.clone()).unwrap_or_default()
}

/// How a lead came that no asset brought, in words; the source, where one was named, in the words of whoever named it.
pub(super) fn came(ctx: &Context, strings: &Strings, lead: &Lead) -> String {
    match lead.origin.strip_prefix(LeadOrigin::Vendor.label()) {
        Some(source) if is_passed_on(lead) => {
            format!("{}{source}", strings.fill("offer_passed_on", &[("vendor", &vendor(ctx))]))
        }
        _ => lead.origin.clone(),
    }
}

/// Why a lead is offered now. The ledger says it in English, with its numbers; readers of another language are told as much of it
/// as there are words for, and find the rest on the card.
pub(super) fn why(ctx: &Context, strings: &Strings, language: &Locale, of: &Offering<'_>) -> Option<String> {
    let lead = of.lead;
    if of.heat == Heat::Hot {
        let key = if is_passed_on(lead) { "offer_because_told" } else { "offer_because_asked" };
        return Some(strings.fill(key, &[("vendor", &vendor(ctx))]));
    }
    if language.language() == "en" {
        return Some(of.because.to_owned());
    }
    if of.again.is_some() {
        return Some(strings.get("offer_because_again").to_owned());
    }
    let library = ctx.library();
    let rule = library.rules.scoring.as_ref()?;
    let fits = FitGrade::WORDS.iter().any(|(word, grade)| *word == lead.fit && *grade <= rule.mql_fit);
    let is_met = lead.score >= i64::from(rule.mql_score) && fits;
    let numbers = [("score", lead.score.to_string()), ("fit", lead.fit.clone())];
    let values = numbers.each_ref().map(|(name, value)| (*name, value.as_str()));
    is_met.then(|| strings.fill("offer_because_score", &values))
}
