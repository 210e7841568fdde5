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

use super::{card, enter, rep, set_cookie, work};
use crate::{
    domain::{
        kernel::{Error, Kind, Result, id::OfferId},
        lead::{LeadStage, RejectReason, stage::RejectClass},
        partner::contact::first_name,
    },
    store::{self, leads::Lead, offers::Offer, partners},
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
        Context,
        desk::{self, Rep},
        handoff,
        lead_card::{self},
        signin, tokens,
    },
};

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
    /// The button that opens the desk, for a lead that several are asked to take.
    pub open: Option<String>,
    /// The button for another link, where this one is too old.
    pub renew: Option<String>,
    /// Their other leads, where their desk is open in this browser.
    pub desk: Option<&'static str>,
    /// Of a lead that several are asked to take: where it is claimed.
    pub claim: Option<String>,
    /// And where it is left to the others.
    pub decline: Option<String>,
}

/// What was just done, in the address.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct After {
    pub(super) done: Option<String>,
}

/// The offer of a link.
struct Linked {
    id: OfferId,
    offer: Offer,
    /// Whether the link is too old to open anything.
    is_old: bool,
}

async fn linked(ctx: &Context, token: &str) -> Result<Linked> {
    let (id, made_ms) = tokens::offer_of(&ctx.keys, token)?;
    let offer = store::offers::offer(&ctx.db, &id.to_string()).await?;
    let is_old = ctx.clock.wall_ms() - made_ms > desk::LINK_MS;
    Ok(Linked { id, offer: offer.ok_or_else(|| Error::not_found("this offer"))?, is_old })
}

/// The rep the offer was made to, where this browser opened their desk.
async fn their_rep(ctx: &Context, headers: &HeaderMap, offer: &Offer) -> Result<Option<Rep>> {
    Ok(rep(ctx, headers).await?.filter(|rep| rep.is_at(&offer.rep_email)))
}

/// `GET /o/{token}`: changes nothing, whoever asks.
pub async fn page(
    State(ctx): State<Arc<Context>>,
    Path(token): Path<String>,
    Query(after): Query<After>,
    headers: HeaderMap,
) -> Answer {
    let Linked { offer, is_old, .. } = linked(&ctx, &token).await?;
    let theirs =
        their_rep(&ctx, &headers, &offer).await?.filter(|_| offer.is_live() && offer.viewed_ms.is_some());
    if let Some(rep) = theirs {
        let card = lead_card::card_of_partner(&ctx, &offer.lead_id).await?;
        let view = card::view(&ctx, card, &rep, Some(&token), after.done.as_deref());
        let frame = Frame::new(&ctx, Area::Desk, format!("{}, {}", view.name, view.company), "/desk");
        return respond::page(&ctx, "desk/card", &frame, &view);
    }
    let inside = their_rep(&ctx, &headers, &offer).await?.is_some();
    let lead = store::leads::lead(&ctx.db, &offer.lead_id).await?;
    let lead = lead.ok_or_else(|| Error::not_found("this lead"))?;
    if inside && is_theirs_for_good(&lead, &offer) {
        return Ok(respond::see_other(&format!("/desk/leads/{}", lead.id)));
    }
    teaser(&ctx, &token, &offer, &lead, is_old, inside).await
}

/// Whether the lead was won or lost by whoever the offer was made to: they go on seeing it.
fn is_theirs_for_good(lead: &Lead, offer: &Offer) -> bool {
    let closed = LeadStage::parse(&lead.stage).is_some_and(LeadStage::is_terminal);
    closed && lead.owner_email.as_deref().is_some_and(|owner| owner.eq_ignore_ascii_case(&offer.rep_email))
}

