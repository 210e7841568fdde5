//! The hidden link of a page: whoever follows it is a machine, and so was whoever opened the page.

use super::{Visitor, blank, stay::stay_id};
use crate::{
    domain::{
        engagement::{EventKind, Reason},
        kernel::{Error, Result, id::EventId, token::Purpose},
    },
    store::events,
    work::context::Context,
};

/// The number that the hidden link of pages has among the links of a message, which count from 1.
const LINK_NO: i64 = 0;

/// Takes up that the hidden link of the page of `token` was followed: as a click that is known to be a machine's, and the view of
/// the page with how long it was looked at turn out to be one's, too, as does what was done beside it with the message that led
/// there. Returns the partner's slug.
///
/// # Errors
/// `NotFound` for a token that we did not sign, or a view that is not kept (any more).
pub async fn trapped(ctx: &Context, token: &str, visitor: &Visitor) -> Result<String> {
    let id = EventId::from_bytes(ctx.keys.verify(Purpose::Trap, token)?);
    let view = events::page_view(&ctx.db, &id.to_string()).await?;
    let view = view.ok_or_else(|| Error::not_found("this page"))?;
    let mut tx = ctx.db.begin().await?;
    for id in [id, stay_id(id)] {
        events::trap(&mut tx, &id.to_string(), &Reason::Honeypot.into()).await?;
    }
    tx.commit().await?;
    let mut event = blank(ctx, EventKind::Click, visitor);
    event.honeypot = true;
    event.partner_slug.clone_from(&view.partner_slug);
    event.asset = view.asset;
    event.channel = view.channel;
    // Without a message the number would say nothing.
    event.link_no = view.delivery_id.as_ref().map(|_| LINK_NO);
    event.delivery_id = view.delivery_id;
    ctx.tracker.take_up(event).settled(ctx).await;
    Ok(view.partner_slug)
}
