//! A lead that several are asked to take at once: first what may be said of it, then, once their desk is open in this browser as
//! for an offer, two buttons. Whoever claims it first has it.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Path, State},
    http::HeaderMap,
    response::IntoResponse,
};

use super::{offer::Teaser, rep, set_cookie};
use crate::{
    domain::{
        kernel::{Error, Kind, Result, id::CallId},
        partner::contact::first_name,
    },
    store::{calls::Call, leads, partners},
    web::{
        error::Problem,
        frame::{Area, Frame},
        respond::{self, Answer},
        throttle::Throttle,
        view::{
            Fact, lead,
            when::{Moment, left},
        },
        visitor::Asking,
    },
    work::{Context, desk, handoff, signin, tokens},
};

async fn linked(ctx: &Context, token: &str) -> Result<(CallId, Call, bool)> {
    let (id, made_ms) = tokens::call_of(&ctx.keys, token)?;
    let call = handoff::load_call(ctx, id).await?;
    Ok((id, call, ctx.clock.wall_ms() - made_ms > desk::LINK_MS))
}

/// Whether the desk of whoever is called is open in this browser.
async fn is_inside(ctx: &Context, headers: &HeaderMap, call: &Call) -> Result<bool> {
    Ok(rep(ctx, headers).await?.is_some_and(|rep| rep.is_at(&call.rep_email)))
}

/// `GET /claim/{token}`: changes nothing, whoever asks.
pub async fn page(State(ctx): State<Arc<Context>>, Path(token): Path<String>, headers: HeaderMap) -> Answer {
    let (_, call, is_old) = linked(&ctx, &token).await?;
    let inside = is_inside(&ctx, &headers, &call).await?;
    let (heat, heat_tone) = lead::heat(&call.temperature);
    let partner = partners::partner(&ctx.db, &call.partner_slug).await?;
    let company = partner.as_ref().map_or("your company", |partner| partner.name.as_str());
    let now_ms = ctx.now_ms();
    let over = (call.answer.is_none() && (now_ms >= call.due_ms || is_old))
        .then_some("The time to claim this lead is over.");
    let gone = handoff::gone(&call).or(over);
    let mut facts = vec![Fact::new("Asked", &call.rep_name), Fact::new("Why now", &call.because)];
    if gone.is_none() {
        let known = leads::lead(&ctx.db, &call.lead_id).await?;
        if let Some(size) = known.and_then(|lead| lead.company_size) {
            facts.push(Fact::new("Company size", size));
        }
        let zone = partner.as_ref().map_or(chrono_tz::Tz::UTC, |partner| partner.zone);
        let until = Moment::full(call.due_ms, zone).text;
        facts.push(Fact::new("Claim by", format!("{until} ({})", left(call.due_ms, now_ms))));
    }
    // It names nobody, for mail scanners see it.
    let view = Teaser {
        clock: None,
        action: None,
        open: (gone.is_none() && !inside).then(|| format!("/claim/{token}/open")),
        renew: None,
        heat,
        heat_tone,
        title: if gone.is_some() { "This lead is taken care of" } else { "A lead that you can claim" }.to_owned(),
        text: gone.map_or_else(
            || {
                format!(
                    "{}, somebody is ready for a conversation. Several partners are asked at the same time: whoever claims \
                     the lead first has it, for {company} that is you.",
                    first_name(&call.rep_name)
                )
            },
            str::to_owned,
        ),
        facts,
        desk: inside.then_some("/desk"),
        claim: (gone.is_none() && inside).then(|| format!("/claim/{token}/claim")),
        decline: (gone.is_none() && inside).then(|| format!("/claim/{token}/decline")),
    };
    respond::page(&ctx, "desk/teaser", &Frame::new(&ctx, Area::Desk, &view.title, "/desk"), &view)
}

/// `POST /claim/{token}/open`: opens the desk of whoever is called in this browser. It claims nothing.
pub async fn open(
    State(ctx): State<Arc<Context>>,
    Path(token): Path<String>,
    headers: HeaderMap,
    Asking(visitor): Asking,
    Extension(throttle): Extension<Arc<Throttle>>,
) -> Answer {
    let (_, call, is_old) = linked(&ctx, &token).await?;
    let to = respond::see_other(&format!("/claim/{token}"));
    // The desk is open already: another lead is no other sign-in.
    if is_inside(&ctx, &headers, &call).await? {
        return Ok(to);
    }
    throttle.sign_in(&ctx, &visitor, &call.rep_email).map_err(Problem::too_often)?;
    if desk::rep(&ctx, &call.rep_email).await?.is_none() {
        let text =
            format!("{} receives no leads any more; ask your channel manager for this one", call.rep_name);
        return Err(Error::denied(text).into());
    }
    if is_old {
        return Err(Error::conflict("this link is more than seven days old").into());
    }
    // The page says kindly that there is nothing to claim any more; it opens no desk.
    if call.answer.is_some() {
        return Ok(to);
    }
    let cookie = signin::open_desk(&ctx, &call.rep_email).await?;
    Ok(([set_cookie(&ctx, "desk", &cookie)], to).into_response())
}

/// The call that is answered, from the browser in which their desk is open.
async fn answering(ctx: &Context, token: &str, headers: &HeaderMap) -> Result<(CallId, Call)> {
    let (id, call, _) = linked(ctx, token).await?;
    if is_inside(ctx, headers, &call).await? {
        return Ok((id, call));
    }
    Err(Error::denied("open your desk first, with the button behind the link in your mail"))
}

/// `POST /claim/{token}/claim`: the first has it.
pub async fn claim(State(ctx): State<Arc<Context>>, Path(token): Path<String>, headers: HeaderMap) -> Answer {
    let (id, call) = answering(&ctx, &token, &headers).await?;
    match handoff::claim(&ctx, id).await {
        Ok(()) => Ok(respond::see_other(&format!("/desk/leads/{}?done=accepted", call.lead_id))),
        // The page says kindly who was first, and that there is nothing to do. Who has too many in hand is told so.
        Err(error)
            if error.kind() == Kind::Conflict && handoff::load_call(&ctx, id).await?.answer.is_some() =>
        {
            Ok(respond::see_other(&format!("/claim/{token}")))
        }
        Err(error) => Err(error.into()),
    }
}

/// `POST /claim/{token}/decline`
pub async fn decline(
    State(ctx): State<Arc<Context>>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let (id, call) = answering(&ctx, &token, &headers).await?;
    if call.answer.is_none() {
        handoff::decline(&ctx, id).await?;
    }
    Ok(respond::see_other(&format!("/claim/{token}")))
}

#[cfg(test)]
impl Teaser {
    /// One that can be claimed.
    pub fn sample_of_call() -> Self {
        Self {
            title: "A lead that you can claim".into(),
            text: "Luis, somebody is ready for a conversation.".into(),
            facts: vec![Fact::new("Asked", "Luis Ortega"), Fact::new("Why now", "Asked to talk")],
            clock: None,
            action: None,
            claim: Some("#".into()),
            decline: Some("#".into()),
            ..Self::sample()
        }
    }
}