/// What became of an offer that is over, for whoever it was made to: title and text. What names the person or a reason is
/// for a browser in which their desk is open.
fn over(lead: &Lead, offer: &Offer, inside: bool) -> (&'static str, String) {
    let recycled = lead.stage == LeadStage::Recycled.as_str();
    let whom = if inside && offer.viewed_ms.is_some() {
        format!("{}, {}. ", lead.name, lead.company)
    } else {
        String::new()
    };
    let reason = |text: &Option<String>| match text {
        Some(text) if inside && !text.is_empty() => format!(" It says: {text}."),
        _ => String::new(),
    };
    let (title, text) = if store::person::is_erased(&lead.email) {
        return (
            "This lead is gone",
            "The person asked to be erased, and nothing of them is left. There is nothing more to do."
                .to_owned(),
        );
    } else if is_theirs_for_good(lead, offer) {
        ("This lead is closed", "You closed it; open your desk to see its card.".to_owned())
    } else if offer.answer.as_deref() == Some("rejected") {
        let decides = handoff::is_to_decide(offer);
        // Of what no colleague can mend the channel manager is asked; theirs is the last word.
        let is_asked = offer.contact_id.is_some()
            && RejectReason::parse(&offer.reason).is_some_and(|it| it.class() != RejectClass::Procedural);
        let then = match (recycled, decides) {
            (true, true) => "Content goes on reaching the person until they ask again.",
            (true, false) => {
                "Nobody is left to offer it to; content goes on reaching the person until they ask again."
            }
            (false, _) if is_asked => "The channel manager decides what becomes of it.",
            (false, _) => "It goes to whoever comes next.",
        };
        let title = if decides { "You closed this lead" } else { "You turned this lead down" };
        (title, format!("{then}{}", reason(&offer.answer_reason)))
    } else {
        let why = offer.ended_because.clone().or_else(|| offer.answer_reason.clone());
        ("This lead has moved on", format!("It is not with you any more.{}", reason(&why)))
    };
    (title, format!("{whom}{text}"))
}

