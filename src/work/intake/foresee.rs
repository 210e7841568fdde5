//! Who would be offered what was not taken yet.

use std::collections::HashMap;

use super::{
    super::{
        cobrand::no_content,
        context::Context,
        handoff::{self, Market, Offering},
    },
    Due,
};
use crate::{
    domain::{
        kernel::Result,
        lead::{Receiver, clock::Heat},
        partner::{Contact, Partner},
    },
    store::{
        intakes::HOUSE,
        offers::{self, Load},
        partners,
    },
};

/// To whom a lead would be offered, or why to nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreseen {
    /// The row.
    pub no: u64,
    /// The person's address.
    pub email: String,
    /// The partner's slug; empty for nobody.
    pub partner: String,
    /// To whom: a name or an address; empty for nobody.
    pub to: String,
    /// Why it qualifies, and why they get it.
    pub because: String,
}

/// A partner with its people and what each has in hand, those that are foreseen included.
struct AtPartner {
    partner: Partner,
    contacts: Vec<Contact>,
    loads: Vec<Load>,
}

/// To whom these would be offered, one after the other, if they were taken now.
///
/// # Errors
/// No routing rule yet; those of the store.
pub async fn foresee(ctx: &Context, due: &[Due]) -> Result<Vec<Foreseen>> {
    let library = ctx.library();
    let rule = library.rules.routing.as_ref().ok_or_else(no_content)?;
    let mut known: HashMap<String, AtPartner> = HashMap::new();
    let mut market = Market::load(ctx).await?;
    let mut all = Vec::with_capacity(due.len());
    for due in due {
        let foreseen = |partner: &str, to: String, because: String| Foreseen {
            no: due.no,
            email: due.lead.email.clone(),
            partner: partner.to_owned(),
            to,
            because,
        };
        let Some(because) = &due.because else {
            let owner = due.lead.owner_name.clone().unwrap_or_default();
            all.push(foreseen(&due.lead.partner_slug, owner, "is in hand, and asks to be called".to_owned()));
            continue;
        };
        let mut lead = due.lead.clone();
        if lead.partner_slug == HOUSE {
            let found = market.assign(&lead.email_key, &due.country, &due.vertical);
            let Some(partner) = found.chosen.map(|partner| partner.slug.to_string()) else {
                all.push(foreseen(HOUSE, String::new(), format!("{because}. {}", found.explained())));
                continue;
            };
            market.count(&partner);
            lead.partner_slug = partner;
        }
        let lead = &lead;
        if !known.contains_key(&lead.partner_slug)
            && let Some(found) = at_partner(ctx, &lead.partner_slug).await?
        {
            known.insert(lead.partner_slug.clone(), found);
        }
        let Some(at) = known.get_mut(&lead.partner_slug) else { continue };
        let before = offers::of_lead(&ctx.db, &lead.id).await?;
        let heat = Heat::Standard;
        let (partner, title) = (&at.partner, "");
        let offering =
            Offering { lead, partner, asset_title: title, because, heat, passing: None, again: None };
        let route = handoff::routed(rule.people, &offering, &at.contacts, &before, &at.loads);
        let (to, address) = match route.receiver {
            Receiver::Contact(contact) => (contact.name.clone(), contact.email.key()),
            Receiver::ChannelManager { email } => (email.to_owned(), email.to_lowercase()),
        };
        all.push(foreseen(&lead.partner_slug, to, format!("{because}. {}", route.because)));
        count(&mut at.loads, address, ctx.now_ms());
    }
    Ok(all)
}

async fn at_partner(ctx: &Context, slug: &str) -> Result<Option<AtPartner>> {
    let Some(partner) = partners::partner(&ctx.db, slug).await? else { return Ok(None) };
    let people = partners::contacts_of(&ctx.db, slug).await?;
    let contacts = people.into_iter().map(|stored| stored.contact).collect();
    Ok(Some(AtPartner { partner, contacts, loads: offers::loads(&ctx.db, slug).await? }))
}

/// One more that somebody was asked to take, after all others.
fn count(loads: &mut Vec<Load>, rep_key: String, now_ms: i64) {
    let last_ms = loads.iter().map(|load| load.last_ms).max().unwrap_or(now_ms).max(now_ms) + 1;
    match loads.iter_mut().find(|load| load.rep_key == rep_key) {
        Some(load) => {
            load.live += 1;
            load.last_ms = last_ms;
        }
        None => loads.push(Load { rep_key, live: 1, last_ms }),
    }
}
