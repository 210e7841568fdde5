//! An offer: first a teaser that says nothing about the person, then, after a button, the card.

use std::sync::Arc;

use axum::{
    Extension, Form as Body,
    extract::{Path, Query, State},
    http::HeaderMap,
    response::IntoResponse,
};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{card, rep, set_cookie};
use crate::{
    domain::{
        kernel::{Error, Result, clock::DAY_MS, id::OfferId},
        lead::{LeadStage, RejectReason},
        partner::contact::first_name,
    },
    store::{self, leads::Offer, partners},
    web::{
        error::Problem,
        frame::{Area, Frame},
        respond::{self, Answer},
        throttle::Throttle,
        view::{
            Fact,
            clock::Running,
            lead::{self},
        },
        visitor::Asking,
    },
    work::{
        Context, desk, handoff,
        lead_card::{self},
        signin, tokens,
    },
};

/// How long the link of an offer opens the rep's desk.
const LINK_MS: i64 = 30 * DAY_MS;

/// Before the card is opened: mail scanners see this, so it names nobody.
#[derive(Debug, Serialize)]
pub struct Teaser {
    /// `Asked to talk`
    pub heat: &'static str,
    /// Its tone.
    pub heat_tone: &'static str,
    /// Title.
    pub title: String,
    /// What to do.
    pub text: String,
    /// The clock, while it runs.
    pub clock: Option<Running>,
    /// What may be said.
    pub facts: Vec<Fact>,
    /// The button, while the offer is open.
    pub action: Option<String>,
}

/// What was just done, in the address.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct After {
    done: Option<String>,
}

/// The offer of a token.
async fn offer_of(ctx: &Context, token: &str) -> Result<(OfferId, Offer)> {
    let id = tokens::offer_of(&ctx.keys, token)?;
    let offer = store::leads::offer(&ctx.db, &id.to_string()).await?;
    Ok((id, offer.ok_or_else(|| Error::not_found("this offer"))?))
}

/// Whether this browser opened the desk of the rep the offer was made to.
async fn is_reps(ctx: &Context, headers: &HeaderMap, offer: &Offer) -> Result<bool> {
    let rep = rep(ctx, headers).await?;
    Ok(rep.is_some_and(|rep| rep.is_at(&offer.rep_email)))
}

/// Whether the lead is the rep's to see: offered and not answered yet, or accepted.
pub fn is_theirs(offer: &Offer) -> bool {
    matches!(offer.answer.as_deref(), None | Some("accepted"))
}

/// `GET /o/{token}`: changes nothing, whoever asks.
pub async fn page(
    State(ctx): State<Arc<Context>>,
    Path(token): Path<String>,
    Query(after): Query<After>,
    headers: HeaderMap,
) -> Answer {
    let (_, offer) = offer_of(&ctx, &token).await?;
    if is_theirs(&offer) && offer.viewed_ms.is_some() && is_reps(&ctx, &headers, &offer).await? {
        let card = lead_card::card(&ctx, &offer.lead_id).await?;
        let view = card::view(&ctx, &token, &offer, card, after.done.as_deref());
        let frame = Frame::new(&ctx, Area::Desk, format!("{}, {}", view.name, view.company), "/desk");
        return respond::page(&ctx, "desk/card", &frame, &view);
    }
    teaser(&ctx, &token, &offer).await
}

async fn teaser(ctx: &Context, token: &str, offer: &Offer) -> Answer {
    let (heat, heat_tone) = lead::heat(&offer.temperature);
    let clocks = store::leads::clocks(&ctx.db, &offer.lead_id).await?;
    let running = clocks.iter().find(|clock| clock.stopped_ms.is_none() && clock.kind == "accept");
    let lead = store::leads::lead(&ctx.db, &offer.lead_id).await?;
    let partner = match &lead {
        Some(lead) => partners::partner(&ctx.db, &lead.partner_slug).await?,
        None => None,
    };
    let zone = partner.as_ref().map_or(Tz::UTC, |partner| partner.zone);
    let gone = !is_theirs(offer);
    let recycled = lead.as_ref().is_some_and(|lead| lead.stage == LeadStage::Recycled.as_str());
    let company = partner.as_ref().map_or("you", |p| &p.name);
    let mut facts = vec![Fact::new("Offered to", &offer.rep_name), Fact::new("Because", &offer.because)];
    let passed = card::turned_down(offer, &store::leads::offers_of(&ctx.db, &offer.lead_id).await?);
    if !passed.is_empty() {
        // Names alone: a reason may speak about the person.
        let names: Vec<&str> = passed.iter().map(|one| one.who.as_str()).collect();
        facts.push(Fact::new("Turned down by", names.join(", ")));
    }
    let view = Teaser {
        heat,
        heat_tone,
        title: if gone { "This lead has moved on" } else { "A lead for you" }.to_owned(),
        text: match (gone, recycled) {
            (true, true) => {
                "It was turned down, and nobody is left to offer it to. Content goes on reaching the \
                             person until they ask again."
                    .to_owned()
            }
            (true, false) => "It is no longer offered to you; somebody else takes care of it.".to_owned(),
            (false, _) if passed.is_empty() => {
                format!("{}, somebody wants to hear from {company}.", first_name(&offer.rep_name))
            }
            (false, _) => format!(
                "{}, somebody wants to hear from {company}, and everybody there who was asked turned it down.",
                first_name(&offer.rep_name)
            ),
        },
        clock: running
            .filter(|_| offer.answered_ms.is_none())
            .map(|clock| Running::of(clock, zone, ctx.now_ms())),
        facts,
        action: (!gone).then(|| format!("/o/{token}/open")),
    };
    respond::page(ctx, "desk/teaser", &Frame::new(ctx, Area::Desk, &view.title, "/desk"), &view)
}

