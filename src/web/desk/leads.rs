//! A rep's leads, the most urgent first.

use std::sync::Arc;

use axum::{
    Form as Body,
    extract::{Path, State},
    http::HeaderMap,
};
use serde::{Deserialize, Serialize};

use super::{offer::is_theirs, rep};
use crate::{
    domain::kernel::{
        Error, Result,
        id::{LeadId, OfferId},
    },
    store::{self, leads::Lead, partners},
    web::{
        frame::{Area, Frame},
        respond::{self, Answer},
        view::{chart::Badge, clock::Running, lead},
    },
    work::{Context, desk::Rep, handoff, tokens},
};

/// The page.
#[derive(Debug, Serialize)]
pub struct View {
    /// Whose desk.
    pub who: String,
    /// The zone of the times.
    pub zone: String,
    /// What to say while there are none.
    pub empty: &'static str,
    /// Cards.
    pub leads: Vec<Card>,
}

/// A lead.
#[derive(Debug, Serialize)]
pub struct Card {
    /// `Asked to talk`
    pub heat: &'static str,
    /// Its tone.
    pub heat_tone: &'static str,
    /// Where it stands.
    pub stage: Badge,
    /// Full name.
    pub name: String,
    /// Company.
    pub company: String,
    /// Why it stands there.
    pub because: String,
    /// The partner it came through, on a channel manager's desk.
    pub through: Option<String>,
    /// The card.
    pub href: Option<String>,
    /// The running clock.
    pub clock: Option<Running>,
    /// Where "contacted" leads.
    pub contacted: Option<String>,
}

/// `GET /desk`
pub async fn page(State(ctx): State<Arc<Context>>, headers: HeaderMap) -> Answer {
    let frame = Frame::new(&ctx, Area::Desk, "Your leads", "/desk");
    let Some(rep) = rep(&ctx, &headers).await? else {
        let view = View {
            who: "No desk is open in this browser.".to_owned(),
            zone: String::new(),
            empty: "A lead opens the desk",
            leads: Vec::new(),
        };
        return respond::page(&ctx, "desk/leads", &frame, &view);
    };
    let mut cards = Vec::new();
    for lead in store::leads::of_rep(&ctx.db, &rep.key).await? {
        cards.push(card(&ctx, &lead, &rep).await?);
    }
    cards.sort_by_key(|card| card.clock.as_ref().map_or(i64::MAX, |clock| clock.due_ms));
    let view = View {
        who: format!("{}, {}", rep.name, rep.company),
        zone: format!("in {}", rep.zone.name().replace('_', " ")),
        empty: "No leads with you now",
        leads: cards,
    };
    respond::page(&ctx, "desk/leads", &frame, &view)
}

async fn card(ctx: &Context, lead: &Lead, rep: &Rep) -> Result<Card> {
    let offers = store::leads::offers_of(&ctx.db, &lead.id).await?;
    let mine = offers.iter().find(|offer| rep.is_at(&offer.rep_email) && is_theirs(offer));
    let through = match mine {
        // A channel manager has leads of several partners.
        Some(offer) if offer.contact_id.is_none() => {
            partners::partner(&ctx.db, &lead.partner_slug).await?.map(|partner| partner.name)
        }
        _ => None,
    };
    let clocks = store::leads::clocks(&ctx.db, &lead.id).await?;
    let running = clocks.iter().find(|clock| clock.stopped_ms.is_none());
    let (heat, heat_tone) = lead::heat(mine.map_or("standard", |offer| offer.temperature.as_str()));
    let accepted = mine.is_some_and(|offer| offer.answer.as_deref() == Some("accepted"));
    let open_id = mine.and_then(|offer| OfferId::parse(&offer.id).ok());
    // Before the card is opened, the person is not named here either.
    let viewed = mine.is_some_and(|offer| offer.viewed_ms.is_some());
    Ok(Card {
        heat,
        heat_tone,
        stage: lead::stage(&lead.stage),
        name: if viewed { lead.name.clone() } else { "A new lead".to_owned() },
        company: if viewed { lead.company.clone() } else { "not opened yet".to_owned() },
        because: lead.because.clone(),
        through,
        href: open_id.map(|id| format!("/o/{}", tokens::offer_token(&ctx.keys, id))),
        clock: running.map(|clock| Running::of(clock, rep.zone, ctx.now_ms())),
        contacted: (accepted && running.is_some_and(|clock| clock.kind == "first_contact"))
            .then(|| format!("/desk/leads/{}/contacted", lead.id)),
    })
}

/// What was typed about the first contact.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Contacted {
    note: String,
}

/// `POST /desk/leads/{id}/contacted`
pub async fn contacted(
    State(ctx): State<Arc<Context>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(typed): Body<Contacted>,
) -> Answer {
    let rep = rep(&ctx, &headers).await?.ok_or_else(|| Error::denied("no desk is open in this browser"))?;
    let lead = LeadId::parse(&id).map_err(|_| Error::not_found("this lead"))?;
    handoff::contacted(&ctx, lead, &rep, typed.note.trim()).await?;
    Ok(respond::see_other("/desk"))
}

#[cfg(test)]
impl View {
    /// One open offer, one accepted lead.
    pub fn sample() -> Self {
        Self {
            who: "Luis Ortega, Northlight MSP".into(),
            zone: "in America/Chicago".into(),
            empty: "No leads with you now",
            leads: vec![
                Card {
                    heat: "Asked to talk",
                    heat_tone: "warn",
                    stage: lead::stage("offered"),
                    name: "Ana Ruiz".into(),
                    company: "Harbor Clinic Group".into(),
                    because: "asked to talk".into(),
                    through: Some("Northlight MSP".into()),
                    href: Some("#".into()),
                    clock: Some(Running::sample()),
                    contacted: None,
                },
                Card {
                    heat: "Reached the score",
                    heat_tone: "brand",
                    stage: lead::stage("sal"),
                    name: "Jonas Lind".into(),
                    company: "Prairie Co-op".into(),
                    because: "accepted by Luis Ortega".into(),
                    through: None,
                    href: Some("#".into()),
                    clock: Some(Running::sample()),
                    contacted: Some("#".into()),
                },
            ],
        }
    }
}