async fn teaser(
    ctx: &Context,
    token: &str,
    offer: &Offer,
    lead: &Lead,
    is_old: bool,
    inside: bool,
) -> Answer {
    let (heat, heat_tone) = lead::heat(&offer.temperature);
    let clocks = store::lead_clocks::of_lead(&ctx.db, &offer.lead_id).await?;
    let running = clocks.iter().find(|clock| clock.stopped_ms.is_none() && clock.kind == "accept");
    let partner = partners::partner(&ctx.db, &lead.partner_slug).await?;
    let zone = partner.as_ref().map_or(Tz::UTC, |partner| partner.zone);
    let gone = !offer.is_live();
    let company = partner.as_ref().map_or("you", |p| &p.name);
    let mut facts = vec![Fact::new("Offered to", &offer.rep_name), Fact::new("Because", &offer.because)];
    let passed = card::turned_down(offer, &store::offers::of_lead(&ctx.db, &offer.lead_id).await?);
    if !passed.is_empty() {
        // Names alone: a reason may speak about the person.
        let names: Vec<&str> = passed.iter().map(|one| one.who.as_str()).collect();
        facts.push(Fact::new("Turned down by", names.join(", ")));
    }
    let (title, text) = if gone {
        over(lead, offer, inside)
    } else if passed.is_empty() {
        let name = first_name(&offer.rep_name);
        ("A lead for you", format!("{name}, somebody wants to hear from {company}."))
    } else {
        let name = first_name(&offer.rep_name);
        let passed = if handoff::is_to_decide(offer) {
            "and you are asked to decide about it"
        } else {
            "and everybody there who was asked turned it down"
        };
        ("A lead for you", format!("{name}, somebody wants to hear from {company}, {passed}."))
    };
    let is_theirs = is_theirs_for_good(lead, offer);
    let view = Teaser {
        heat,
        heat_tone,
        title: title.to_owned(),
        text,
        clock: running
            .filter(|_| offer.answered_ms.is_none())
            .map(|clock| Running::of(clock, zone, ctx.now_ms())),
        facts,
        action: ((!gone || is_theirs) && !is_old).then(|| format!("/o/{token}/open")),
        open: None,
        renew: ((!gone || is_theirs) && is_old).then(|| format!("/o/{token}/renew")),
        desk: inside.then_some("/desk"),
        claim: None,
        decline: None,
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
    let Linked { id, offer, is_old } = linked(&ctx, &token).await?;
    // The desk is open already: another card is no other sign-in.
    let inside = their_rep(&ctx, &headers, &offer).await?.is_some();
    if !inside {
        throttle.sign_in(&ctx, &visitor, &offer.rep_email).map_err(Problem::too_often)?;
    }
    let lead = store::leads::lead(&ctx.db, &offer.lead_id).await?;
    let for_good = lead.as_ref().is_some_and(|lead| is_theirs_for_good(lead, &offer));
    if !offer.is_live() && !for_good {
        return Err(Error::conflict("this lead is no longer offered to you").into());
    }
    if desk::rep(&ctx, &offer.rep_email).await?.is_none() {
        return Err(Error::denied(format!(
            "{} receives no leads any more; ask your channel manager for this one",
            offer.rep_name
        ))
        .into());
    }
    if is_old && !inside {
        return Err(
            Error::conflict("this link is more than seven days old; have another one mailed to you").into()
        );
    }
    if !for_good {
        handoff::view(&ctx, id).await?;
    }
    if inside {
        return Ok(respond::see_other(&format!("/o/{token}")));
    }
    let cookie = signin::open_desk(&ctx, &offer.rep_email).await?;
    Ok(([set_cookie(&ctx, "desk", &cookie)], respond::see_other(&format!("/o/{token}"))).into_response())
}

/// `POST /o/{token}/renew`: mails another link to whoever the offer was made to.
pub async fn renew(
    State(ctx): State<Arc<Context>>,
    Path(token): Path<String>,
    Asking(visitor): Asking,
    Extension(throttle): Extension<Arc<Throttle>>,
) -> Answer {
    let Linked { offer, .. } = linked(&ctx, &token).await?;
    throttle.sign_in(&ctx, &visitor, &offer.rep_email).map_err(Problem::too_often)?;
    desk::send_link(&ctx, &offer.rep_email).await?;
    let view = enter::View::sent(&offer.rep_name);
    respond::page(&ctx, "desk/enter", &Frame::new(&ctx, Area::Desk, &view.title, "/desk"), &view)
}

/// `POST /o/{token}/accept`
pub async fn accept(
    State(ctx): State<Arc<Context>>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let (id, offer, rep) = answering(&ctx, &token, &headers).await?;
    let lead_id = offer.lead_id.clone();
    // Pressed in two windows, be it at once, it is theirs in both.
    if !offer.holds() {
        match handoff::accept(&ctx, id).await {
            Err(error) if error.kind() == Kind::Conflict => {
                if !handoff::load_offer(&ctx, id).await?.holds() {
                    return work::too_late(&ctx, &lead_id, &rep, error).await;
                }
            }
            done => done?,
        }
    }
    Ok(respond::see_other(&format!("/desk/leads/{lead_id}?done=accepted")))
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
    let (id, offer, rep) = answering(&ctx, &token, &headers).await?;
    let reason = RejectReason::parse(&rejection.reason).ok_or_else(|| {
        Error::invalid("choose one of the reasons; without one the lead cannot be sent where it belongs")
    })?;
    match handoff::reject(&ctx, id, reason, rejection.note.trim()).await {
        Err(error) if error.kind() == Kind::Conflict => {
            return work::too_late(&ctx, &offer.lead_id, &rep, error).await;
        }
        done => done?,
    }
    Ok(respond::see_other(&format!("/o/{token}?done=rejected")))
}

/// Answers come from the browser that opened the card.
async fn answering(ctx: &Context, token: &str, headers: &HeaderMap) -> Result<(OfferId, Offer, Rep)> {
    let Linked { id, offer, .. } = linked(ctx, token).await?;
    match their_rep(ctx, headers, &offer).await? {
        Some(rep) => Ok((id, offer, rep)),
        None => Err(Error::denied("open the lead card first, with the button behind the link in your mail")),
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
            open: None,
            renew: None,
            desk: Some("/desk"),
            claim: None,
            decline: None,
        }
    }
}