/// `POST /o/{token}/open`: records that it was viewed and opens the rep's desk in this browser.
pub async fn open(
    State(ctx): State<Arc<Context>>,
    Path(token): Path<String>,
    headers: HeaderMap,
    Asking(visitor): Asking,
    Extension(throttle): Extension<Arc<Throttle>>,
) -> Answer {
    let (id, offer) = offer_of(&ctx, &token).await?;
    // The desk is open already: another card is no other sign-in.
    let inside = is_reps(&ctx, &headers, &offer).await?;
    if !inside {
        throttle.sign_in(&ctx, &visitor, &offer.rep_email).map_err(Problem::too_often)?;
    }
    if !is_theirs(&offer) {
        return Err(Error::conflict("this lead is no longer offered to you").into());
    }
    if desk::rep(&ctx, &offer.rep_email).await?.is_none() {
        return Err(Error::denied(format!(
            "{} receives no leads any more; ask your channel manager for this one",
            offer.rep_name
        ))
        .into());
    }
    if ctx.now_ms() - offer.offered_ms > LINK_MS {
        return Err(Error::conflict(
            "this link is more than 30 days old; ask your channel manager for the lead",
        )
        .into());
    }
    handoff::view(&ctx, id).await?;
    if inside {
        return Ok(respond::see_other(&format!("/o/{token}")));
    }
    let cookie = signin::open_desk(&ctx, &offer.rep_email).await?;
    Ok(([set_cookie(&ctx, "desk", &cookie)], respond::see_other(&format!("/o/{token}"))).into_response())
}

/// `POST /o/{token}/accept`
pub async fn accept(
    State(ctx): State<Arc<Context>>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let id = answering(&ctx, &token, &headers).await?;
    handoff::accept(&ctx, id).await?;
    Ok(respond::see_other(&format!("/o/{token}?done=accepted")))
}

/// What was typed with a rejection.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Rejection {
    reason: String,
    note: String,
}

/// `POST /o/{token}/reject`
pub async fn reject(
    State(ctx): State<Arc<Context>>,
    Path(token): Path<String>,
    headers: HeaderMap,
    Body(rejection): Body<Rejection>,
) -> Answer {
    let id = answering(&ctx, &token, &headers).await?;
    let reason = RejectReason::parse(&rejection.reason).ok_or_else(|| {
        Error::invalid("choose one of the reasons; without one the lead cannot be sent where it belongs")
    })?;
    handoff::reject(&ctx, id, reason, rejection.note.trim()).await?;
    Ok(respond::see_other(&format!("/o/{token}?done=rejected")))
}

/// Answers come from the browser that opened the card.
async fn answering(ctx: &Context, token: &str, headers: &HeaderMap) -> Result<OfferId> {
    let (id, offer) = offer_of(ctx, token).await?;
    if is_reps(ctx, headers, &offer).await? {
        Ok(id)
    } else {
        Err(Error::denied("open the lead card first, with the button behind the link in your mail"))
    }
}

#[cfg(test)]
impl Teaser {
    /// A hot one.
    pub fn sample() -> Self {
        Self {
            heat: "Asked to talk",
            heat_tone: "warn",
            title: "A lead for you".into(),
            text: "Luis, somebody wants to hear from Northlight MSP.".into(),
            clock: Some(Running::sample()),
            facts: vec![
                Fact::new("Offered to", "Luis Ortega"),
                Fact::new("Because", "you receive the leads of Northlight MSP"),
            ],
            action: Some("#".into()),
        }
    }
}
