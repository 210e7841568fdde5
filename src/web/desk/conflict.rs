//! `/desk/conflicts/{id}`: a conflict of two partners, for the channel manager of one of them.

use std::sync::Arc;

use axum::{
    Form as Body,
    extract::{Path, State},
    http::HeaderMap,
};

use super::{rep, work};
use crate::{
    domain::kernel::{Error, Result},
    store::{conflicts, partners},
    web::{
        console::conflicts::Decided,
        frame::{Area, Frame},
        respond::{self, Answer},
        view::conflict,
    },
    work::{
        Context,
        desk::Rep,
        handoff::{self, By},
    },
};

/// Where the pages are.
const PATH: &str = "/desk/conflicts/";

/// Whoever looks after one of the case's partners; to all others it is not there.
async fn manager(ctx: &Context, headers: &HeaderMap, id: &str) -> Result<Rep> {
    let who = rep(ctx, headers).await?.ok_or_else(work::none)?;
    for party in conflicts::parties(&ctx.db, id).await? {
        if let Some(partner) = partners::partner(&ctx.db, &party.partner_slug).await?
            && who.looks_after(&partner)
        {
            return Ok(who);
        }
    }
    Err(Error::not_found("this conflict"))
}

/// `GET /desk/conflicts/{id}`
pub async fn page(State(ctx): State<Arc<Context>>, Path(id): Path<String>, headers: HeaderMap) -> Answer {
    let rep = manager(&ctx, &headers, &id).await?;
    let view = conflict::of_case(&ctx, &id, rep.zone, (PATH, None)).await?;
    let frame = Frame::new(&ctx, Area::Desk, format!("Conflict: {}", view.title), "/desk");
    respond::page(&ctx, "desk/conflict", &frame, &view)
}

/// `POST /desk/conflicts/{id}`
pub async fn decide(
    State(ctx): State<Arc<Context>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(sent): Body<Decided>,
) -> Answer {
    let rep = manager(&ctx, &headers, &id).await?;
    handoff::conflict::decide(&ctx, &id, By::Rep(&rep), sent.version, &sent.winner, &sent.because).await?;
    Ok(respond::see_other(&format!("{PATH}{id}")))
}

/// `POST /desk/conflicts/{id}/again`
pub async fn again(
    State(ctx): State<Arc<Context>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(sent): Body<Decided>,
) -> Answer {
    let rep = manager(&ctx, &headers, &id).await?;
    handoff::conflict::reopen(&ctx, &id, By::Rep(&rep), sent.version, &sent.because).await?;
    Ok(respond::see_other(&format!("{PATH}{id}")))
}
