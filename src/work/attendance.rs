//! Who was at a webinar, taken over from the list of the webinar tool.

use sha2::{Digest, Sha256};

use super::{context::Context, handoff};
use crate::{
    domain::{
        content::{Detail, finding::did_you_mean},
        engagement::{EventKind, Reason, Verdict},
        kernel::{
            Error, Result,
            clock::{UtcMs, utc},
            id::EventId,
        },
        lead::attendance::{Attendance, parse},
    },
    store::{
        audit, contacts,
        events::{self, Event},
        leads,
    },
};

/// People named who are not known, at most.
const NAMED_MAX: usize = 20;

/// What a list comes to.
#[derive(Debug)]
pub struct Matched {
    /// The webinar's reference.
    webinar: String,
    events: Vec<Event>,
    /// Leads who were there.
    pub leads: usize,
    /// People of partners who were there.
    pub contacts: usize,
    /// Of these, how many are noted already.
    pub known: usize,
    /// Those listed who were not there.
    pub absent: usize,
    /// How many are neither a lead nor anybody at a partner.
    pub strangers: usize,
    /// Some of them, by address.
    pub named: Vec<String>,
}

/// Reads the list `bytes` of the webinar `reference`, and finds who is meant. Changes nothing.
///
/// # Errors
/// `Invalid` with every fault of the list, or for a webinar that has not begun; `NotFound` for none; those of the store.
pub async fn matched(ctx: &Context, reference: &str, bytes: &[u8]) -> Result<Matched> {
    let begins_ms = begins_ms(ctx, reference)?;
    let list = parse(bytes).map_err(|faults| Error::invalid(faults.join("\n")))?;
    if begins_ms > ctx.now_ms() {
        let day = utc(begins_ms).format("%Y-%m-%d %H:%M UTC");
        return Err(Error::invalid(format!("{reference} begins on {day}: nobody can have been there yet")));
    }
    people(ctx, reference, begins_ms, list).await
}

fn begins_ms(ctx: &Context, reference: &str) -> Result<UtcMs> {
    let library = ctx.library();
    let original = library.versions(reference).first();
    if let Some(Detail::Webinar(webinar)) = original.map(|asset| &asset.detail) {
        let gap =
            || Error::invalid(format!("{reference} begins at an hour that its zone's clocks leave out"));
        return webinar.begins().map(|begins| begins.timestamp_millis()).ok_or_else(gap);
    }
    let is_webinar = |asset: &&crate::domain::content::Asset| matches!(asset.detail, Detail::Webinar(_));
    let known = || library.assets.iter().map(|asset| &**asset).filter(is_webinar);
    let hint = did_you_mean(reference, known().map(|asset| asset.reference.as_str()));
    Err(Error::not_found_but(format!("webinar {reference}"), hint))
}

async fn people(ctx: &Context, reference: &str, begins_ms: UtcMs, list: Attendance) -> Result<Matched> {
    let mut matched = Matched {
        webinar: reference.to_owned(),
        events: Vec::new(),
        leads: 0,
        contacts: 0,
        known: 0,
        absent: list.absent,
        strangers: 0,
        named: Vec::new(),
    };
    for (address, minutes) in list.present {
        let there = leads_of(ctx, reference, &address).await?;
        let contact = match there.is_empty() {
            true => contacts::named(&ctx.db, &address).await?.into_iter().next(),
            false => None,
        };
        if there.is_empty() && contact.is_none() {
            matched.strangers += 1;
            if matched.named.len() < NAMED_MAX {
                matched.named.push(address);
            }
            continue;
        }
        let stayed_ms = minutes.map(|minutes| i64::from(minutes) * 60_000);
        let event = |who: &str, partner: String| attended(reference, begins_ms, (who, partner), stayed_ms);
        for (lead_id, partner) in there {
            matched.leads += 1;
            matched.events.push(Event { lead_id: Some(lead_id.clone()), ..event(&lead_id, partner) });
        }
        if let Some(contact) = contact {
            matched.contacts += 1;
            let noted = event(&contact.id, contact.partner_slug.clone());
            matched.events.push(Event { contact_id: Some(contact.id), ..noted });
        }
    }
    for event in &matched.events {
        matched.known += usize::from(events::is_stored(&ctx.db, &event.id).await?);
    }
    Ok(matched)
}

/// The leads with an address, and their partners: those who registered for it, else all of them.
async fn leads_of(ctx: &Context, reference: &str, address: &str) -> Result<Vec<(String, String)>> {
    let all = leads::at_address(&ctx.db, address).await?;
    let mut registered = Vec::new();
    for lead in &all {
        let did = events::of_lead(&ctx.db, &lead.0).await?;
        let kind = EventKind::WebinarRegistered.as_str();
        if did.iter().any(|event| event.kind == kind && event.asset.as_deref() == Some(reference)) {
            registered.push(lead.clone());
        }
    }
    Ok(if registered.is_empty() { all } else { registered })
}

/// That `who` of `partner` was there. Its key is made of both, so that a list taken over twice notes it once.
fn attended(
    reference: &str,
    begins_ms: UtcMs,
    (who, partner_slug): (&str, String),
    stayed_ms: Option<i64>,
) -> Event {
    let digest = Sha256::digest(format!("attended {reference} {who}").as_bytes());
    let mut key = EventId::since(begins_ms).to_bytes();
    key[6..].copy_from_slice(&digest[..10]);
    let mut event = Event {
        id: EventId::from_bytes(key).to_string(),
        kind: EventKind::WebinarAttended.as_str().to_owned(),
        at_ms: begins_ms,
        delivery_id: None,
        contact_id: None,
        lead_id: None,
        partner_slug,
        asset: Some(reference.to_owned()),
        revision: None,
        channel: String::new(),
        stayed_ms,
        link_no: None,
        method: String::new(),
        agent: String::new(),
        network: String::new(),
        prefetch: false,
        honeypot: false,
        human: true,
        reason: String::new(),
        verdict: String::new(),
    };
    event.judged(&Verdict::from(Reason::Listed));
    event
}

/// Notes who was there, all at once, then hands off the leads who qualify by it. Who is noted already stays as noted, with
/// the longest stay, so doing it again is safe. Returns how many are new.
///
/// # Errors
/// Those of the store.
pub async fn import(ctx: &Context, actor: &str, matched: Matched) -> Result<usize> {
    let new = matched.events.len() - matched.known;
    let there: Vec<String> = matched.events.iter().filter_map(|event| event.lead_id.clone()).collect();
    let detail = format!("{} there, {new} of them new", matched.events.len());
    let mut tx = ctx.db.begin().await?;
    events::insert(&mut tx, matched.events).await?;
    audit::record(&mut tx, ctx.now_ms(), &*ctx.random, actor, "import-attendance", &matched.webinar, &detail)
        .await?;
    tx.commit().await?;
    for lead in there {
        handoff::told_later(ctx, &lead).await?;
    }
    Ok(new)
}
