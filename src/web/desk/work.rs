//! `/desk/leads/{id}`: a lead's card for whoever has it or looks after it, and what they record.

use std::sync::Arc;

use axum::{
    Form as Body,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
};
use chrono::NaiveDate;
use serde::Deserialize;

use super::{
    actions::Said,
    card::{self, CardView},
    offer::After,
    rep,
};
use crate::{
    domain::{
        kernel::{
            Error, Kind, Result,
            id::{LeadId, OfferId},
        },
        lead::{Amount, DisqualifyReason},
    },
    web::{
        frame::{Area, Frame},
        respond::{self, Answer},
        view::chart::Badge,
    },
    work::{
        Context,
        desk::Rep,
        handoff::{self, By, Closing, Correction, Outcome},
        lead_card::{self, Card},
        tokens,
    },
};

/// That nobody has a desk in this browser.
pub(super) fn none() -> Error {
    Error::denied("no desk is open in this browser; open one with the link in a mail, or ask for one")
}

/// Whoever has a desk in this browser.
pub(super) async fn signed_in(ctx: &Context, headers: &HeaderMap) -> Result<Rep> {
    rep(ctx, headers).await?.ok_or_else(none)
}

/// The id in an address.
pub(super) fn lead_id(id: &str) -> Result<String> {
    LeadId::parse(id).map(|id| id.to_string()).map_err(|_| Error::not_found("this lead"))
}

/// Whether the lead is `rep`'s to see: it is offered to them and they opened the card, it is theirs, or they look after
/// the partner. To all others it is not there.
fn may_see(card: &Card, rep: &Rep) -> bool {
    let opened = |offer: &crate::store::offers::Offer| {
        offer.is_live() && offer.viewed_ms.is_some() && rep.is_at(&offer.rep_email)
    };
    // Of a lead that was won or lost, whoever closed it.
    let owned = card.lead.owner_email.as_deref().is_some_and(|owner| rep.is_at(owner));
    owned || card.offers.iter().any(opened) || rep.looks_after(&card.partner)
}

/// `GET /desk/leads/{id}`
pub async fn page(
    State(ctx): State<Arc<Context>>,
    Path(id): Path<String>,
    Query(after): Query<After>,
    headers: HeaderMap,
) -> Answer {
    let rep = signed_in(&ctx, &headers).await?;
    let card = lead_card::card_of_partner(&ctx, &lead_id(&id)?).await?;
    if !may_see(&card, &rep) {
        return Err(Error::not_found("this lead").into());
    }
    let token = offer_token(&ctx, &card, &rep);
    let view = card::view(&ctx, card, &rep, token.as_deref(), after.done.as_deref());
    respond::page(&ctx, "desk/card", &framed(&ctx, &view), &view)
}

fn framed(ctx: &Context, view: &CardView) -> Frame {
    Frame::new(ctx, Area::Desk, format!("{}, {}", view.name, view.company), "/desk")
}

/// What answers an offer that is open and `rep`'s.
fn offer_token(ctx: &Context, card: &Card, rep: &Rep) -> Option<String> {
    let open =
        card.offers.iter().find(|offer| offer.is_live() && !offer.holds() && rep.is_at(&offer.rep_email))?;
    let id = OfferId::parse(&open.id).ok()?;
    Some(tokens::offer_token(&ctx.keys, id, ctx.clock.wall_ms()))
}

/// The card again, with what is wrong and what was typed; where somebody was quicker, with what they did.
async fn refused(ctx: &Context, id: &str, rep: &Rep, typed: &Typed, error: Error) -> Answer {
    let card = lead_card::card_of_partner(ctx, id).await?;
    let was_overtaken = error.kind() == Kind::Conflict;
    if !may_see(&card, rep) {
        return Err(if was_overtaken { error } else { Error::not_found("this lead") }.into());
    }
    let token = offer_token(ctx, &card, rep);
    let mut notice = if was_overtaken {
        card::overtaken(&card, rep.zone, &error)
    } else {
        format!("Nothing was recorded: {}.", error.public())
    };
    let mut view = card::view(ctx, card, rep, token.as_deref(), None);
    view.actions.typed.clone_from(&typed.note);
    if !typed.name.is_empty() || !typed.company.is_empty() {
        view.actions.data = [typed.name.clone(), typed.company.clone(), typed.phone.clone()];
    }
    if !typed.value.is_empty() || !typed.currency.is_empty() {
        let said = Said {
            value: typed.value.clone(),
            currency: typed.currency.clone(),
            close_date: typed.close_date.clone(),
        };
        if view.actions.correct.is_some() {
            if was_overtaken {
                notice.push_str(" If what you typed is right, correct it below.");
            }
            view.actions.is_corrected = was_overtaken;
            view.actions.corrected = Some(said.clone());
        }
        view.actions.won_amount = Some(said.clone());
        view.actions.amount = Some(said);
    }
    view.notice = Some(Badge::new("bad", notice));
    let mut page = respond::page(ctx, "desk/card", &framed(ctx, &view), &view)?;
    *page.status_mut() = if was_overtaken { StatusCode::CONFLICT } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok(page)
}

