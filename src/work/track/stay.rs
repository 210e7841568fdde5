//! How long a page was in view, as the page itself tells when it is hidden.

use sha2::{Digest, Sha256};

use super::{Visitor, blank};
use crate::{
    domain::{
        engagement::EventKind,
        kernel::{
            Error, Result,
            clock::{HOUR_MS, MINUTE_MS, UtcMs},
            id::EventId,
            token::Purpose,
        },
    },
    store::events::{self, Event},
    work::context::Context,
};

/// How long after it was opened a page may tell.
pub const STAY_OPEN_MS: i64 = 12 * HOUR_MS;
/// The longest stay that is believed: a page that lies open is not read.
const STAY_MAX_MS: i64 = 30 * MINUTE_MS;
/// A shorter one is none.
const STAY_MIN_MS: i64 = 1_000;
/// How soon behind a click its page is opened.
const OPENED_MS: i64 = MINUTE_MS;

/// Takes up that the page of `token` was in view for `seconds` so far. Told again, the longest counts. It is dated at the
/// opening of the page, so that it is judged beside what else was done with the message then; what opened it as a machine stayed
/// as one.
///
/// # Errors
/// `NotFound` for a token that we did not sign, or a page that was opened long ago.
pub async fn stay(ctx: &Context, token: &str, seconds: u32, visitor: &Visitor) -> Result<()> {
    let gone = || Error::not_found("this page");
    let id = EventId::from_bytes(ctx.keys.verify(Purpose::Stay, token)?);
    let view = events::page_view(&ctx.db, &id.to_string()).await?.ok_or_else(gone)?;
    let open_ms = ctx.now_ms() - view.at_ms;
    if open_ms > STAY_OPEN_MS {
        return Err(gone());
    }
    // Nobody looked at it for longer than it was there.
    let stayed_ms = (i64::from(seconds) * 1_000).min(STAY_MAX_MS).min(open_ms);
    if stayed_ms < STAY_MIN_MS {
        return Ok(());
    }
    let event = Event {
        id: stay_id(id).to_string(),
        at_ms: view.at_ms,
        stayed_ms: Some(stayed_ms),
        lead_id: match &view.lead_id {
            Some(lead) => Some(lead.clone()),
            None => match &view.delivery_id {
                Some(delivery) => {
                    clicker(ctx, delivery, view.asset.as_deref(), view.at_ms, OPENED_MS).await?
                }
                None => None,
            },
        },
        delivery_id: view.delivery_id,
        contact_id: view.contact_id,
        partner_slug: view.partner_slug,
        asset: view.asset,
        channel: view.channel,
        human: view.human,
        reason: view.reason,
        verdict: view.verdict,
        ..blank(ctx, EventKind::PageRead, visitor)
    };
    ctx.tracker.take_up(event).settled(ctx).await;
    Ok(())
}

/// The lead whose own click in the message `delivery`, at most `within_ms` before `at_ms`, led to the page of `asset`: later the
/// address of a page may be anybody's.
pub(super) async fn clicker(
    ctx: &Context,
    delivery: &str,
    asset: Option<&str>,
    at_ms: UtcMs,
    within_ms: i64,
) -> Result<Option<String>> {
    let is_theirs = |event: &&Event| {
        event.kind == EventKind::Click.as_str()
            && event.human
            && event.asset.as_deref() == asset
            && (0..=within_ms).contains(&(at_ms - event.at_ms))
    };
    let seen = events::of_delivery(&ctx.db, delivery).await?;
    Ok(seen.iter().filter(is_theirs).find_map(|event| event.lead_id.clone()))
}

/// The key of a page's stay, made of its view's: whoever tells it again tells the same. It keeps the time.
pub(super) fn stay_id(view: EventId) -> EventId {
    let mut bytes = view.to_bytes();
    let digest = Sha256::digest([&b"stay"[..], &bytes].concat());
    bytes[9..].copy_from_slice(&digest[..7]);
    EventId::from_bytes(bytes)
}

/// Whether a stay is known to be a machine's, since its page was opened by one: it is not judged anew by what its own request
/// tells.
pub(super) fn is_a_machines(event: &Event) -> bool {
    event.kind == EventKind::PageRead.as_str() && !event.human
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::kernel::random::SeededRandom;

    #[test]
    fn a_stay_has_one_key_for_each_view_and_keeps_its_time() {
        let random = SeededRandom::new(1);
        let (one, other) = (EventId::new(5_000, &random), EventId::new(5_000, &random));
        assert_eq!(stay_id(one), stay_id(one));
        assert!(stay_id(one) != stay_id(other) && stay_id(one) != one);
        assert!(stay_id(one) > EventId::since(5_000) && stay_id(one) < EventId::since(5_001));
    }
}
