//! `/desk/leads/{id}`: a lead's card for whoever has it or looks after it, and what they record.

use std::sync::Arc;

use axum::{
    Form as Body,
    extract::{Path, Query, State},
    http::HeaderMap,
};
use chrono::NaiveDate;
use serde::Deserialize;

use super::{card, offer::After, rep};
use crate::{
    domain::{
        kernel::{Error, Result, id::LeadId},
        lead::{Amount, DisqualifyReason},
    },
    web::{
        frame::{Area, Frame},
        respond::{self, Answer},
    },
    work::{
        Context,
        desk::Rep,
        handoff::{self, By, Closing, Outcome},
        lead_card::{self, Card},
    },
};

/// Whoever has a desk in this browser.
async fn signed_in(ctx: &Context, headers: &HeaderMap) -> Result<Rep> {
    let none =
        || Error::denied("no desk is open in this browser; open one with the link in a mail, or ask for one");
    rep(ctx, headers).await?.ok_or_else(none)
}

/// The id in an address.
fn lead_id(id: &str) -> Result<String> {
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
    let card = lead_card::card(&ctx, &lead_id(&id)?).await?;
    if !may_see(&card, &rep) {
        return Err(Error::not_found("this lead").into());
    }
    let view = card::view(&ctx, card, &rep, None, after.done.as_deref());
    let frame = Frame::new(&ctx, Area::Desk, format!("{}, {}", view.name, view.company), "/desk");
    respond::page(&ctx, "desk/card", &frame, &view)
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
    to: String,
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

    fn why(&self) -> Result<DisqualifyReason> {
        DisqualifyReason::parse(&self.reason).ok_or_else(|| {
            Error::invalid("choose one of the reasons; they are how the next leads get better")
        })
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
    let (by, note) = (By::Rep(&rep), typed.note.trim());
    match what.as_str() {
        "contacted" => handoff::contacted(&ctx, &id, by, note).await?,
        "note" => handoff::note(&ctx, &id, by, note).await?,
        "more-time" => drop(handoff::ask_for_time(&ctx, &id, by, note).await?),
        "give" => handoff::give(&ctx, &id, by, &typed.to).await?,
        "sql" | "deal" | "won" | "lost" | "close" => {
            handoff::record(&ctx, &id, by, typed.outcome(&what)?, note).await?;
        }
        _ => return Err(Error::not_found("this page").into()),
    }
    // Whoever closed or gave away a lead may not see it any more.
    let card = lead_card::card(&ctx, &id).await?;
    let to = if may_see(&card, &rep) { format!("/desk/leads/{id}?done={what}") } else { "/desk".to_owned() };
    Ok(respond::see_other(&to))
}