/// The card of a lead about which somebody answered too late, with how it stands; for who cannot see it any more, the error.
pub(super) async fn too_late(ctx: &Context, lead_id: &str, rep: &Rep, error: Error) -> Answer {
    refused(ctx, lead_id, rep, &Typed::default(), error).await
}

/// What was typed; each form sends some of it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    note: String,
    value: String,
    currency: String,
    close_date: String,
    reason: String,
    again_on: String,
    name: String,
    company: String,
    phone: String,
}

impl Typed {
    fn day(name: &str, text: &str) -> Result<Option<NaiveDate>> {
        match text.trim() {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| {
                Error::invalid(format!("{name}: `{text}` is no date; write it like 2027-03-31"))
            }),
        }
    }

    fn closing(&self) -> Result<Closing> {
        let amount = Amount::parse(&self.value, &self.currency);
        let on = Self::day("the close date", &self.close_date);
        match (amount, on) {
            (Ok(amount), Ok(on)) => Ok(Closing { amount, on }),
            (Err(amount), Err(on)) => Err(Error::invalid(format!("{}; {}", amount.public(), on.public()))),
            (Err(one), Ok(_)) | (Ok(_), Err(one)) => Err(one),
        }
    }

    fn outcome(&self, what: &str) -> Result<Outcome> {
        Ok(match what {
            "sql" => Outcome::Sql(self.closing()?),
            "deal" if self.value.trim().is_empty() => Outcome::DealRegistered(None),
            "deal" => Outcome::DealRegistered(Some(self.closing()?)),
            "won" => Outcome::Won(self.closing()?),
            "lost" => Outcome::Lost(self.why()?),
            _ => Outcome::Disqualified {
                reason: self.why()?,
                again_on: Self::day("the day to take it up again", &self.again_on)?,
            },
        })
    }

    fn correction(&self) -> Correction {
        Correction { name: self.name.clone(), company: self.company.clone(), phone: self.phone.clone() }
    }

    fn why(&self) -> Result<DisqualifyReason> {
        DisqualifyReason::parse(&self.reason).ok_or_else(|| {
            Error::invalid("choose one of the reasons; they are how the next leads get better")
        })
    }
}

async fn act(ctx: &Context, id: &str, rep: &Rep, what: &str, typed: &Typed) -> Result<()> {
    let (by, note) = (By::Rep(rep), typed.note.trim());
    match what {
        "contacted" => handoff::contacted(ctx, id, by, note).await,
        "note" => handoff::note(ctx, id, by, note).await,
        "hand-on" => handoff::hand_on(ctx, id, by, note).await,
        "correct-data" => handoff::correct(ctx, id, by, &typed.correction()).await,
        "correct" => handoff::correct_value(ctx, id, by, typed.closing()?, note).await,
        "more-time" => handoff::ask_for_time(ctx, id, by, note).await.map(drop),
        "sql" | "deal" | "won" | "lost" | "close" => {
            handoff::record(ctx, id, by, typed.outcome(what)?, note).await
        }
        _ => Err(Error::not_found("this page")),
    }
}

/// `POST /desk/leads/{id}/{what}`
pub async fn record(
    State(ctx): State<Arc<Context>>,
    Path((id, what)): Path<(String, String)>,
    headers: HeaderMap,
    Body(typed): Body<Typed>,
) -> Answer {
    let rep = signed_in(&ctx, &headers).await?;
    let id = lead_id(&id)?;
    match act(&ctx, &id, &rep, &what, &typed).await {
        Err(error) if matches!(error.kind(), Kind::Invalid | Kind::Conflict) => {
            return refused(&ctx, &id, &rep, &typed, error).await;
        }
        acted => acted?,
    }
    // Whoever closed or gave away a lead may not see it any more.
    let card = lead_card::card_of_partner(&ctx, &id).await?;
    let to = if may_see(&card, &rep) {
        format!("/desk/leads/{id}?done={what}")
    } else if what == "close" {
        // Which says what became of it, and when it comes back.
        format!("/desk/closed?done={id}")
    } else {
        "/desk".to_owned()
    };
    Ok(respond::see_other(&to))
}
